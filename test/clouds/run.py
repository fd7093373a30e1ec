"""Starts real stand-ins of cloud services on free loopback ports, runs a command with
their addresses in its environment, and stops them. What cannot be had here is named,
with the reason; a variable that is set already is left as it is.

    python3 test/clouds/run.py [NAME …] [-- COMMAND …]
    python3 test/clouds/run.py --env [NAME …]     keep them up and print export lines
    python3 test/clouds/run.py --list

Exit code: the command's; 1 where a stand-in that is here does not start; 3 where none
of them can be had.
"""

import argparse
import concurrent.futures
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import machine  # noqa: E402
import standins  # noqa: E402
from machine import say  # noqa: E402

DEFAULT = ["go", "test", "-count=1", "-p", "1", "./internal/tool/...", "./internal/cloud/...", "./internal/secret/...", "./examples/analyst/..."]
TRIES = 3  # another process may take a free port before its server does
STOP = 10  # seconds


class Failed(Exception):
    """A stand-in is here and does not work."""


class Clouds:
    """The stand-ins that are up, as a context: all of them end with it."""

    def __init__(self, names):
        self.folder = Path(tempfile.mkdtemp(prefix="skein-clouds-"))
        self.folder.chmod(0o711)  # other users' servers pass through it
        self.up = {}  # stand-in: its process
        self.skipped = {}
        self.given = {}
        self.wanted = []
        for name in names:
            kind = standins.ALL[name]
            given = {v: os.environ[v] for v in kind.variables if os.environ.get(v)}
            if given:
                self.given[name] = given
                continue
            own = self.folder / name
            own.mkdir()
            self.wanted.append(kind(own))

    def __enter__(self):
        try:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                try:
                    jobs = [(one, pool.submit(one.prepare)) for one in self.wanted]
                    ready = [one for one, job in jobs if self.prepared(one, job)]
                except BaseException:
                    machine.stopping.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    for p in list(machine.busy):
                        machine.kill(p)
                    raise
            for one in ready:
                self.launch(one)
            for one in ready:
                self.wait(one)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def prepared(self, one, job):
        try:
            job.result()
            return True
        except machine.Unavailable as e:
            self.skipped[one.name] = str(e)
            return False

    # Processes are started by the main thread: the kernel ends a child that wants to
    # die with its parent when the thread that started it is gone.
    def launch(self, one):
        one.ports = [machine.free_port() for _ in range(one.ports_needed)]
        log = self.folder / f"{one.name}.log"
        how = {"user": one.user[0], "group": one.user[1], "extra_groups": []} if one.user else {}
        with open(log, "ab") as out:
            try:
                self.up[one] = subprocess.Popen(one.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=one.folder,
                                                env=one.environment(), start_new_session=True, preexec_fn=machine.dies_with_us, **how)
            except OSError as e:
                raise Failed(f"{one.name} cannot be run: {e}") from None

    def wait(self, one):
        """Waits until it answers; one that ended first gets other ports."""
        for left in reversed(range(TRIES)):
            end = time.monotonic() + one.start_within
            while self.up[one].poll() is None and time.monotonic() < end:
                if one.answers():
                    return
                time.sleep(0.05)
            ended = self.up[one].poll()
            if ended is None:
                raise Failed(f"{one.name} did not answer within {one.start_within} s: {self.last_words(one)}")
            if not left:
                raise Failed(f"{one.name} ended with {ended}: {self.last_words(one)}")
            self.launch(one)

    def last_words(self, one):
        return machine.last_words((self.folder / f"{one.name}.log").read_text(errors="replace"))

    def values(self):
        return {k: v for some in [*self.given.values(), *(one.values() for one in self.up)] for k, v in some.items()}

    def died(self):
        return {one.name: f"ended with {p.returncode}: {self.last_words(one)}" for one, p in self.up.items() if p.poll() is not None}

    def tell(self):
        for name in self.given:
            say(f"{name}: as given")
        for one in self.up:
            say(f"{one.name}: up, pid {self.up[one].pid}, {' '.join(one.values().values())}")
        self.tell_skipped()

    def tell_skipped(self):
        for name, why in self.skipped.items():
            say(f"skipped: {name}: {why}")

    def stop(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second one would leave servers behind
        for one, p in self.up.items():
            if p.poll() is None:
                p.send_signal(one.stop)
        end = time.monotonic() + STOP
        for p in self.up.values():
            try:
                p.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                pass
            machine.kill(p)  # also what it has left behind
            p.wait()


def run(command, env, seconds):
    """The command's exit code. At a terminal it is in our process group, so that it can
    read from it and Ctrl-C reaches it; elsewhere it is in one of its own, which ends."""
    own = not sys.stdin.isatty()
    try:
        p = subprocess.Popen(command, cwd=machine.ROOT, env=env, start_new_session=own, preexec_fn=machine.dies_with_us)
    except OSError as e:
        say(f"{shlex.join(command)} cannot be run: {e}")
        return 127
    try:
        code = p.wait(seconds)
        return code if code >= 0 else 128 - code
    except subprocess.TimeoutExpired:
        say(f"{shlex.join(command)} was not done within {seconds} s")
        return 1
    finally:
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(STOP)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if own:
            machine.kill(p)  # also what it has left behind


def hold(clouds):
    """Prints the variables and waits until standard input is closed, or a server is gone."""
    for name, value in clouds.values().items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    say("up until standard input is closed, or Ctrl-C")
    while not clouds.died():
        if select.select([0], [], [], 1)[0] and not os.read(0, 1 << 16):
            break
    return 0


def arguments():
    argv = sys.argv[1:]
    before, command = argv, DEFAULT
    if "--" in argv:
        at = argv.index("--")
        before, command = argv[:at], argv[at + 1:] or DEFAULT
    opts = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    opts.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(standins.ALL)}")
    opts.add_argument("--env", action="store_true", help="run nothing; print export lines and stay until standard input is closed")
    opts.add_argument("--list", action="store_true", help="name the stand-ins and their variables")
    opts.add_argument("--timeout", type=int, default=1800, metavar="SECONDS", help="what the command may take (1800)")
    opts.add_argument("--keep", action="store_true", help="keep the servers' data and logs")
    o = opts.parse_args(before)
    if unknown := [n for n in o.names if n not in standins.ALL]:
        opts.error(f"no stand-in is called {', '.join(unknown)}; there are {', '.join(standins.ALL)}")
    return o, command


def interrupted(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main():
    o, command = arguments()
    if o.list:
        for name, kind in standins.ALL.items():
            print(f"{name:10}{' '.join(kind.variables)}")
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    began = time.monotonic()
    clouds = Clouds(dict.fromkeys(o.names or standins.ALL))
    code = 1
    try:
        with clouds:
            clouds.tell()
            say(f"{len(clouds.up)} up after {time.monotonic() - began:.1f} s")
            values = clouds.values()
            if not values:
                code = 3
            elif o.env:
                code = hold(clouds)
            else:
                code = run(command, {**os.environ, **values}, o.timeout)
                clouds.tell_skipped()  # again, where it is seen
            for name, how in clouds.died().items():
                say(f"FAIL {name} {how}")
                code = code or 1
    except Failed as e:
        say(f"FAIL {e}")
    except KeyboardInterrupt as e:
        say(f"stopped by {e.args[0] if e.args else 'Ctrl-C'}")
        code = 0 if o.env else 130
    if o.keep:
        say(f"data and logs are in {clouds.folder}")
    elif code in (0, 3, 130):
        shutil.rmtree(clouds.folder, ignore_errors=True)
    else:
        for data in filter(Path.is_dir, clouds.folder.iterdir()):
            shutil.rmtree(data, ignore_errors=True)
        say(f"logs are in {clouds.folder}")
    return code


if __name__ == "__main__":
    sys.exit(main())

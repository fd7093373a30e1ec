"""Tries the real clients of the field, unmodified, with Skein, each with each kind of
provider, and prints the matrix. Exit code 0: every cell is ok, or is explained in
table.py. Only loopback is reached while clients run.

    python3 test/clients/run.py [--client PART] [--provider NAME,…] [--served] [--trace]

Exit code 3: the clients cannot be had here (no node, no package index).
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import machine
import table
from world import World

ALL_TOLD = 600  # seconds
EACH = 60  # seconds a client and provider
ORDER = ["ended", "text", "stream", "tool", "stream_tool", "image", "reasoning", "structured", "error", "limited", "count", "models", "invoke", "embed", "embed_many", "task"]


def bounded(command, seconds, **how):
    """Runs a command in a process group of its own, which ends with it: its exit code
    (None: it was not done in time), what it printed and what it complained of."""
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **how)
    late = ""
    try:
        out, err = p.communicate(timeout=max(seconds, 1))
    except subprocess.TimeoutExpired:
        late = f"\nit was not done within {seconds:.0f} s"
    try:
        os.killpg(p.pid, signal.SIGKILL)  # also what it has left behind
    except ProcessLookupError:
        pass
    if late:
        out, err = p.communicate()
    return None if late else p.returncode, out, err + late


def last_words(err):
    lines = [line for line in err.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-400:]


def try_client(world, client, providers, end, trace):
    """The outcomes of a script: (provider, feature) -> reason, "" for ok."""
    home = Path(tempfile.mkdtemp(dir=world.folder))
    key = world.key(client.name)
    access, secret = world.pair(key)
    env = machine.environment(
        home, world.isolated, SKEIN_URL=world.url, SKEIN_TLS_URL=world.tls_url, AWS_CA_BUNDLE=str(world.folder / "cert.pem"),
        SKEIN_API_KEY=key, SKEIN_AWS_ID=access, SKEIN_AWS_SECRET=secret, SKEIN_MODELS=" ".join(p.name for p in providers), **({"SKEIN_TRACE": "1"} if trace else {}))
    runner = "python" if client.script.endswith(".py") else "node"
    argument = [client.argument] if client.argument else []
    code, out, err = bounded([runner if runner == "node" else str(machine.VENV / "bin/python"), str(machine.HERE / client.script), *argument],
                             min(EACH * len(providers), end - time.monotonic()), cwd=home, env=env)
    if trace and err:
        print(f"-- {client.name}\n{err}", file=sys.stderr)
    cells = {}
    for line in out.splitlines():
        if not line.startswith('{"model"'):
            continue  # a package's own talk
        got = json.loads(line)
        cells[got["model"], got["feature"]] = "" if got["ok"] else got["reason"]
    told = {model for model, _ in cells}
    for p in providers:
        if code != 0 or p.name not in told:
            cells[p.name, "ended"] = f"exit {code}: {last_words(err)}"
    return cells


def try_agent(world, agent, providers, end, trace):
    cells = {}
    for p in providers:
        home = Path(tempfile.mkdtemp(dir=world.folder))
        work = home / "work"
        work.mkdir()
        key = world.key(agent.name)
        fill = lambda text: text.format(url=world.url, key=key, model=p.name)
        for name, content in agent.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(content)
        env = machine.environment(home, world.isolated, **{k: fill(v) for k, v in agent.env.items()})
        command = [fill(part) for part in agent.command]
        command[0] = str(machine.MODULES / ".bin" / command[0])
        code, out, err = bounded(command, min(EACH, end - time.monotonic()), cwd=work, env=env)
        if trace:
            print(f"-- {agent.name} {p.name}\n{out}\n{err}", file=sys.stderr)
        calls = list(world.calls(key))
        # Agents ask for models by names of their own, to see which there are: those are none of ours.
        wrong = [f"{c['path']} {c['status']} {c['error']}" for c in calls if c.get("error") and c["model"] == p.name]
        reason = ""
        if code != 0:
            reason = f"exit {code}: {last_words(err or out)}"
        elif agent.says not in out:
            reason = f"it printed {out.strip()[-200:]!r}, without {agent.says!r}"
        elif len(calls) < 2:
            reason = f"it made {len(calls)} calls, where a tool call takes two"
        if wrong:
            reason = (reason + "; " if reason else "") + "Skein answered " + ", ".join(wrong)
        cells[p.name, "task"] = reason
    return cells


def explained(client, provider, feature):
    for pattern, why in table.EXPLAINED.items():
        if all(fnmatch.fnmatchcase(have, want) for have, want in zip((client, provider, feature), pattern)):
            return pattern, why
    return None, None


def show(results, rows, providers, unserved):
    """Prints the matrix and what is behind it; True where all is well."""
    bad, notes, used, worked = [], {}, set(), defaultdict(list)
    width = max(len(r.name) for r in rows) + 2
    for p in providers:
        seen = {f for cells in results.values() for (name, f) in cells if name == p.name}
        columns = [f for f in ORDER if f in seen] + sorted(seen - set(ORDER))
        print(f"\n{p.name:<{width}}" + "".join(f"{c:>12}" for c in columns))
        for r in rows:
            line = f"{r.name:<{width}}"
            if r.name in unserved:
                print(line + f"  not served: POST {unserved[r.name]}")
                continue
            for f in columns:
                reason = results[r.name].get((p.name, f))
                pattern, why = explained(r.name, p.name, f)
                mark = "-" if reason is None else "ok"
                if pattern and reason is not None:
                    worked[pattern].append(not reason)
                    if reason:
                        mark = f"({notes.setdefault(why, len(notes) + 1)})"
                elif reason:
                    mark = "FAIL"
                    bad.append(f"{r.name}, {p.name}, {f}: {reason}")
                line += f"{mark:>12}"
            print(line)
    print()
    for why, n in notes.items():
        print(f"({n}) {why}")
    for pattern, oks in worked.items():
        if all(oks):
            bad.append(f"{pattern} works; take its row out of EXPLAINED in table.py")
    cells = [reason for c in results.values() for reason in c.values()]
    print(f"{sum(not c for c in cells)} of {len(cells)} cells are ok; {len(bad)} failures; {len(unserved)} clients of formats that are not served")
    for b in bad:
        print("FAIL", b)
    return not bad


def main():
    opts = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    opts.add_argument("--client", default="", help="only clients whose name holds this")
    opts.add_argument("--provider", default="", help="only these providers, with commas between")
    opts.add_argument("--served", action="store_true", help="a format that Skein does not serve is no failure")
    opts.add_argument("--trace", action="store_true", help="print the clients' own output, and keep the folder")
    o = opts.parse_args()
    if not os.environ.get(machine.INSIDE):
        machine.install()
        machine.build()
    isolated = machine.isolate()
    if not isolated:
        print("clients: there is no network namespace to be had; the clients are kept to loopback by proxy variables only")
    rows = [c for c in table.CLIENTS + table.AGENTS if o.client in c.name]
    providers = [p for p in table.PROVIDERS if not o.provider or p.name in o.provider.split(",")]
    if not rows or not providers:
        sys.exit("clients: no client or provider is called so; see table.py")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="skein-clients-"))
    with World(folder, isolated, providers) as world, concurrent.futures.ThreadPoolExecutor(2) as pool:
        unserved = {r.name: r.path for r in rows if not world.served[r.path]}
        tries = {"script": try_client, "agent": try_agent}
        fit = lambda r: [p for p in providers if p.embed or not getattr(r, "embeds", False)]
        jobs = {r.name: pool.submit(tries[r.kind], world, r, fit(r), began + ALL_TOLD, o.trace) for r in rows if r.name not in unserved}
        results = defaultdict(dict, {name: job.result() for name, job in jobs.items()})
    well = show(results, rows, providers, unserved) and (o.served or not unserved)
    print(f"{time.monotonic() - began:.0f} s" + ("" if isolated else ", not isolated"))
    if o.trace or not well:
        print(f"logs are in {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()

"""What the stand-ins need of this machine: pinned packages in a cache folder, ports,
and processes that end with us."""

import contextlib
import ctypes
import fcntl
import glob
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = Path(os.environ.get("SKEIN_CLOUDS_CACHE") or Path.home() / ".cache" / "skein-clouds")
INSTALL = 900  # seconds, for one package
OWN = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}  # no credential of the user reaches a server

busy = set()  # the processes of `bounded` that are under way
stopping = threading.Event()


class Unavailable(Exception):
    """A stand-in cannot be had here, and why."""


def need(program, what=""):
    found = shutil.which(program)
    if not found:
        raise Unavailable(f"there is no {program} here" + (f" ({what})" if what else ""))
    return found


def last_words(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-400:]


def bounded(command, seconds=INSTALL, **how):
    """Runs a command in a process group of its own, which is ended when it is late or
    when we stop; Unavailable where it fails."""
    name = os.path.basename(str(command[0]))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", start_new_session=True, **how) as p:
        busy.add(p)
        try:
            if stopping.is_set():
                kill(p)
            out, _ = p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            kill(p)
            raise Unavailable(f"{name} was not done within {seconds} s") from None
        finally:
            busy.discard(p)
    if p.returncode:
        raise Unavailable(f"{name} failed: {last_words(out)}")
    return out


def kill(p):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(p.pid, signal.SIGKILL)


@contextlib.contextmanager
def installed(name, made, *pins):
    """Yields whether what is pinned has to be installed, one of us at a time; made is a
    file that is there when it is."""
    CACHE.mkdir(parents=True, exist_ok=True)
    stamp = CACHE / f"{name}.stamp"
    want = hashlib.sha256("\n".join(pins).encode()).hexdigest()
    with open(CACHE / f"{name}.lock", "w") as lock:
        end = time.monotonic() + INSTALL
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end or stopping.is_set():
                    raise Unavailable(f"another process has been installing {name} all the time") from None
                time.sleep(0.2)
        stale = not made.exists() or not stamp.exists() or stamp.read_text() != want
        if stale and pins:
            say(f"{name}: installing")
        yield stale
        stamp.write_text(want)


def say(line):
    print(f"clouds: {line}", file=sys.stderr, flush=True)


def python_packages():
    """The interpreter of an environment with requirements.txt in it."""
    pins, venv = HERE / "requirements.txt", CACHE / "venv"
    with installed("moto", venv / "bin/moto_server", pins.read_text(), sys.version) as stale:
        if stale:
            shutil.rmtree(venv, ignore_errors=True)
            bounded([sys.executable, "-m", "venv", venv])
            bounded([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", pins])
    return venv / "bin/python"


def node_packages():
    """The folder with the packages of node/package-lock.json; none runs a script of its own."""
    node = need("node")
    major = int(bounded([node, "--version"], 20).strip().lstrip("v").split(".")[0])
    if major < 20:
        raise Unavailable(f"node {major} is here, and 20 or newer is needed")
    npm, pins, home = need("npm"), HERE / "node", CACHE / "node"
    with installed("node", home / "node_modules/.package-lock.json", (pins / "package-lock.json").read_text()) as stale:
        if stale:
            home.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(pins / name, home / name)
            bounded([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=home)
    return home / "node_modules"


def go_environment():
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "local"), "GOFLAGS": "", "GOWORK": "off"}


def go_program(module, version):
    """The binary of a Go program at a version, built by its own go.mod."""
    go, folder = need("go"), CACHE / "go"
    name = [part for part in module.split("/") if not (part.startswith("v") and part[1:].isdigit())][-1]
    with installed(name, folder / name, module, version) as stale:
        if stale:
            bounded([go, "install", "-p", "2", "-trimpath", f"{module}@{version}"], env={**go_environment(), "GOBIN": str(folder)})
    return folder / name


def own_program(folder):
    """The binary of a program of the module in servers/. Go knows whether it is built already."""
    go, binary = need("go"), CACHE / "go" / folder
    with installed(folder, binary):
        bounded([go, "build", "-p", "2", "-trimpath", "-o", binary, "./" + folder], cwd=HERE / "servers", env=go_environment())
    return binary


def debian(program, package, folders=""):
    """A program of a Debian package, which root installs where it is missing; folders
    is a pattern of further places to look at."""

    def find():
        more = sorted(glob.glob(folders), reverse=True)
        found = shutil.which(program, path=os.pathsep.join([OWN["PATH"], "/usr/sbin", "/usr/bin", *more]))
        return Path(found).resolve() if found else None

    if found := find():
        return found
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        raise Unavailable(f"there is no {program} here (Debian's package {package}; only root can install it)")
    say(f"{package}: installing Debian's package")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
    with installed("apt", Path(apt)):
        bounded([apt, "update", "-qq"], env=quiet)
        # Only the binaries are wanted: no cluster is made and no service is started.
        made = Path("/etc/postgresql-common/createcluster.conf")
        if "postgresql" in package and not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text("create_main_cluster = false\n")
        bounded([apt, "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120",
                 "-o", "Dpkg::Options::=--force-confold", package], env=quiet)
    if found := find():
        return found
    raise Unavailable(f"{package} is installed, and holds no {program}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def dies_with_us():
    """In a child before it runs its program: the kernel ends it when we are gone."""
    if libc:
        pr_set_pdeathsig = 1
        libc.prctl(pr_set_pdeathsig, signal.SIGKILL)

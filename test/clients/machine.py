"""What run.py needs of this machine: the clients' packages, Skein's binaries, and a
network with loopback only."""

import fcntl
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = HERE / ".cache"
VENV = CACHE / "venv"
MODULES = CACHE / "node" / "node_modules"


def unavailable(why):
    print(f"clients: skipped: {why}")
    sys.exit(3)


def install():
    """Installs the pinned packages where the pins have changed since."""
    for need in ("node", "npm", "openssl"):
        if not shutil.which(need):
            unavailable(f"there is no {need} here")
    try:
        install_pinned()
    except subprocess.CalledProcessError as e:
        unavailable(f"the packages cannot be installed: {e}")


def install_pinned():
    CACHE.mkdir(exist_ok=True)
    with once("python", HERE / "requirements.txt") as stale:
        if stale:
            print("clients: installing the Python packages", flush=True)
            shutil.rmtree(VENV, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
            subprocess.run([VENV / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", HERE / "requirements.txt"], check=True)
    with once("node", HERE / "package-lock.json") as stale:
        if stale:
            print("clients: installing the Node packages", flush=True)
            home = MODULES.parent
            home.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, home / name)
            # Packages run nothing at their installation, but for the one that puts its binary in place.
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=home, check=True)
            subprocess.run(["node", "install.cjs"], cwd=MODULES / "@anthropic-ai/claude-code", check=True)
    link = HERE / "node_modules"  # Node looks for packages beside the script; go build ./... follows no links
    if not link.is_symlink():
        link.symlink_to(MODULES)


class once:
    """Yields whether the pins differ from those that were installed last."""

    def __init__(self, name, pins):
        self.stamp = CACHE / f"{name}.stamp"
        self.want = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()

    def __enter__(self):
        return not self.stamp.exists() or self.stamp.read_text() != self.want

    def __exit__(self, failed, *_):
        if not failed:
            self.stamp.write_text(self.want)


def build():
    for name in ("skein", "fakecloud"):
        subprocess.run(["go", "build", "-o", CACHE / "bin" / name, f"./cmd/{name}"], cwd=ROOT, check=True, env={**os.environ, "CGO_ENABLED": "0"})


INSIDE = "SKEIN_CLIENTS_INSIDE"


def isolate():
    """Goes on in a network namespace where there is only loopback, so that no client
    can reach anything else; False where the system has none to give."""
    if os.environ.get(INSIDE):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            up, running, siocsifflags = 0x1, 0x40, 0x8914
            fcntl.ioctl(s, siocsifflags, struct.pack("16sh", b"lo", up | running))
        return True
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rn", "true"], capture_output=True).returncode:
        return False
    os.execve(unshare, [unshare, "-rn", sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


# Where there is no such namespace, clients that heed the proxy variables are kept in.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}


def environment(home, isolated, **more):
    """All that a client sees of this machine's environment."""
    return {
        "PATH": f"{VENV}/bin:{MODULES}/.bin:{Path(shutil.which('node')).parent}:/usr/bin:/bin",
        "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor",
        "PYTHONDONTWRITEBYTECODE": "1", "AWS_EC2_METADATA_DISABLED": "true",
        **({} if isolated else NOWHERE), **more,
    }


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

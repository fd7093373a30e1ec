"""The processes that clients are tried with: the stand-in provider, Skein before it,
and a TLS front before Skein."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import machine
import table


class World:
    """Stand-in provider, Skein and a TLS front, started and stopped together."""

    def __init__(self, folder, isolated, providers):
        self.folder, self.isolated, self.providers, self.started = folder, isolated, providers, []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        bin, folder = machine.CACHE / "bin", self.folder
        self.log = folder / "skein.log"
        self.spawn("fakecloud", [bin / "fakecloud", "--listen", "127.0.0.1:0", "--dir", folder])
        self.fake = "http://" + self.wait(lambda: (folder / "address").read_text().strip())
        config = {"version": 1, "listen": "127.0.0.1:0"}
        (folder / "skein.yaml").write_text(json.dumps(config)[:-1] + ", " + ", ".join(self.parts()) + "}")
        self.env = {**os.environ, "FAKE_KEY": "fake", "SKEIN_DATA": str(folder / "data"), "SKEIN_CONFIG": str(folder / "skein.yaml")}
        self.spawn("skein", [bin / "skein", "serve", "--log", "debug", "--log-json"])
        self.url = self.wait(lambda: next(w for w in self.log.read_text().split() if w.startswith("http://127.0.0.1:")))
        port = machine.free_port()
        self.tls_url = f"https://127.0.0.1:{port}"
        self.spawn("tls", [sys.executable, machine.HERE / "tlsfront.py", folder, str(port), self.url.removeprefix("http://")])
        self.wait(lambda: (folder / "cert.pem").read_text())
        for model in {name for p in self.providers for name in (p.limited, p.limited.removeprefix("us."))}:
            self.post(self.fake + "/faults", {"kind": "429", "retry_after": 3600, "match": {"model": model}})
        self.key("first")  # from now on a key is asked for
        self.served = {path: self.serves(path) for path in {c.path for c in table.CLIENTS + table.AGENTS}}

    def parts(self):
        """The providers and models of the configuration."""
        yield '"providers": {%s}' % ", ".join(f"{p.name}: {p.options.format(fake=self.fake)}" for p in self.providers)
        one = '"{name}": {{deployments: [{{provider: {provider}, upstream: "{upstream}"}}]}}'
        yield '"models": {%s}' % ", ".join(
            one.format(name=p.name + more, provider=p.name, upstream=up)
            for p in self.providers for more, up in (("", p.upstream), ("-limited", p.limited), ("-embed", p.embed)) if up)

    def spawn(self, name, command):
        with open(self.folder / f"{name}.log", "wb") as log:
            p = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=getattr(self, "env", None))
        self.started.append((name, p))

    def wait(self, ready):
        for _ in range(200):
            for name, p in self.started:
                if p.poll() is not None:
                    raise SystemExit(f"clients: {name} has ended:\n" + (self.folder / f"{name}.log").read_text())
            try:
                if got := ready():
                    return got
            except (OSError, StopIteration):
                pass
            time.sleep(0.05)
        raise SystemExit(f"clients: a process did not come up within 10 s; the logs are in {self.folder}")

    def key(self, name):
        out = subprocess.run([machine.CACHE / "bin/skein", "key", "create", name], env=self.env, check=True, capture_output=True, text=True).stdout
        return out.strip()

    def pair(self, key):
        """The access key and the secret with which AWS's clients sign for a key, derived
        as internal/auth does."""
        id, secret = key.removeprefix("sk-skein-").split("-")
        mac = hmac.digest(hashlib.sha256(secret.encode()).digest(), b"skein aws secret 1", "sha256")
        return "SKEIN" + id.upper(), base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def post(self, url, body, **header):
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **header})
        return urllib.request.urlopen(request, timeout=10).read()

    def serves(self, path):
        try:
            self.post(self.url + path, {})
        except urllib.error.HTTPError as e:
            return e.code != 404  # without a key it is refused with 401, where it is served
        return True

    def calls(self, key):
        """What Skein logged of the calls with a key."""
        for line in self.log.read_text().splitlines():
            if '"msg":"call served"' in line and key.startswith(f"sk-skein-{(call := json.loads(line))['key']}-"):
                yield call

    def __exit__(self, *_):
        for _, p in reversed(self.started):
            p.send_signal(signal.SIGTERM)
        for _, p in reversed(self.started):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()

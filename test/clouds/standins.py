"""The stand-ins: how each is had, started, known to answer, and told of to tests."""

import json
import os
import pwd
import signal
import socket
import struct
import urllib.error
import urllib.request

import machine

REGION = "us-east-1"
ACCESS, SECRET = "skein", "skein-secret"


class StandIn:
    name = ""
    variables = ()  # what tests read
    ports_needed = 1
    stop = signal.SIGTERM
    start_within = 60  # seconds

    def __init__(self, folder):
        self.folder = folder  # its own, empty
        self.ports = []
        self.user = None  # the user that it runs as, where that is not ours

    def prepare(self):
        """Installs what is missing; Unavailable where it cannot be had."""

    def command(self):
        """What to run, once the ports are chosen."""
        raise NotImplementedError

    def environment(self):
        return {**machine.OWN, "HOME": str(self.folder), "TMPDIR": str(self.folder)}

    def answers(self):
        """Whether it serves; asked again and again until it does."""
        raise NotImplementedError

    def values(self):
        """The variables and their values."""
        return {self.variables[0]: self.url()}

    def url(self, port=0):
        return f"http://127.0.0.1:{self.ports[port]}"


def http_answers(url, below=500, data=None):
    """Whether an HTTP server answers there with a status below that."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(url, data=data), timeout=2) as answer:
            return answer.status < below
    except urllib.error.HTTPError as e:
        return e.code < below
    except (OSError, ValueError):
        return False


def greets(port, want, hello=b""):
    """Whether a server answers a hello, or a bare connection, with bytes that want takes."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
            s.sendall(hello)
            return want(s.recv(64))
    except OSError:
        return False


class Moto(StandIn):
    name = "moto"
    variables = ("SKEIN_TEST_MOTO",)
    start_within = 120

    def prepare(self):
        self.python = machine.python_packages()

    def command(self):
        return [self.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.ports[0])]

    def environment(self):
        # Moto asks no other machine, yet its SDK wants credentials to be there.
        return {**super().environment(), "MOTO_PORT": str(self.ports[0]), "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1"}

    def answers(self):
        # Functions are to answer without a container engine: each with what it was asked.
        simple = json.dumps({"lambda": {"use_docker": False}, "batch": {"use_docker": False}}).encode()
        return http_answers(f"{self.url()}/moto-api/config", 300, simple)


class MotoIAM(Moto):
    """A second one, whose tests turn its enforcement of IAM on and off."""

    name = "moto-iam"
    variables = ("SKEIN_TEST_MOTO_IAM",)


class Dynalite(StandIn):
    name = "dynamodb"
    variables = ("SKEIN_TEST_DYNAMODB",)

    def prepare(self):
        self.modules = machine.node_packages()

    def command(self):
        # Ten milliseconds stand for the seconds that a table takes to be there.
        quick = [word for flag in ("create", "delete", "update") for word in (f"--{flag}TableMs", "10")]
        return [machine.need("node"), self.modules / "dynalite/cli.js", "--host", "127.0.0.1", "--port", str(self.ports[0]), *quick]

    def answers(self):
        return http_answers(self.url())


class VersityGW(StandIn):
    name = "s3"
    variables = ("SKEIN_TEST_S3",)

    def prepare(self):
        self.binary = machine.go_program("github.com/versity/versitygw/cmd/versitygw", "v1.8.0")
        self.options = []
        (self.folder / "objects").mkdir()
        try:
            os.setxattr(self.folder / "objects", "user.skein", b"1")
        except (OSError, AttributeError):  # then metadata is kept in files beside the objects
            (self.folder / "metadata").mkdir()
            self.options = ["--sidecar", self.folder / "metadata"]

    def command(self):
        return [self.binary, "--port", f"127.0.0.1:{self.ports[0]}", "--region", REGION, "--health", "/health", "posix", *self.options, self.folder / "objects"]

    def environment(self):
        return {**super().environment(), "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}

    def answers(self):
        return http_answers(f"{self.url()}/health", 300)


class Azurite(StandIn):
    name = "azurite"
    variables = ("SKEIN_TEST_AZURITE_BLOB", "SKEIN_TEST_AZURITE_QUEUE", "SKEIN_TEST_AZURITE_TABLE")
    ports_needed = 3
    account = "devstoreaccount1"

    def prepare(self):
        self.modules = machine.node_packages()

    def command(self):
        ports = [word for flag, port in zip(("--blobPort", "--queuePort", "--tablePort"), self.ports) for word in (flag, str(port))]
        return [machine.need("node"), self.modules / "azurite/dist/src/azurite.js", *ports, "--location", self.folder,
                "--disableTelemetry", "--disableProductStyleUrl", "--skipApiVersionCheck"]

    def answers(self):
        return all(http_answers(self.url(i)) for i in range(3))

    def values(self):
        return {name: f"{self.url(i)}/{self.account}" for i, name in enumerate(self.variables)}


class FakeGCS(StandIn):
    name = "gcs"
    variables = ("SKEIN_TEST_GCS",)

    def prepare(self):
        self.binary = machine.go_program("github.com/fsouza/fake-gcs-server", "v1.56.1")

    def command(self):
        host = f"127.0.0.1:{self.ports[0]}"
        return [self.binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(self.ports[0]), "-backend", "memory",
                "-public-host", host, "-external-url", f"http://{host}"]

    def answers(self):
        return http_answers(f"{self.url()}/_internal/healthcheck", 300)


class PubSub(StandIn):
    name = "pubsub"
    variables = ("SKEIN_TEST_PUBSUB", "SKEIN_TEST_PUBSUB_GRPC")
    ports_needed = 2

    def prepare(self):
        self.binary = machine.own_program("pubsub")

    def command(self):
        return [self.binary, "-listen", f"127.0.0.1:{self.ports[0]}", "-grpc", f"127.0.0.1:{self.ports[1]}"]

    def answers(self):
        return http_answers(f"{self.url()}/v1/projects/skein/topics", 300)

    def values(self):
        return {self.variables[0]: self.url(), self.variables[1]: f"127.0.0.1:{self.ports[1]}"}


class GoogleEmulator(StandIn):
    """One of Google's own emulators, where gcloud has it among its components."""

    component = ""
    start_within = 120

    def prepare(self):
        self.java = machine.need("java")
        platform = machine.Path(machine.need("gcloud")).resolve().parent.parent / "platform"
        jars = sorted(platform.glob(f"{self.component}/**/*.jar"))
        if not jars:
            raise machine.Unavailable(f"gcloud is here without its component: gcloud components install {self.component}")
        self.jar = jars[-1]

    def command(self):
        return [self.java, "-Xmx256m", "-Duser.language=en", "-cp", self.jar, *self.start, "--host=127.0.0.1", f"--port={self.ports[0]}"]


class Firestore(GoogleEmulator):
    name = "firestore"
    variables = ("SKEIN_TEST_FIRESTORE",)
    component = "cloud-firestore-emulator"
    start = ["com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start"]

    def answers(self):
        return http_answers(self.url(), 300)


class PubSubEmulator(GoogleEmulator):
    """Google's, beside the one for Go tests: each is checked by the other."""

    name = "pubsub-emulator"
    variables = ("SKEIN_TEST_PUBSUB_EMULATOR",)
    component = "pubsub-emulator"
    start = ["com.google.cloud.pubsub.testing.v1.Main"]

    def answers(self):
        return http_answers(f"{self.url()}/v1/projects/skein/topics", 300)


class Database(StandIn):
    """A database server that will not run as root, whose folder becomes another user's."""

    def take_user(self, *names):
        if os.geteuid() != 0:
            return
        for name in names:
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
            self.user = found.pw_uid, found.pw_gid
            os.chown(self.folder, *self.user)
            return
        raise machine.Unavailable(f"there is no user {' or '.join(names)} to run it as")

    def run(self, command):
        how = {"user": self.user[0], "group": self.user[1], "extra_groups": []} if self.user else {}
        machine.bounded(command, 120, cwd=self.folder, env=self.environment(), **how)


class Postgres(Database):
    name = "postgres"
    variables = ("SKEIN_TEST_POSTGRES",)
    stop = signal.SIGINT  # clients are cut off

    def prepare(self):
        self.postgres = machine.debian("postgres", "postgresql", "/usr/lib/postgresql/*/bin")
        self.take_user("postgres", "nobody")
        password = self.folder / "password"
        password.write_text("skein\n")
        if self.user:
            os.chown(password, *self.user)
        self.run([self.postgres.parent / "initdb", "-D", self.folder / "data", "-U", "skein", "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.ports[0], "unix_socket_directories": "", "fsync": "off", "max_connections": 100, "wal_level": "logical", "shared_buffers": "64MB"}
        return [self.postgres, "-D", self.folder / "data", *(word for k, v in settings.items() for word in ("-c", f"{k}={v}"))]

    def answers(self):
        start = struct.pack("!i", 196608) + b"user\0skein\0database\0postgres\0\0"
        return greets(self.ports[0], lambda got: got[:1] == b"R", struct.pack("!i", len(start) + 4) + start)

    def values(self):
        return {self.variables[0]: f"postgres://skein:skein@127.0.0.1:{self.ports[0]}/postgres?sslmode=disable"}


class MariaDB(Database):
    name = "mysql"
    variables = ("SKEIN_TEST_MYSQL",)
    start_within = 120
    setup = """CREATE DATABASE IF NOT EXISTS skein CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'skein'@'127.0.0.1' IDENTIFIED BY 'skein';
GRANT ALL ON *.* TO 'skein'@'127.0.0.1' WITH GRANT OPTION;
"""

    def prepare(self):
        self.server = machine.debian("mariadbd", "mariadb-server-core")
        machine.debian("my_print_defaults", "mariadb-client-core")  # the next program asks it
        install = machine.debian("mariadb-install-db", "mariadb-server-core")
        self.take_user("mysql", "nobody")
        (self.folder / "setup.sql").write_text(self.setup)
        self.run([install, "--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db"])

    def command(self):
        return [self.server, "--no-defaults", f"--datadir={self.folder / 'data'}", "--bind-address=127.0.0.1", f"--port={self.ports[0]}",
                f"--socket={self.folder / 's'}", f"--pid-file={self.folder / 'pid'}", f"--init-file={self.folder / 'setup.sql'}", "--skip-name-resolve",
                "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--performance-schema=OFF"]

    def answers(self):
        return greets(self.ports[0], lambda got: got[4:5] == b"\x0a")  # protocol 10

    def values(self):
        return {self.variables[0]: f"mysql://skein:skein@127.0.0.1:{self.ports[0]}/skein"}


class Nats(StandIn):
    name = "nats"
    variables = ("SKEIN_TEST_NATS",)

    def prepare(self):
        self.binary = machine.go_program("github.com/nats-io/nats-server/v2", "v2.15.2")

    def command(self):
        return [self.binary, "-a", "127.0.0.1", "-p", str(self.ports[0]), "-js", "-sd", self.folder]

    def answers(self):
        return greets(self.ports[0], lambda got: got.startswith(b"INFO "))

    def values(self):
        return {self.variables[0]: f"nats://127.0.0.1:{self.ports[0]}"}


class SQLServer(StandIn):
    name = "mssql"
    variables = ("SKEIN_TEST_MSSQL",)

    def prepare(self):
        raise machine.Unavailable("SQL Server comes as a container image or from its vendor's own package source, under a licence to be accepted; set SKEIN_TEST_MSSQL to one of yours")


ALL = {kind.name: kind for kind in (Moto, MotoIAM, Dynalite, VersityGW, Azurite, FakeGCS, PubSub, PubSubEmulator, Firestore, Postgres, MariaDB, Nats, SQLServer)}

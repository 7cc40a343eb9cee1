"""Starts and stops the real server, on a port of its own choice, with all of its output kept."""

import ctypes
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time
import urllib.parse

import adbc_driver_flightsql.dbapi

import flightsql
import rawgrpc

USER = "admin"
PASSWORD = "a long-distance flier"
READY = re.compile(r"^godwit ready flight=(grpc(?:\+tls)?)://(\S+:\d+)(?: http=(http://\S+:\d+))?$")
START_LIMIT = 60.0
RUNNING = []
LIBC = ctypes.CDLL(None)


def binary():
    """The server under test: GODWIT_TEST_BINARY, else what `make build` builds."""
    chosen = os.environ.get("GODWIT_TEST_BINARY")
    if not chosen:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(cache, "godwit", "target")
        chosen = os.path.join(target, "release", "godwit")
    if not os.access(chosen, os.X_OK):
        raise RuntimeError(f"there is no server at {chosen}; `make build` builds it")
    return chosen


def environment(extra=None):
    """This process's environment without any setting of Godwit's, so that a developer's own cannot change a test."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GODWIT_")}
    clean.update(extra or {})
    return clean


def eventually(check, what, limit=30.0):
    """Asks again and again until the answer is true, and gives it; the question itself is what takes time."""
    deadline = time.monotonic() + limit
    while not (answer := check()):
        assert time.monotonic() < deadline, f"not within {limit:.0f} s: {what}"
    return answer


def resident_memory(pid="self"):
    """What a process holds in memory, in bytes; by default this one."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def run(*arguments, env=None, stdin="", cwd=None, timeout=60):
    """Runs `godwit ARGUMENTS…` to its end."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        env=environment(env),
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def hashed(password):
    """What the configuration has of a user's password."""
    ran = run("hash-password", stdin=f"{password}\n")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def die_with_parent():
    """Has the kernel end the server when the test run is killed (PR_SET_PDEATHSIG). A file that may not grow is to be an error
    that the server sees, and no signal."""
    LIBC.prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


class Server:
    """A running server. `config` is TOML text, `mounts` are {name: path} given as flags."""

    def __init__(self, home, *, command="serve", mounts=None, config=None, env=None, args=(), password=PASSWORD):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.home / "data"
        self.log_path = self.home / "stderr.log"
        self.lines = []
        self.marked = 0
        self.scheme = self.address = self.http = None
        self.password = password
        arguments = [binary(), command, "--listen", "127.0.0.1:0", "--data-dir", str(self.data_dir)]
        if config is not None:
            path = self.home / "godwit.toml"
            path.write_text(config)
            arguments += ["--config", str(path)]
        for name, path in (mounts or {}).items():
            arguments += ["--mount", f"{name}={path}"]
        variables = {"GODWIT_ADMIN_PASSWORD": password} if password is not None else {}
        variables.update(env or {})
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*arguments, *args],
                env=environment(variables),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=die_with_parent,
            )
        RUNNING.append(self)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _wait_until_ready(self):
        arrived = queue.Queue()

        def pump():
            for line in self.process.stdout:
                self.lines.append(line.rstrip("\n"))
                arrived.put(line.rstrip("\n"))
            arrived.put(None)

        self._pump = threading.Thread(target=pump, daemon=True)
        self._pump.start()
        while True:
            try:
                line = arrived.get(timeout=START_LIMIT)
            except queue.Empty:
                raise RuntimeError(f"not ready after {START_LIMIT:.0f} s\n{self.log()}") from None
            if line is None:
                code = self.process.wait()
                raise RuntimeError(f"the server ended with code {code} before it was ready\n{self.log()}")
            if match := READY.match(line):
                self.scheme, self.address, self.http = match.groups()
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def uri(self):
        """Where Flight clients connect."""
        return f"{self.scheme}://{self.address}"

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    @property
    def pid(self):
        return self.process.pid

    def mark_log(self):
        """Remembers how far the log has come."""
        self.marked = self.log_path.stat().st_size

    def log(self, marked=False):
        """What the server wrote to standard error; since the mark, if asked so."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self.marked if marked else 0)
            return log.read()

    def stop(self, how=signal.SIGTERM, limit=30):
        """Ends the server and gives its exit code."""
        if self in RUNNING:
            RUNNING.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"still running {limit} s after {how!r}\n{self.log()}") from None
        self._pump.join(limit)
        self.process.stdout.close()
        return self.process.returncode

    # Clients.

    def client(self, user=USER, password=None, **options):
        """A logged-in pyarrow client."""
        return flightsql.Client(self.uri, user, password or self.password, **options)

    def adbc(self, user=USER, password=None, db_kwargs=None, autocommit=True, **options):
        """A PEP 249 connection of the ADBC driver."""
        login = {} if user is None else {"username": user, "password": password or self.password}
        return adbc_driver_flightsql.dbapi.connect(
            self.uri, db_kwargs={**login, **(db_kwargs or {})}, autocommit=autocommit, **options
        )

    def raw(self, authorization=None, **options):
        """A gRPC connection without a Flight library; by default with the administrator's password on every call."""
        authorization = rawgrpc.basic(USER, PASSWORD) if authorization is None else authorization
        return rawgrpc.Raw(self.address, authorization or None, **options)

    def jdbc_url(self):
        """What JDBC tools are given."""
        password = urllib.parse.quote(self.password)
        return f"jdbc:arrow-flight-sql://{self.address}/?useEncryption=false&user={USER}&password={password}"

    def demo_password(self):
        """The password that `godwit demo` made for itself."""
        return (self.data_dir / "demo-password").read_text(encoding="ascii").strip()

    # What the operating system sees.

    def memory(self):
        """Resident memory in bytes."""
        return resident_memory(self.pid)

    def cpu_seconds(self):
        """Processor time used so far."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, window=0.2):
        """How many processors the server keeps busy, measured for a moment in which it must not end."""
        before, since = self.cpu_seconds(), time.monotonic()
        try:
            raise RuntimeError(f"the server ended with code {self.process.wait(window)}\n{self.log()}")
        except subprocess.TimeoutExpired:
            return (self.cpu_seconds() - before) / (time.monotonic() - since)

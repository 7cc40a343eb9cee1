"""A real PostgreSQL and a real S3 server, started for the tests and stopped after them."""

import contextlib
import glob
import http.client
import http.server
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from godwit_server import die_with_parent, eventually

RUNNING_ON = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_program(name):
    """The path of a program of PostgreSQL, which Debian keeps off the PATH."""
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    if found is None:
        raise RuntimeError(f"the tests need {name}, of Debian's package postgresql, which .ci/run installs")
    return found


class Postgres:
    """A PostgreSQL of its own, on a free port. It refuses to run as root, so it runs as `postgres` there."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="godwit-pg-"))
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.port = free_port()
        self.process = None
        self.made = 0
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        self._run("initdb", "--pgdata", self.data, "--username", "godwit", "--auth", "trust", "--encoding", "UTF8",
                  "--no-sync", "--locale", "C")
        self.start()

    @property
    def data(self):
        return self.directory / "data"

    @property
    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def _as_user(self):
        return {"user": self.user, "group": self.user, "extra_groups": []} if os.geteuid() == 0 else {}

    def _run(self, name, *arguments):
        command = [postgres_program(name), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False, **self._as_user())
        assert done.returncode == 0, done.stderr

    def start(self):
        options = ["-p", str(self.port), "-k", str(self.directory), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with open(self.directory / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [postgres_program("postgres"), "-D", str(self.data), *options],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
                **self._as_user(),
            )
        eventually(lambda: self.process.poll() is not None or self._psql("postgres", "select 1").returncode == 0,
                   "PostgreSQL answers")
        assert self.process.poll() is None, self.log

    def stop(self):
        """Ends it at once, connections or not, with its tables in order (SIGINT, a fast shutdown)."""
        if self.process.poll() is None:
            self.process.send_signal(2)
            self.process.wait(30)

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _psql(self, database, sql):
        uri = self.uri(database)
        return subprocess.run([postgres_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", uri, "-c", sql],
                              capture_output=True, text=True, check=False)

    def sql(self, database, sql):
        """Runs a statement; the lines of its answer."""
        done = self._psql(database, sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def uri(self, database):
        return f"postgres://godwit@127.0.0.1:{self.port}/{database}"

    def duckdb(self, database):
        """What DuckDB attaches."""
        return f"postgres:dbname={database} host=127.0.0.1 port={self.port} user=godwit"

    def database(self):
        """The name of a new, empty database."""
        self.made += 1
        name = f"lake{self.made}"
        self.sql("postgres", f"create database {name}")
        return name

    def break_connections(self, database):
        """Ends every connection to a database from the server's side; how many there were."""
        kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        return int(self.sql("postgres", f"{kill} where datname = '{database}'")[0])


class S3:
    """moto's server with one bucket."""

    key, secret, region, bucket = "godwit", "a-secret-of-the-tests", "us-east-1", "lakes"

    def __init__(self, directory):
        self.log_path = pathlib.Path(directory) / "moto.log"
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [str(pathlib.Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", "0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
            )
        found = eventually(lambda: RUNNING_ON.search(self.log_path.read_text()) or self.process.poll(), "moto's server runs")
        assert isinstance(found, re.Match), self.log_path.read_text()
        self.endpoint = found[1]
        self.made = 0
        self.request("PUT", f"/{self.bucket}")

    def request(self, method, path, body=None):
        with contextlib.closing(http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=30)) as connection:
            # It looks whether there is a signature, not whether it is right; without one it shows no object.
            signed = f"AWS4-HMAC-SHA256 Credential={self.key}/20260101/{self.region}/s3/aws4_request, SignedHeaders=host, Signature=0"
            connection.request(method, path, body, {"authorization": signed})
            response = connection.getresponse()
            assert response.status < 300, f"{method} {path}: {response.status}"
            return response.read()

    def keys(self, prefix=""):
        """The names of all objects that begin so."""
        listed = self.request("GET", f"/{self.bucket}?list-type=2&max-keys=1000&prefix={urllib.parse.quote(prefix)}")
        return re.findall(r"<Key>([^<]*)</Key>", listed.decode())

    def path(self):
        """A data path that nothing is under yet."""
        self.made += 1
        return f"s3://{self.bucket}/lake{self.made}/"

    def config(self, path, endpoint=None):
        """The keys of the section `lake` that lead here."""
        return f'data = "{path}"\n{self.access(endpoint)}'

    def access(self, endpoint=None):
        """The keys that any section has for a service."""
        return (
            f's3_endpoint = "{endpoint or self.endpoint}"\ns3_region = "{self.region}"\n'
            f's3_access_key_id = "{self.key}"\ns3_secret_access_key = "{self.secret}"\ns3_allow_http = true\n'
        )

    def uploads(self, prefix=""):
        """The names of the objects that somebody began to write in parts."""
        listed = self.request("GET", f"/{self.bucket}?uploads").decode()
        return [key for key in re.findall(r"<Key>([^<]*)</Key>", listed) if key.startswith(prefix)]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class FaultyProxy:
    """Stands before an S3 server and answers in its place when `fault(method, path)` gives a status."""

    def __init__(self, target):
        self.target = target.removeprefix("http://")
        self.fault = lambda method, path: None
        self.failed = 0
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if status := proxy.fault(self.command, self.path):
                    proxy.failed += 1
                    return self.answer(status, {}, b"<Error><Code>InternalError</Code><Message>on demand</Message></Error>")
                with contextlib.closing(http.client.HTTPConnection(proxy.target, timeout=60)) as upstream:
                    upstream.request(self.command, self.path, body, dict(self.headers))
                    response = upstream.getresponse()
                    self.answer(response.status, dict(response.getheaders()), response.read())

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                        if not (name.lower() == "content-length" and self.command != "HEAD"):
                            self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

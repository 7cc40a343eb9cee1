"""Faults that a server has to bear, beside those of what durable tables stand on (test_lake_faults.py): what it does then, as
docs/operations.md says it, and that it goes on when they are over."""

import datetime
import pathlib
import re
import resource
import selectors
import socket
import ssl
import struct
import subprocess
import threading
import time

import pyarrow as pa
import pytest

import wire
from backups import mounted
from certificates import Authority
from godwit_server import USER, eventually, run
from services import FaultyProxy
from test_lake_faults import fails, fill, intact
from test_operations import TEXT

TOOLS = pathlib.Path(__file__).parent / "tools"
DAY = 86_400


def test_every_fault_has_a_test():
    """The table names tests, and they are there."""
    section = TEXT.split("## Faults\n")[1].split("\n## ")[0]
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", section)
    assert len(named) >= 12
    for file, test in named:
        source = (TOOLS.parent / f"{file}.py").read_text(encoding="utf-8")
        assert f"def {test}(" in source, (file, test)


# The disk, where queries spill.


def test_no_room_to_spill(start, tmp_path):
    with mounted(tmp_path / "spill", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs") as place:
        server = start(config=f'[memory]\nlimit = "64MiB"\nspill_dir = "{place}/own"\n[query]\ntarget_partitions = 1\n')
        sql = "select value, md5(cast(value as varchar)) as s from generate_series(1, 3000000) order by s"
        with server.client() as client:
            with pytest.raises((pa.ArrowException, KeyError), match="(?i)space|disk|full"):
                for _ in client.get(client.info(wire.statement(sql))):
                    pass
            assert client.value("select 1") == 1
            assert client.value(f"select count(*) from ({sql.replace('3000000', '1000')})") == 1000
            eventually(lambda: not [path for path in place.rglob("*") if path.is_file()], "what it spilled is removed")


# S3.


def test_s3_is_slow(start, s3):
    """Half a second for each request: what needs S3 takes longer, and nothing else does."""
    with FaultyProxy(s3.endpoint) as proxy:
        server = start(config=f'[query]\ntimeout = "20s"\n[lake]\n{s3.config(s3.path(), proxy.endpoint)}')
        slow, hold = threading.Event(), 0.5
        with server.client() as client, server.client() as other:
            fill(client)
            proxy.fault = lambda *_: slow.wait(hold) and None
            assert client.run("insert into t select value, 'slow' from generate_series(2001, 30000) g(value)") == 28_000
            done = threading.Event()
            reading = threading.Thread(target=lambda: (client.value("select count(s) from t"), done.set()))
            reading.start()
            began, asked = time.monotonic(), 0
            while not done.is_set() and time.monotonic() < began + 2:
                since = time.monotonic()
                assert other.value("select 1") == 1
                asked = max(asked, time.monotonic() - since)
            reading.join()
            assert done.is_set() and asked < 2
            slow.set()
            assert intact(client, 29_000)


def test_s3_does_not_answer(start, s3):
    """A statement that waits ends with its time, and others with theirs; it goes on when S3 does."""
    with FaultyProxy(s3.endpoint) as proxy:
        server = start(config=f'[query]\ntimeout = "2s"\n[lake]\n{s3.config(s3.path(), proxy.endpoint)}')
        again = threading.Event()
        with server.client() as client:
            fill(client)
            proxy.fault = lambda *_: again.wait(60) and None
            began = time.monotonic()
            code, message = fails(server, client, "insert into t select value, 'never' from generate_series(1, 30000) g(value)")
            assert code == "DEADLINE_EXCEEDED" and "query.timeout" in message, (code, message)
            assert time.monotonic() - began < 20
            assert client.value("select 1") == 1
            again.set()
            assert intact(client)
            assert client.run("insert into t values (-1, 'again')") == 1


# Certificates.


def test_the_servers_certificate_has_expired(start, tmp_path):
    """Clients refuse it, the log says why, and a new one in its place is used without a restart."""
    authority = Authority(tmp_path)
    hour = datetime.timedelta(hours=1)
    then = datetime.datetime.now(datetime.timezone.utc)
    issued = authority.server(since=then - 2 * hour, until=then - hour)
    config = (f'[tls]\nmode = "files"\ncert_file = "{issued.cert_file}"\nkey_file = "{issued.key_file}"\nreload_interval = "1s"\n')
    server = start(config=config)
    assert re.search(r"certificate.*expired", server.log()), server.log()
    assert not answers(server, tls_root_certs=authority.pem)
    trust = ssl.create_default_context(cadata=authority.pem)
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            trust.wrap_socket(plain, server_hostname="127.0.0.1")
    authority.server()
    eventually(lambda: answers(server, tls_root_certs=authority.pem), "the new certificate is used")


def answers(server, **options):
    try:
        with server.client(**options) as client:
            return client.value("select 1") == 1
    except pa.ArrowException:
        return False


# The clock.


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    """What moves the clock of a program that is started with it."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, TOOLS / "clock.c"], check=True)
    return library


@pytest.fixture
def clocked(start, tmp_path, preloaded):
    """A server, and the function that moves its clock to so many seconds after the real one."""
    seconds = tmp_path / "seconds"
    seconds.write_bytes(bytes(8))

    def move(to):
        # In its place: the server has mapped the file, which must not be empty at any time.
        with open(seconds, "r+b", buffering=0) as file:
            file.write(struct.pack("<q", to))

    variables = {"LD_PRELOAD": str(preloaded), "CLOCK_SECONDS": str(seconds)}
    yield start(config='[lake]\nmaintenance_interval = "1s"\n', env=variables), move


def test_the_clock_jumps_ahead(clocked, tmp_path):
    """Tokens and tickets end, as they say; statements, sessions and transactions go on, and no file that is needed goes."""
    server, move = clocked
    token = run("token", "create", "--user", USER, "--ttl", "30d", "--data-dir", server.data_dir).stdout.strip()
    lasting = [(b"authorization", b"Bearer " + token.encode())]
    with server.client() as client, server.client(user=None, headers=lasting) as service:
        fill(client)
        transaction = service.begin()
        service.run("insert into t select value, 'in it' from generate_series(10001, 40000) g(value)", transaction)
        info = service.info(wire.statement("select n from t"))
        orphan = server.data_dir / "lake" / "data" / "main" / "t" / "ducklake-of-nobody.parquet"
        orphan.write_bytes(b"PAR1")
        endless = client.get(client.info(wire.statement("select value from generate_series(1, 100000000000)")))
        endless.read_chunk()
        move(DAY)
        eventually(lambda: not orphan.exists(), "maintenance has run with the new time")
        assert endless.read_chunk().data.num_rows > 0, "what runs goes on"
        endless.cancel()
        with pytest.raises(pa.ArrowException, match="(?i)expired"):
            service.get(info).read_all()
        with pytest.raises(pa.ArrowException, match="(?i)unauthenticated|expired"):
            client.value("select 1")
        service.commit(transaction)
        assert intact(service, 31_000)
        with server.client() as again:
            assert intact(again, 31_000)
            newest = again.value("select max(time) from system.snapshots")
            assert newest.timestamp() > time.time() + DAY / 2


def test_the_clock_jumps_back(clocked):
    """What was given out in the time to come is not good yet, new logins are at once; commits keep their order."""
    server, move = clocked
    move(3)
    with server.client() as client:
        fill(client)
        move(0)
        assert intact(client), "a few seconds are borne"
        move(DAY)
        with server.client() as early:
            assert intact(early)
            move(0)
            with pytest.raises(pa.ArrowException, match="(?i)unauthenticated"):
                early.value("select 1")
        assert client.run("insert into t values (-1, 'back')") == 1
        assert intact(client, 1001)
        before = client.value("select max(snapshot_id) from system.snapshots")
        with server.client() as other:
            assert other.run("delete from t where n = -1") == 1
            assert intact(other)
            assert other.value(f"select count(*) from t at (version => {before})") == 1001
            times = [moment for (moment,) in other.rows("select time from system.snapshots order by snapshot_id")]
            assert times[-1] < times[1], "the times are those of the clock; the order is that of the numbers"
            ran = other.rows("select seconds, queued_seconds, planning_seconds from system.queries")
            assert all(value is None or value >= 0 for row in ran for value in row)


# Descriptors and connections.


def limit_descriptors(server, limit):
    subprocess.run(["prlimit", f"--pid={server.pid}", f"--nofile={limit}:"], check=True)


def descriptors(server):
    return len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))


def test_the_descriptors_run_out(start):
    """Those who are connected are served; new ones wait until there is room. Nothing spins and nothing ends."""
    server = start()
    with server.client() as client:
        fill(client)
        limit_descriptors(server, descriptors(server) + 8)
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
        eventually(lambda: re.search("cannot be accepted.*(?i:too many open files)", server.log()), "it says so")
        assert client.value("select 1") == 1
        outcome = outcome_of(client, "select count(*) from t")
        assert outcome == 1000 or "open file" in outcome.lower(), outcome
        outcome = outcome_of(client, "select count(*) from (select value from generate_series(1, 100) order by 1)")
        assert outcome == 100, outcome
        assert server.load(0.5) < 0.5, "it does not spin"
        for each in waiting:
            each.close()
        eventually(lambda: answers(server), "new clients get in")
        assert intact(client)
        assert client.run("insert into t values (-1, 'after')") == 1
    assert len(server.log()) < 100_000


def outcome_of(client, sql):
    try:
        return client.value(sql)
    except (pa.ArrowException, KeyError) as error:
        return str(error)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
SETTINGS_ACKNOWLEDGED = b"\0\0\0\x04\x01\0\0\0\0"
PING, ACKNOWLEDGED = 6, 1


class Idle:
    """Connections on which HTTP/2 is spoken and nothing is asked; pings are answered."""

    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.ready = 0
        self.closed = 0
        self.sockets = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port))
            one.setblocking(False)
            one.sendall(PREFACE)
            self.sockets.append(one)
            self.selector.register(one, selectors.EVENT_READ, bytearray())
            if len(self.sockets) % 200 == 0:
                self.answer(0)

    def answer(self, timeout):
        """Reads what has come; how many have been greeted by the server so far."""
        for key, _ in self.selector.select(timeout):
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b""
            if not data:
                self.selector.unregister(key.fileobj)
                self.closed += 1
                continue
            key.data.extend(data)
            while len(key.data) >= 9 and len(key.data) >= 9 + (length := int.from_bytes(key.data[:3], "big")):
                kind, flags, content = key.data[3], key.data[4], bytes(key.data[9 : 9 + length])
                del key.data[: 9 + length]
                if kind == 4 and not flags:
                    key.fileobj.sendall(SETTINGS_ACKNOWLEDGED)
                    self.ready += 1
                if kind == PING and not flags & ACKNOWLEDGED:
                    key.fileobj.sendall(b"\0\0\x08\x06\x01\0\0\0\0" + content)
        return self.ready

    def close(self):
        for one in self.sockets:
            one.close()
        self.selector.close()


@pytest.fixture
def many_descriptors():
    """This process and the server that it starts may have so many; the default of systems is less."""
    wanted, before = 12_000, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, before[0]), max(wanted, before[1])))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_ten_thousand_idle_connections(start, many_descriptors):
    """They cost a little memory and nothing else: a query is answered beside them as fast as without them."""
    server = start()
    with server.client() as client:
        assert client.value("select 1") == 1
        before, fds = server.memory(), descriptors(server)
        # Ten thousand with those of this client and of the one that comes later.
        idle = Idle(server.port, 9_990)
        try:
            eventually(lambda: idle.answer(0.1) == 9_990, "all have been greeted", 60)
            each = (server.memory() - before) / 9_990
            since = time.monotonic()
            for _ in range(20):
                assert client.value("select count(*) from generate_series(1, 1000)") == 1000
            took = (time.monotonic() - since) / 20
            assert answers(server), "one more gets in"
            assert server.load(0.5) < 0.5
            assert idle.closed == 0
            print(f"{each:.0f} bytes of memory a connection, {took * 1000:.1f} ms a query beside them")
            assert each < 64 * 1024 and took < 0.5
        finally:
            idle.close()
        eventually(lambda: descriptors(server) <= fds + 4, "their descriptors are free again")
        assert client.value("select 1") == 1

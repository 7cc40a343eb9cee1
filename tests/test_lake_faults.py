"""What durable tables stand on breaks: a clear error, nothing lost, and the server goes on when the cause is gone."""

import subprocess
import threading

import pyarrow as pa
import pytest

import lakes
import wire
from godwit_server import eventually
from rawgrpc import Failure
from services import FaultyProxy
from test_do_put import ingest_command

MIB = 1 << 20
# Texts that do not compress, 96 characters each.
NOISE = "md5(cast(value as varchar)) || md5(cast(-value as varchar)) || md5(cast(value * 3 as varchar))"
LARGE = f"insert into t select value, {NOISE} from generate_series(1, 600000) g(value)"
ERRORS = (pa.ArrowException, KeyError, OSError)


def fill(client):
    client.run("create table t (n bigint, s varchar)")
    client.run("insert into t select value, 'v' || value from generate_series(1, 1000) g(value)")


def intact(client, rows=1000):
    return client.rows("select count(*), count(distinct n) from t") == [(rows, rows)]


def fails(server, client, sql):
    """The code and message of a statement that fails."""
    with server.raw(client.headers[0][1].decode()) as raw, pytest.raises(Failure) as failed:
        raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
    assert failed.value.code not in ("INTERNAL", "UNKNOWN"), failed.value.message
    return failed.value.code, failed.value.message


def agreed(client, server):
    with lakes.beside(server, read_only=True) as judge:
        return lakes.disagreements(client, judge) == []


# The disk.


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with little room; it needs the right to mount, as root in a container has."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(place)],
                             capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.fail(f"a full disk can only be tested by one who may mount: {mounted.stderr}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def limited(start, tmp_path):
    """Starts a server whose files may only grow so far: the soft limit, which can be raised again."""

    def limited(limit, **options):
        server = start(**options)
        subprocess.run(["prlimit", f"--pid={server.pid}", f"--fsize={limit}:"], check=True)
        return server

    return limited


def test_a_full_disk(start, small_disk):
    server = start(home=small_disk / "home")
    with server.client() as client:
        fill(client)
        filler = small_disk / "filler"
        filler.write_bytes(b"")
        for sql in [LARGE, f"create table big as select {NOISE} as s from generate_series(1, 600000) g(value)"]:
            _, message = fails(server, client, sql)
            assert "space" in message.lower() or "full" in message.lower(), message
            assert intact(client)
        block(filler)
        errors = [fails_or_not(client, f"insert into t values (-{n}, 'small')") for n in range(1, 30)]
        filler.unlink()
        done = errors.count(None)
        eventually(lambda: intact(client, 1000 + done), "exactly the acknowledged ones are there")
        assert client.run("insert into t values (0, 'after')") == 1
        assert intact(client, 1001 + done)
        assert agreed(client, server)
    server.stop()
    with start(home=server.home).client() as client:
        assert intact(client, 1001 + done)


def block(filler):
    """Takes what room is left."""
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass


def fails_or_not(client, sql):
    """The error of a statement, or nothing."""
    try:
        client.run(sql)
    except ERRORS as error:
        return str(error)


def test_files_that_cannot_grow(limited):
    """RLIMIT_FSIZE: writes fail in the middle, the signal that goes with it is ignored (see godwit_server)."""
    server = limited(2 * MIB)
    with server.client() as client:
        fill(client)
        for _ in range(3):
            fails(server, client, LARGE)
            assert intact(client)
        subprocess.run(["prlimit", f"--pid={server.pid}", "--fsize=unlimited:"], check=True)
        assert client.run("delete from t where n % 2 = 0") == 500
        assert client.run(LARGE) == 600_000
        assert agreed(client, server)


def test_a_directory_that_cannot_be_written(start):
    """The data directory of the lake is replaced by a file for a while; permissions would not stop root."""
    server = start()
    with server.client() as client:
        fill(client)
        place = server.data_dir / "lake" / "data"
        aside = place.with_name("aside")
        place.rename(aside)
        place.write_bytes(b"not a directory")
        fails(server, client, LARGE)
        place.unlink()
        aside.rename(place)
        assert intact(client)
        assert client.run("insert into t values (0, 'after')") == 1
        assert agreed(client, server)


@pytest.mark.parametrize("what", ["lake", "catalog"])
def test_a_read_only_directory(start, tmp_path, what):
    """A bind mount that is read-only: rows can be read or the start says what is wrong; nothing is changed."""
    home = tmp_path / "home"
    server = start(home=home)
    with server.client() as client:
        fill(client)
        place = server.data_dir / "lake" / ("data" if what == "lake" else "")
        bind(place)
        try:
            _, message = fails(server, client, LARGE)
            assert "read-only" in message.lower() or "readonly" in message.lower(), message
            assert intact(client)
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        assert client.run("insert into t values (0, 'after')") == 1
        assert intact(client, 1001)
        assert agreed(client, server)


def bind(place):
    for options in (["--bind", str(place), str(place)], ["-o", "remount,bind,ro", str(place)]):
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"a read-only directory can only be tested by one who may mount: {done.stderr}")


HALF_MADE = {
    "a catalog without its data": lambda lake: remove(lake / "data"),
    "data without a catalog": lambda lake: (lake / "catalog.sqlite").unlink(),
    "an empty catalog": lambda lake: (lake / "catalog.sqlite").write_bytes(b""),
    "a catalog that is none": lambda lake: (lake / "catalog.sqlite").write_bytes(b"something else" * 100),
}


def remove(directory):
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    directory.rmdir()


@pytest.mark.parametrize("damage", HALF_MADE.values(), ids=HALF_MADE.keys())
def test_a_half_made_directory_is_reported(start, tmp_path, damage):
    server = start(home=tmp_path / "home")
    with server.client() as client:
        fill(client)
    server.stop()
    lake = server.data_dir / "lake"
    for left in lake.glob("catalog.sqlite-*"):
        left.unlink()
    damage(lake)
    before = contents(lake)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="lake"):
            start(home=tmp_path / "home")
        assert contents(lake) == before, "what was there is untouched"


def contents(directory):
    """What files hold, by path."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# S3.


def test_s3_errors(start, s3):
    with FaultyProxy(s3.endpoint) as proxy:
        path = s3.path()
        config = f"[lake]\n{s3.config(path, proxy.endpoint)}"
        server = start(config=config)
        with server.client() as client:
            fill(client)
            for status in (403, 500):
                proxy.fault = lambda method, _, status=status: status if method in ("PUT", "POST") else None
                code, message = fails(server, client, LARGE)
                assert "s3" in message.lower() or "store" in message.lower() or str(status) in message, message
                proxy.fault = lambda *_: None
                assert intact(client)
            proxy.fault = lambda method, path: 500 if method == "GET" and path.endswith(".parquet") else None
            # It need not read the file again, and then nothing stands in its way.
            left = 1000 if fails_or_not(client, "delete from t where s like '%9'") else 900
            proxy.fault = lambda *_: None
            assert intact(client, left)
            assert client.run("delete from t where n > 900") == left // 10
            assert client.value("select count(*) from t where n > 900") == 0
            assert client.run(LARGE) == 600_000
        server.stop()
        with start(home=server.home, config=config).client() as client:
            assert client.value("select count(*) from t where n > 900") == 599_100


# PostgreSQL.


def test_lost_connections(start, postgres, tmp_path):
    """Connections are cut again and again while two clients commit; what was acknowledged is there, once."""
    database = postgres.database()
    server = start(config=f'[lake]\ncatalog = "{postgres.uri(database)}"\n')
    done, unknown, stop = [], [], threading.Event()
    with server.client() as client:
        fill(client)

        def write(first):
            with server.client() as mine:
                for number in range(first, first + 10_000):
                    if stop.is_set():
                        return
                    error = fails_or_not(mine, f"insert into t values ({number}, 'w')")
                    if error is None:
                        done.append(number)
                    else:
                        unknown.append((number, error))

        threads = [threading.Thread(target=write, args=(first,)) for first in (10_000, 20_000)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            target = len(done) + 3
            postgres.break_connections(database)
            eventually(lambda: len(done) >= target, "commits go on after the connections were cut")
        stop.set()
        for thread in threads:
            thread.join()
        there = {n for (n,) in client.rows("select n from t where n >= 10000")}
        assert set(done) <= there
        assert there <= set(done) | {number for number, _ in unknown}
        assert client.value("select count(*) from t where n >= 10000") == len(there)
        for number, error in unknown:
            assert number not in there or "not known" in error, error


def test_a_catalog_that_is_away(start, postgres):
    database = postgres.database()
    server = start(config=f'[lake]\ncatalog = "{postgres.uri(database)}"\n')
    with server.client() as client:
        fill(client)
        transaction = client.begin()
        client.run("insert into t values (5000, 'in it')", transaction)
        postgres.stop()
        try:
            code, message = fails(server, client, "insert into t values (-1, 'away')")
            assert code == "UNAVAILABLE" and "catalog" in message, (code, message)
            with pytest.raises(ERRORS, match="catalog"):
                client.commit(transaction)
            code, message = fails(server, client, "select count(*) from t")
            assert code == "UNAVAILABLE" and "catalog" in message, (code, message)
        finally:
            postgres.start()
        eventually(lambda: fails_or_not(client, "insert into t values (-2, 'back')") is None, "it goes on")
        assert client.rows("select n from t where n < 0 or n = 5000") == [(-2,)]


def test_what_needs_no_lake_goes_on_without_it(start, postgres, tmp_path):
    """Only what names a durable table fails while the catalog is away, and says so; a listing is not half a listing."""
    database = postgres.database()
    file = tmp_path / "numbers.csv"
    file.write_text("a\n1\n2\n")
    mounts = "".join(f'[mounts.{name}]\npath = "{file}"\n' for name in ("seen", "both"))
    server = start(config=f'[lake]\ncatalog = "{postgres.uri(database)}"\n{mounts}')
    with server.client() as client:
        fill(client)
        client.run("create table main.both (a bigint)")
        client.run("create view v as select n from t")
        client.run("create temp table own as select 1 as n")
        kept = client.prepare("select count(*) from own")
        postgres.stop()
        try:
            assert client.value("select 1") == 1
            assert client.value("select count(*) from files.seen") == 2
            assert client.value("select count(*) from seen") == 2
            assert client.value("with t as (select 5 as n) select n from t") == 5
            assert client.run("insert into own values (2), (3)") == 2
            assert client.run("update own set n = n + 1 where n > 1") == 2
            assert client.run("merge into own using (select 3 as n) s on own.n = s.n when matched then delete") == 1
            client.run("create temp table other as select n from own")
            assert client.rows("select n from other order by n") == [(1,), (4,)]
            client.run("drop table other")
            more = pa.table({"n": [9]})
            client.put(ingest_command("append", table="own", temporary=True), more.to_batches(), more.schema)
            assert client.read(wire.prepared(kept.handle)).column(0).to_pylist() == [3]
            client.run("set batch_rows = 100")
            client.run("set schema = 'files'")
            client.run("set schema = 'main'")
            assert client.value("select count(*) from system.queries where ended is null") >= 1
            for sql in ("select * from t", "select * from main.t", "select * from v", "select * from both",
                        "select * from nowhere", "select * from s.nowhere", "insert into t values (1, 'a')",
                        "insert into nowhere values (1)", "create table u (a int)", "drop table t", "call compact()",
                        "select * from t at (version => 1)",
                        "select * from information_schema.tables", "set schema = 's'"):
                code, message = fails(server, client, sql)
                assert code == "UNAVAILABLE" and "catalog" in message, (sql, code, message)
            code, message = fails(server, client, "select * from files.nowhere")
            assert code == "NOT_FOUND", (code, message)
            with pytest.raises(ERRORS, match="(?i)catalog.*refused"):
                client.query("select * from system.snapshots")
            for command in (wire.tables(), wire.db_schemas(), wire.keys("Primary", "t")):
                with pytest.raises(ERRORS, match="(?i)catalog.*unavailable|unavailable.*catalog"):
                    client.read(command)
        finally:
            postgres.start()
        eventually(lambda: fails_or_not(client, "delete from both where a = 0") is None, "it goes on")
        assert intact(client)
        assert client.rows("select n from own order by n") == [(1,), (4,), (9,)]
        assert client.value("select count(*) from both") == 0

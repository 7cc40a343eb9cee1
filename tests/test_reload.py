"""SIGHUP, or a file that has changed: another configuration while the server runs."""

import signal

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import eventually, hashed

FIRST = """
[query]
timeout = "0s"
[log]
filter = "info"
"""


def reload(server, text, said):
    """Writes a configuration, sends the signal, and waits until the log says this of it."""
    (server.home / "godwit.toml").write_text(text)
    server.mark_log()
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: said in server.log(marked=True), f"the log says {said!r}")
    return server.log(marked=True)


def timeout(client):
    return client.rows("show timeout")[0][-1]


@pytest.fixture
def server(start):
    return start(config=FIRST)


def test_limits_change_at_once_for_sessions_that_are_open(server):
    with server.client() as client:
        assert timeout(client) == "0s"
        log = reload(server, '[query]\ntimeout = "700ms"\nmax_result_rows = 10\n', "configuration read")
        assert "query.timeout" in log and "query.max_result_rows" in log
        assert timeout(client) == "700ms"
        with pytest.raises(pa.ArrowException, match=r"query\.max_result_rows"):
            client.query("select * from generate_series(1, 11)")
        with pytest.raises(pa.ArrowException, match=r"query\.timeout"):
            client.query("select count(*) from generate_series(1, 3000000) a cross join generate_series(1, 3000000) b "
                         "where (a.value * b.value) % 7 = 3")
        reload(server, FIRST, "configuration read")
        assert client.query("select * from generate_series(1, 11)").num_rows == 11


def test_a_file_that_has_changed_is_read_without_a_signal(server):
    path = server.home / "godwit.toml"
    with server.client() as client:
        assert timeout(client) == "0s"
        server.mark_log()
        # As tools do that distribute files: another file in its place.
        other = path.with_suffix(".new")
        other.write_text('[query]\ntimeout = "45s"\n')
        other.replace(path)
        eventually(lambda: timeout(client) == "45s", "it is taken")
        eventually(lambda: "its file has changed" in server.log(marked=True), "the log says why")
        assert "SIGHUP" not in server.log(marked=True)
        server.mark_log()
        path.write_text("[query")
        eventually(lambda: "nothing has changed" in server.log(marked=True), "it says that it is wrong")
        assert timeout(client) == "45s"


def test_places_change_at_once(server):
    reload(server, "[query]\nmax_running = 1\nmax_queued = 0\n", "query.max_running")
    with server.client() as client:
        reader = client.get(client.info(wire.statement("select * from generate_series(1, 30000000)")))
        reader.read_chunk()
        with pytest.raises(pa.ArrowException, match=r"query\.max_running"):
            client.query("select 1")
        reload(server, FIRST, "query.max_running")
        assert client.value("select 1") == 1
        reader.cancel()


def test_users_come_change_and_go(server):
    one, two = hashed("the first password"), hashed("another password")
    entry = "[users.ada]\npassword_hash = '{}'\nroles = {}\n"
    reload(server, FIRST + entry.format(one, "[]"), "users.ada.password_hash")
    with server.client("ada", "the first password") as ada:
        assert ada.value("select 1") == 1
        reload(server, FIRST + entry.format(two, '["admin"]'), "users.ada.roles")
        with pytest.raises(flight.FlightUnauthenticatedError):
            server.client("ada", "the first password")
        with server.client("ada", "another password") as again:
            assert again.value("select count(*) > 0 from system.users") is True
        reload(server, FIRST, "users.ada.password_hash")
        with pytest.raises(pa.ArrowException):
            ada.value("select 1")
    with pytest.raises(flight.FlightUnauthenticatedError):
        server.client("ada", "another password")
    with server.client() as admin:
        assert admin.value("select 1") == 1


def mounted(**mounts):
    """The configuration with these mounts; `path`, or `path` and other keys in TOML."""
    tables = (f"[mounts.{name}]\npath = '{each[0]}'\n{each[1]}\n" for name, each in mounts.items())
    return FIRST + "".join(tables)


@pytest.fixture
def files(tmp_path):
    """Two files of the same columns, one of others, and a directory that is a schema."""
    (tmp_path / "one.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "two.csv").write_text("a,b\n10,z\n")
    (tmp_path / "other.csv").write_text("c\nq\n")
    (tmp_path / "stock").mkdir()
    (tmp_path / "stock" / "items.csv").write_text("item\nbolt\n")
    (tmp_path / "stock" / "bins.csv").write_text("bin,place,size\n1,2,3\n")
    return tmp_path


def test_mounts_come_change_and_go(server, files):
    one, two = (files / "one.csv", ""), (files / "two.csv", "")
    stock = (files / "stock", 'kind = "schema"')
    count = "select count(*), sum(a) from t"
    names = "select table_schema, table_name from information_schema.tables where table_schema in ('files', 'stock') order by 1, 2"
    with server.client() as client:
        with pytest.raises(KeyError):
            client.query(count)
        log = reload(server, mounted(t=one, stock=stock), "configuration read")
        assert "mounts.t.path" in log and "started again" not in log
        assert client.rows(count) == [(2, 3)]
        assert client.value("select item from stock.items") == "bolt"
        assert client.rows(names) == [("files", "t"), ("stock", "bins"), ("stock", "items")]
        # The same text again, so that its plan is one that is kept.
        assert [client.rows(count) for _ in range(3)] == [[(2, 3)]] * 3
        reload(server, mounted(t=two, stock=stock), "mounts.t.path")
        assert client.rows(count) == [(1, 10)]
        assert client.rows("select name, path from system.mounts order by name") == [
            ("stock", str(stock[0])), ("t", str(two[0]))]
        assert ("mounts.t.path", str(two[0])) in client.rows("select name, value from system.settings where scope = 'server'")
        reload(server, FIRST, "mounts.t.path")
        assert client.rows(names) == [] and client.rows("select * from system.mounts") == []
        for sql in (count, "select item from stock.items"):
            with pytest.raises(KeyError):
                client.query(sql)
            with pytest.raises(KeyError):
                client.info(wire.statement(sql))


def test_mounts_of_the_command_line_stay(start, files):
    server = start(config=FIRST, mounts={"kept": files / "one.csv"}, env={"GODWIT_MOUNTS": f"also={files / 'other.csv'}"})
    with server.client() as client:
        for text, names in ((mounted(t=(files / "two.csv", "")), ["also", "kept", "t"]), (FIRST, ["also", "kept"])):
            reload(server, text, "mounts.t.path")
            assert [name for (name,) in client.rows("select name from system.mounts order by name")] == names
        assert client.value("select sum(a) from kept") == 3


def test_the_same_files_read_in_another_way(server, files):
    """Nothing has changed on the disk."""
    with server.client() as client:
        reload(server, mounted(t=(files / "one.csv", "")), "mounts.t.path")
        assert client.rows("select * from t") == client.rows("select * from t") == [(1, "x"), (2, "y")]
        prepared = wire.prepared(client.prepare("select count(*) from t").handle)
        assert client.read(prepared).column(0).to_pylist() == client.read(prepared).column(0).to_pylist() == [2]
        reload(server, mounted(t=(files / "one.csv", "header = false")), "mounts.t.header")
        assert client.read(prepared).column(0).to_pylist() == [3]
        assert client.value("select count(*) from t") == 3
        assert client.rows("select * from t") == [("a", "b"), ("1", "x"), ("2", "y")]


def test_what_is_under_way_keeps_its_mount(server, files):
    many = files / "many.csv"
    many.write_text("n\n" + "".join(f"{n}\n" for n in range(400_000)))
    one = files / "one.csv"
    with server.client() as client:
        reload(server, mounted(t=(many, ""), p=(one, "")), "mounts.t.path")
        reading = client.get(client.info(wire.statement("select n, repeat('x', 200) as text from t")))
        first = reading.read_chunk().data.num_rows
        promised = client.info(wire.statement("select sum(a) from p"))
        prepared = wire.prepared(client.prepare("select sum(a) from p").handle)

        def again():
            return client.read(prepared).column(0).to_pylist()

        assert again() == [3]
        reload(server, mounted(p=(files / "two.csv", "")), "mounts.p.path")
        assert again() == [10], "a prepared statement is planned again"
        assert client.get(promised).read_all().column(0).to_pylist() == [3], "what was planned reads what it was planned on"
        reload(server, mounted(p=(files / "other.csv", "")), "mounts.p.path")
        with pytest.raises((pa.ArrowException, KeyError), match="'?a'?"):
            again()
        reload(server, FIRST, "mounts.p.path")
        with pytest.raises(KeyError, match="does not exist"):
            again()
        assert first < 400_000
        assert first + reading.read_all().num_rows == 400_000, "a reader reads to the end"


@pytest.mark.parametrize("path, said", [("no_such_directory", "no_such_directory"), ("s3://bucket/sales", "s3:"), ("*[", "")])
def test_a_mount_that_cannot_be_opened_changes_nothing(server, files, path, said):
    reload(server, mounted(t=(files / "one.csv", "")), "mounts.t.path")
    text = mounted(t=(files / "two.csv", ""), added=(path, "")) + "[users.ada]\npassword_hash = '" + hashed("a password") + "'\n"
    log = reload(server, text.replace('"0s"', '"45s"'), "nothing has changed")
    assert "mount 'added'" in log and said in log
    with server.client() as client:
        assert timeout(client) == "0s"
        assert client.rows("select sum(a) from t") == [(3,)]
        assert client.rows("select name from system.mounts") == [("t",)]
        assert "ada" not in [name for (name,) in client.rows("select name from system.users")]
    # And the next one that is right is taken.
    reload(server, mounted(t=(files / "two.csv", "")), "configuration read")
    with server.client() as client:
        assert client.rows("select sum(a) from t") == [(10,)]


def test_a_mount_that_is_broken_later_stops_no_other_change(server, files):
    reload(server, mounted(t=(files / "one.csv", "")), "mounts.t.path")
    (files / "one.csv").unlink()
    reload(server, mounted(t=(files / "one.csv", ""), p=(files / "two.csv", "")), "configuration read")
    with server.client() as client:
        assert client.rows("select sum(a) from p") == [(10,)]
        with pytest.raises(pa.ArrowException, match=r"one\.csv"):
            client.query("select * from t")


def test_a_schema_that_is_mounted_comes_before_the_files(server, files):
    """A name that was found elsewhere means the nearer table from then on."""
    with server.client() as client:
        one, stock = (files / "one.csv", ""), (files / "stock", 'kind = "schema"')
        reload(server, mounted(items=one, stock=stock), "mounts.stock.path")
        client.query("set schema = 'stock'")
        assert client.rows("select * from items") == [("bolt",)]
        reload(server, mounted(items=one), "mounts.stock.path")
        assert [client.rows("select * from items") for _ in range(3)] == [[(1, "x"), (2, "y")]] * 3
        reload(server, mounted(items=one, stock=stock), "mounts.stock.path")
        assert client.rows("select * from items") == [("bolt",)]
        (files / "stock" / "items.csv").rename(files / "stock" / "parts.csv")
        assert [client.rows("select * from items") for _ in range(3)] == [[(1, "x"), (2, "y")]] * 3
        (files / "stock" / "parts.csv").rename(files / "stock" / "items.csv")
        assert client.rows("select * from items") == [("bolt",)]


def test_what_was_granted_on_a_mount_that_is_gone_can_be_taken_away(server, files):
    one, stock = (files / "one.csv", ""), (files / "stock", 'kind = "schema"')
    reload(server, mounted(t=one, stock=stock), "mounts.t.path")
    said = ("select 'policy' as kind, name from system.policies union all select 'mask', name from system.masks "
            "union all select 'grant', object_name from system.grants where schema_name in ('files', 'stock') order by 1, 2")
    with server.client() as client:
        for sql in (
            "create role readers", "grant usage on schema stock to readers", "grant select (a) on files.t to readers",
            "create policy few on files.t to readers using (a < 2)", "create mask hidden on files.t (b) to readers using ('*')",
        ):
            client.run(sql)
        before = client.rows(said)
        assert len(before) == 4, before
        reload(server, FIRST, "mounts.t.path")
        assert client.rows(said) == before
        with pytest.raises(KeyError, match="'wrong' on table 'files.t' does not exist"):
            client.run("drop policy wrong on files.t")
        for nothing in ("drop policy few on files.never", "grant select on files.t to readers",
                        "create policy more on files.t to readers using (true)", "revoke usage on schema never from readers"):
            with pytest.raises(KeyError, match="does not exist"):
                client.run(nothing)
        for sql in ("drop policy few on files.t", "drop mask hidden on t", "revoke select (a) on files.t from readers",
                    "revoke usage on schema stock from readers"):
            client.run(sql)
        assert client.rows(said) == []


def test_the_log_filter_changes(server):
    with server.client() as client:
        reload(server, FIRST.replace('"info"', '"info,godwit_engine=debug"'), "log.filter")
        client.value("select 1")
        eventually(lambda: "query text" in server.log(marked=True), "debug lines are written")


def test_what_cannot_change_is_named(server):
    log = reload(server, '[wire]\nmessage_bytes = "1MiB"\n[memory]\nlimit = "1GiB"\n', "started again")
    assert "wire.message_bytes" in log and "memory.limit" in log
    with server.client() as client:
        assert client.value("select 1") == 1


@pytest.mark.parametrize("text, said", [
    ("[query", "godwit.toml"),
    ('[query]\ntimeout = "soon"\nmax_result_rows = 1\n', "query.timeout"),
    ("[query]\nmax_result_rows = 1\nno_such_key = 1\n", "no_such_key"),
    ("[users.ada]\npassword_hash = 'x'\n[query]\nmax_result_rows = 1\n", "users.ada.password_hash"),
])
def test_a_broken_file_changes_nothing_and_says_why(server, text, said):
    log = reload(server, text, "nothing has changed")
    assert said in log
    with server.client() as client:
        assert client.query("select * from generate_series(1, 11)").num_rows == 11
        assert timeout(client) == "0s"


def test_a_file_that_is_gone_changes_nothing(server):
    (server.home / "godwit.toml").unlink()
    server.mark_log()
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "nothing has changed" in server.log(marked=True), "it says so")
    with server.client() as client:
        assert client.value("select 1") == 1

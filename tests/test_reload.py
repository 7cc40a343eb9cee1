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

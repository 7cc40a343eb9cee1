"""The audit log: who logged in from where, what ran and how it ended, what was refused; in files, in a table, and without secrets."""

import base64
import http.client
import json
import signal
import subprocess

import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, USER, eventually, hashed, run
from rawgrpc import Failure, Raw, basic

STREAM = "select a.value * b.value as v from generate_series(1, 1000) a, generate_series(1, 1000000000) b"
EVERY_CALL = '[audit]\nrepeat_logins_after = "0s"\n'


def files(server):
    """The files in the order in which they were written."""
    directory = server.data_dir / "audit"
    return [*sorted(directory.glob("audit-*.jsonl")), directory / "audit.jsonl"]


def events(server):
    """All events so far, oldest first; a line that is not yet whole is passed over."""
    try:
        lines = "".join(path.read_text(encoding="utf-8") for path in files(server)).splitlines(keepends=True)
    except FileNotFoundError:
        return events(server)  # Rotated meanwhile.
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def found(server, limit=20.0, **wanted):
    """The events with these values, once there is one."""

    def ask():
        return [event for event in events(server) if all(event.get(key) == value for key, value in wanted.items())]

    return eventually(ask, f"an event with {wanted}", limit)


def ends(server, sql):
    """Start and end of a statement."""
    (end,) = found(server, event="statement_end", sql=sql)
    (start,) = found(server, event="statement_start", sql=sql, query_id=end["query_id"])
    assert start["time"] <= end["time"]
    assert (start["user"], start["session_id"], start["kind"]) == (end["user"], end["session_id"], end["kind"])
    return end


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A server that notes every login, with a second user."""
    from godwit_server import Server

    config = f'{EVERY_CALL}[users.ada]\npassword_hash = "{hashed("second password")}"\n'
    with Server(tmp_path_factory.mktemp("audited"), config=config) as server:
        yield server


def test_files_are_private(audited):
    assert (audited.data_dir / "audit").stat().st_mode & 0o777 == 0o700
    for path in files(audited):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_login_and_its_statements(audited):
    with audited.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("select 'adbc' as x union all select 'b'")
        cursor.fetchall()
        cursor.execute("create table audited_t (x bigint)")
        cursor.execute("insert into audited_t values (1), (2), (3)")
        cursor.execute("drop table audited_t")
    logins = found(audited, event="login", kind="Handshake", user=USER, outcome="finished")
    assert {login["how"] for login in logins} <= {"basic", "bearer"}
    assert all(login["address"].startswith("127.0.0.1:") for login in logins)
    end = ends(audited, "select 'adbc' as x union all select 'b'")
    assert (end["user"], end["kind"], end["rows"], end["outcome"], end["code"]) == (USER, "query", 2, "finished", "ok")
    assert end["bytes"] > 0 and end["milliseconds"] >= 0
    end = ends(audited, "insert into audited_t values (1), (2), (3)")
    assert (end["kind"], end["rows"]) == ("change", 3)
    assert ends(audited, "drop table audited_t")["kind"] == "definition"


def test_failed_logins_say_who_was_claimed(audited):
    with pytest.raises(flight.FlightUnauthenticatedError):
        audited.client("mallory", "guess")
    (login,) = found(audited, event="login", user="mallory")
    assert (login["how"], login["outcome"], login["code"]) == ("basic", "failed", "unauthenticated")
    assert login["address"].startswith("127.0.0.1:")
    claims = base64.urlsafe_b64encode(b'{"sub":"eve"}').decode().rstrip("=")
    for authorization, how, user in [
        (f"Bearer e30.{claims}.AAAA", "bearer", "eve"),
        ("Bearer nonsense", "bearer", None),
        ("Digest nonsense", "malformed", None),
    ]:
        with Raw(audited.address, authorization) as raw:
            assert raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1"))) == "UNAUTHENTICATED"
        wanted = {"event": "login", "how": how, "outcome": "failed", "kind": "GetFlightInfo"}
        eventually(lambda: user in {login.get("user") for login in found(audited, **wanted)}, "the login is noted")


def test_calls_on_one_connection_are_one_login(server):
    def logins():
        return [event for event in events(server) if event["event"] == "login" and event["kind"] != "Handshake"]

    with server.client() as client:
        client.query("select 'first'")
        found(server, event="statement_end", sql="select 'first'")
        before = len(logins())
        for _ in range(20):
            client.query("select 'more'")
        eventually(lambda: len(found(server, event="statement_end", sql="select 'more'")) == 20, "all are noted")
        assert len(logins()) == before


def test_refusals(audited):
    with audited.client() as client:
        with pytest.raises(flight.FlightUnauthorizedError) as failure:
            client.query("copy (select 1) to '/nowhere/audited.csv'")
        (denied,) = found(audited, event="denied", user=USER)
        assert "copy.allowed" in denied["detail"]
        assert f"[query {denied['query_id']}]" in str(failure.value), "the client knows it by the same id"
        (end,) = found(audited, event="statement_end", code="denied")
        assert end["sql"] == "copy (select 1) to '/nowhere/audited.csv'"
        ticket = client.info(wire.statement("select 'mine'")).endpoints[0].ticket
    with audited.client("ada", "second password") as other:
        with pytest.raises(flight.FlightUnauthorizedError):
            other.flight.do_get(ticket, other.options)
    (denied,) = found(audited, event="denied", user="ada")
    assert "another user" in denied["detail"]


def test_ends_of_every_kind(audited):
    with audited.client() as client:
        for sql, code in [
            ("selec 1", "syntax"),
            ("select * from audited_nowhere", "not_found"),
            ("select 1 / (v - v) from (values (1), (2)) t(v)", "invalid_input"),
        ]:
            with pytest.raises((pa.ArrowException, KeyError)):
                client.query(sql)
            (end,) = found(audited, event="statement_end", sql=sql)
            assert (end["outcome"], end["code"]) == ("failed", code)
            assert end["detail"]
        reader = client.get(client.info(wire.statement(STREAM)))
        reader.read_chunk()
        reader.cancel()
        (end,) = found(audited, event="statement_end", sql=STREAM)
        assert (end["outcome"], end["code"]) == ("cancelled", "cancelled")
        transaction = client.begin()
        client.rollback(transaction)
        (end,) = found(audited, event="transaction_end", outcome="rolled back")
        assert end["user"] == USER


def test_uploads_and_exchanges(audited):
    batch = pa.record_batch({"x": [1, 2, 3]})
    with audited.client() as client:
        descriptor = flight.FlightDescriptor.for_command(wire.statement("select x + 1 as y from input"))
        writer, reader = client.flight.do_exchange(descriptor, client.options)
        with writer:
            writer.begin(batch.schema)
            writer.write_batch(batch)
            writer.done_writing()
            assert reader.read_all().num_rows == 3
        with audited.adbc() as connection, connection.cursor() as cursor:
            cursor.adbc_ingest("audited_upload", pa.table({"x": [1, 2, 3]}), mode="create")
    assert ends(audited, "select x + 1 as y from input")["kind"] == "exchange"
    end = ends(audited, "upload into audited_upload")
    assert (end["kind"], end["rows"]) == ("ingest", 3)


def test_the_table_shows_callers_their_own(audited):
    with audited.client() as client, audited.client("ada", "second password") as other:
        client.query("select 'of the admin'")
        other.query("select 'of ada'")
        assert other.rows('select distinct "user" from system.audit') == [("ada",)]
        mine = 'select sql from system.audit where sql like \'select \'\'of %\' and event = \'statement_end\''
        assert other.rows(mine) == [("select 'of ada'",)]
        seen = other.rows("select event, kind, how from system.audit where event = 'login' order by time desc limit 1")
        assert seen == [("login", "DoGet", "bearer")]
        newest = other.rows("select sql from system.audit limit 1")
        assert newest == [("select sql from system.audit limit 1",)]


def test_rotation(start):
    server = start(config="[audit]\nmax_file_bytes = 4096\nkeep_files = 3\n")
    with server.client() as client:
        for number in range(60):
            client.query(f"select {number} as rotated")
        eventually(lambda: len(files(server)) == 4, "rotated files are there")
        assert client.value("select count(*) from system.audit") > 20
        found(server, event="statement_end", sql="select 59 as rotated")
    kept = files(server)
    assert len(kept) == 4
    for path in kept:
        assert path.stat().st_size <= 4096
        assert path.stat().st_mode & 0o777 == 0o600
    times = [event["time"] for event in events(server)]
    assert times == sorted(times)


def test_kill_and_restart(start, tmp_path):
    home = tmp_path / "killed"
    server = start(home=home)
    with server.client() as client:
        client.query("select 'before'")
    found(server, event="statement_end", sql="select 'before'")
    server.stop(signal.SIGKILL)
    with open(home / "data" / "audit" / "audit.jsonl", "a", encoding="utf-8") as torn:
        torn.write('{"time":"2026-')
    server = start(home=home)
    with server.client() as client:
        client.query("select 'after'")
        seen = client.rows("select sql from system.audit where event = 'statement_end' order by time")
    assert [sql for (sql,) in seen[:2]] == ["select 'before'", "select 'after'"]
    server.stop()
    lines = (home / "data" / "audit" / "audit.jsonl").read_text().splitlines()
    assert lines.count('{"time":"2026-') == 1, "on a line of its own"
    assert json.loads(lines[-1])


def test_the_end_of_the_server_is_whole(start):
    server = start(config='[shutdown]\ngrace = "1s"\n')
    with server.client() as client:
        reader = client.get(client.info(wire.statement(STREAM)))
        reader.read_chunk()
        server.stop()
    end = [event for event in events(server) if event["event"] == "statement_end"][-1]
    assert (end["sql"], end["outcome"]) == (STREAM, "cancelled")


def cap(server, client):
    """Has the audit file grow no more, once it is larger than the log, which is to grow on."""
    for _ in range(30):
        client.query("select 'there'")
    eventually(lambda: len(found(server, event="statement_end", sql="select 'there'")) == 30, "all are noted")
    size = files(server)[-1].stat().st_size
    assert size > 2 * server.log_path.stat().st_size
    subprocess.run(["prlimit", f"--pid={server.pid}", f"--fsize={size + 10}:"], check=True)


def test_refusing_while_the_disk_is_full(start):
    server = start(config='[audit]\non_failure = "refuse"\n')
    with server.client() as client:
        cap(server, client)

        def refused():
            try:
                client.query("select 'unseen?'")
            except flight.FlightUnavailableError as error:
                return "audit.on_failure" in str(error)

        eventually(refused, "statements are refused")
        with pytest.raises(flight.FlightUnavailableError):
            server.client()
        subprocess.run(["prlimit", f"--pid={server.pid}", "--fsize=unlimited:"], check=True)

        def works():
            try:
                return client.value("select 'again'") == "again"
            except flight.FlightUnavailableError:
                return False

        eventually(works, "statements run again")
        found(server, event="statement_end", sql="select 'again'")
    ran = found(server, event="statement_start", sql="select 'unseen?'")
    assert ran, "what began before it was known is in the file too"
    assert "the audit log cannot be written" in server.log()


def test_going_on_while_the_disk_is_full(start):
    server = start(config="[audit]\nqueue_events = 20\n")
    with server.client() as client:
        cap(server, client)
        for _ in range(60):
            assert client.value("select 1") == 1
        assert server.log().count("events of the audit log are lost") == 1
        subprocess.run(["prlimit", f"--pid={server.pid}", "--fsize=unlimited:"], check=True)
        (lost,) = found(server, event="lost")
        assert "could not be written" in lost["detail"]


def test_off(start):
    server = start(config="[audit]\nenabled = false\n")
    with server.client() as client:
        assert client.value("select count(*) from system.audit") == 0
    assert not (server.data_dir / "audit").exists()


def test_an_audit_directory_of_its_own(start, tmp_path):
    place = tmp_path / "elsewhere"
    server = start(config=f'[audit]\npath = "{place}"\n')
    with server.client() as client:
        client.query("select 'elsewhere'")
    eventually(lambda: "select 'elsewhere'" in (place / "audit.jsonl").read_text(), "it is there")
    assert not (server.data_dir / "audit").exists()
    refused = run("serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "other", env={"GODWIT_AUDIT_PATH": str(place)})
    assert refused.returncode == 73
    assert "another godwit writes its audit log there" in refused.stderr


# Secrets.

NEW_PASSWORD = "hunter2-is-new"
WRONG_PASSWORD = "hunter2-is-wrong"
WITH_PASSWORDS = [
    f"create user secret_ada password '{NEW_PASSWORD}'",
    f"create user secret_ada password {NEW_PASSWORD.replace('-', '_')}",
    f"alter user secret_ada password '{NEW_PASSWORD}' valid until '2030-01-01'",
    f"alter user secret_ada password '{NEW_PASSWORD}",
    f"craete user secret_ada password '{NEW_PASSWORD}'",
    f"create user secret_ada pasword '{NEW_PASSWORD}'",
    f"explain create user secret_ada password '{NEW_PASSWORD}'",
    f"drop user if exists secret_ada -- password '{NEW_PASSWORD}'",
]


def attempt(client, sql):
    """Runs a statement in each way there is; whether it works is another test's business."""
    for way in (client.query, client.run, client.prepare):
        try:
            way(sql)
        except (pa.ArrowException, KeyError):
            pass


def test_no_secret_is_written_anywhere(start):
    server = start(env={"GODWIT_LOG_FILTER": "trace"}, config=EVERY_CALL)
    secrets = {PASSWORD, WRONG_PASSWORD, NEW_PASSWORD, NEW_PASSWORD.replace("-", "_")}
    with server.client() as client:
        secrets.add(client.headers[0][1].decode().removeprefix("Bearer "))
        for sql in WITH_PASSWORDS:
            attempt(client, sql)
        assert client.value("select 1") == 1
    for user in (USER, "mallory"):
        with pytest.raises(flight.FlightUnauthenticatedError):
            server.client(user, WRONG_PASSWORD)
        with Raw(server.address, basic(user, WRONG_PASSWORD)) as raw, pytest.raises(Failure):
            raw.call("GetFlightInfo", wire.descriptor(wire.statement("select 1")))
    with server.raw() as raw:
        _, headers = raw.call_with_headers("GetFlightInfo", wire.descriptor(wire.statement("select 1")))
        cookie = headers["set-cookie"].split(";")[0].split("=", 1)[1]
        secrets.add(cookie)
    with server.adbc() as connection, connection.cursor() as cursor:
        for sql in WITH_PASSWORDS:
            try:
                cursor.execute(sql)
            except adbc_driver_manager.Error:
                pass
    forged = "Bearer e30.e30.c2VjcmV0LXNpZ25hdHVyZQ"
    with Raw(server.address, forged) as raw:
        assert raw.code("ListFlights") == "UNAUTHENTICATED"
    secrets.add(forged.removeprefix("Bearer "))
    web = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"content-type": "application/grpc-web+proto", "authorization": basic(USER, PASSWORD)}
    web.request("POST", "/arrow.flight.protocol.FlightService/ListActions", b"\0\0\0\0\0", headers)
    assert web.getresponse().status == 200
    web.close()
    server.stop()

    for user, password in ((USER, PASSWORD), (USER, WRONG_PASSWORD), ("mallory", WRONG_PASSWORD)):
        secrets.add(basic(user, password).removeprefix("Basic "))
    output = {"standard error": server.log().encode(), "standard output": "\n".join(server.lines).encode()}
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            output[str(path.relative_to(server.data_dir))] = path.read_bytes()
    assert "audit/audit.jsonl" in output
    leaks = [
        (name, secret, text[max(0, at - 200) : at + 200])
        for name, text in output.items()
        for secret in secrets
        if (at := text.find(secret.encode())) >= 0
    ]
    assert leaks == []
    assert b"create user secret_ada password ?" in output["audit/audit.jsonl"]


def test_no_literal_is_written_where_that_is_asked_for(start):
    server = start(env={"GODWIT_LOG_FILTER": "trace"}, config="[audit]\nredact_literals = true\n")
    literals = ["literal-one", "8412097531", "literal-three", "literal-four"]
    with server.client() as client:
        client.query("select 'literal-one' as a, 8412097531 as b /* literal-three */")
        with pytest.raises(pa.ArrowException):
            client.query("select cast(a as int) from (values ('literal-four'), ('x')) t(a)")
        shown = client.value("select sql from system.queries where ended is null and 'literal-one' <> 'x'")
        assert shown == "select sql from system.queries where ended is null and ? <> ?"
    server.stop()
    texts = [server.log(), *(path.read_text() for path in files(server))]
    for literal in literals:
        for text in texts:
            at = text.find(literal)
            assert at < 0, text[max(0, at - 300) : at + 100]
    assert "select ? as a, ? as b" in texts[-1]

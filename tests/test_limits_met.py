"""Limits of the configuration that no other test meets."""

import json
import socket
import time

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, USER, eventually, hashed, run
from rawgrpc import Failure, basic
from test_streaming import ENDLESS, WIDE



def test_a_result_has_only_so_many_rows(start):
    server = start(config="[query]\nmax_result_rows = 10\n")
    with server.client() as client:
        assert client.query("select * from generate_series(1, 10)").num_rows == 10
        with pytest.raises(pa.ArrowException, match=r"more than 10 rows.*query\.max_result_rows"):
            client.query("select * from generate_series(1, 11)")
        # What it counts is what the client gets.
        assert client.value("select count(*) from generate_series(1, 1000)") == 1000


def test_a_result_has_only_so_many_bytes(start):
    server = start(config='[query]\nmax_result_bytes = "1MiB"\n')
    with server.raw() as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(WIDE)))
        with pytest.raises(Failure, match=r"query\.max_result_bytes") as failure:
            raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
        assert failure.value.code == "RESOURCE_EXHAUSTED"


def test_a_role_has_a_timeout(start):
    server = start(config=(
        '[query]\nrole_timeouts = { analyst = "700ms" }\n'
        f"[users.ada]\npassword_hash = '{hashed('the first password')}'\n"
    ))
    with server.client() as admin, server.client("ada", "the first password") as ada:
        admin.run("create role analyst")
        admin.run("grant analyst to ada")
        with pytest.raises(pa.ArrowException, match=r"after 0\.7 s.*query\.role_timeouts"):
            ada.query(ENDLESS)
        ada.run("set statement_timeout = '300ms'")
        with pytest.raises(pa.ArrowException, match=r"after 0\.3 s"):
            ada.query(ENDLESS)


@pytest.mark.parametrize("timeout", ["soon", "0s"])
def test_a_timeout_of_a_role_is_a_duration(tmp_path, timeout):
    path = tmp_path / "godwit.toml"
    path.write_text(f'[query]\nrole_timeouts = {{ analyst = "{timeout}" }}\n')
    ran = run("config", "check", "--config", path)
    assert ran.returncode != 0
    assert "query.role_timeouts.analyst" in ran.stderr


def test_the_audit_log_cuts_long_statements(start):
    server = start(config='[audit]\nmax_sql_bytes = "1KB"\n')
    sql = f"select '{'x' * 5000}' as long_text"
    with server.client() as client:
        client.query(sql)
    path = server.data_dir / "audit" / "audit.jsonl"

    def noted():
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        texts = [json.loads(line).get("sql") or "" for line in lines if line.endswith("}")]
        return [text for text in texts if text.startswith("select 'xxx")]

    (text, *_) = eventually(noted, "it is noted")
    assert len(text.encode()) <= 1100 < len(sql)


def test_a_transaction_has_only_so_many_savepoints(start):
    server = start(config="[lake]\nmax_savepoints = 2\n")
    with server.client() as client:
        client.run("begin")
        client.run("savepoint a")
        client.run("savepoint b")
        with pytest.raises(pa.ArrowException, match=r"lake\.max_savepoints"):
            client.run("savepoint c")
        client.run("rollback")


def test_wrong_passwords_for_one_user_slow_down_the_next(start):
    server = start(config=(
        "[auth]\nfailed_logins = 100000\nfailed_logins_per_address = 100000\n"
        'failed_logins_per_user = 2\nfailed_login_delay = "2s"\nfailed_login_window = "1h"\n'
    ))
    took = []
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(flight.FlightUnauthenticatedError):
            server.client(USER, "not the password")
        took.append(time.monotonic() - began)
    assert max(took[:2]) < 2 <= max(took[2:]), took
    with server.client(USER, PASSWORD) as client:
        assert client.value("select 1") == 1


def test_the_delay_after_wrong_passwords_does_not_grow_for_ever(start):
    server = start(config=(
        '[auth]\nfailed_logins = 1\nfailed_login_delay = "100ms"\nfailed_login_max_delay = "400ms"\nfailed_login_window = "1h"\n'
    ))

    def checked():
        """When a wrong password was looked at, after all that were refused unseen."""
        while True:
            with server.raw(basic(USER, "not the password")) as raw:
                if raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1"))) == "UNAUTHENTICATED":
                    return time.monotonic()

    moments = [checked() for _ in range(8)]
    waited = [after - before for before, after in zip(moments, moments[1:])]
    # Doubled each time, the last would be 6.4 s.
    assert max(waited) < 3 and min(waited[3:]) >= 0.35, waited


def test_few_rows_stay_in_the_catalog(start):
    server = start(config="[lake]\ninline_rows = 3\n")
    with server.client() as client:
        client.run("create table t (n bigint)")
        for rows, files in ((3, 0), (4, 1), (1, 1), (5, 2)):
            client.run(f"insert into t select value from generate_series(1, {rows})")
            assert len([*server.data_dir.rglob("*.parquet")]) == files, rows
        assert client.value("select count(*) from t") == 13


def test_a_client_that_reads_nothing_gives_its_place_to_others(start):
    server = start(config=(
        '[query]\nmax_running = 1\nqueue_timeout = "60s"\n[wire]\nidle_stream_timeout = "500ms"\n'
    ))
    with server.client() as lazy, server.client() as other:
        reader = lazy.get(lazy.info(wire.statement(WIDE)))
        reader.read_chunk()
        assert other.value("select 1") == 1
        with pytest.raises(pa.ArrowException, match=r"read nothing for 0\.5 s.*wire\.idle_stream_timeout"):
            while True:
                reader.read_chunk()


def test_a_client_that_reads_slowly_is_not_idle(start):
    server = start(config='[wire]\nidle_stream_timeout = "2s"\n')
    with server.client() as client:
        reader = client.get(client.info(wire.statement("select * from generate_series(1, 3000000)")))
        rows, began = 0, time.monotonic()
        for chunk in reader:
            rows += chunk.data.num_rows
            # Reading takes longer than the limit in all, and never as long at a time.
            until = time.monotonic() + 0.1
            while time.monotonic() < until and time.monotonic() - began < 4:
                pass
        assert rows == 3_000_000


def test_an_upload_that_sends_nothing_ends(start):
    server = start(config='[wire]\nidle_stream_timeout = "500ms"\n')
    with server.client() as client:
        client.run("create temp table uploaded (a bigint)")
        descriptor = flight.FlightDescriptor.for_command(
            wire.packed("CommandStatementIngest", wire.message(2, 2), "uploaded", None, None, 1)
        )
        schema = pa.schema([("a", pa.int64())])
        writer, reader = client.flight.do_put(descriptor, schema, client.options)
        writer.write_batch(pa.record_batch([[1]], schema=schema))
        began = time.monotonic()
        with pytest.raises(pa.ArrowException, match=r"sent nothing for 0\.5 s.*wire\.idle_stream_timeout"):
            # It ends without an answer, and closing says why.
            reader.read()
            writer.close()
        assert time.monotonic() - began < 20
        assert client.value("select count(*) from uploaded") == 0


def test_the_clients_deadline_ends_its_query(start):
    server = start()
    with server.client() as client, server.raw(client.headers[0][1].decode(), timeout=None) as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(ENDLESS)))
        ticket = wire.fields(wire.fields(info)[3][0])[1][0]
        # As a header only, so that it is the server and not the client's library that looks at the clock.
        with pytest.raises(Failure) as failure:
            raw.call("DoGet", ticket, headers=[("grpc-timeout", "1500m")])
        assert failure.value.code == "DEADLINE_EXCEEDED"
        assert "grpc-timeout" in failure.value.message
        running = "select count(*) from system.queries where ended is null and sql not like '%system.queries%'"
        eventually(lambda: client.value(running) == 0, "the query ends")


def test_a_connection_whose_other_end_is_silent_is_closed(start):
    server = start(config='[wire]\nkeepalive_interval = "200ms"\nkeepalive_timeout = "300ms"\n')
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as silent:
        # The preface and empty settings; no answer to the server's pings.
        silent.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        received = b""
        while data := silent.recv(4096):
            received += data
    # A frame of the type PING with eight bytes.
    assert b"\0\0\x08\x06" in received
    with server.client() as client:
        assert client.value("select 1") == 1


def test_only_so_many_connections_are_open(start):
    server = start(config="[wire]\nmax_connections = 3\n")
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(3)]
    for each in held:
        # The preface and empty settings: whoever is in gets the server's settings.
        each.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        assert each.recv(9)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as refused:
        assert refused.recv(9) == b""
    eventually(lambda: "wire.max_connections" in server.log(), "the log says so")
    for each in held:
        each.close()

    def serves():
        try:
            with server.client() as client:
                return client.value("select 1") == 1
        except pa.ArrowException:
            return False

    eventually(serves, "there is room again")

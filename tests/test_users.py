"""Users that SQL makes, from their first login to their last token, and what they see through every call."""

import time

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import Server, eventually
from rawgrpc import Failure, Raw, basic

SELECT_1 = wire.descriptor(wire.statement("select 1"))
FIRST, SECOND = "the first password", "the second password"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = '[auth]\npassword_overlap = "1h"\npassword_min_length = 12\nfailed_logins = 1000\n'
    with Server(tmp_path_factory.mktemp("users"), config=config) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server):
    with server.client() as client:
        yield client


def code(server, authorization):
    with Raw(server.address, authorization) as raw:
        return raw.code("GetFlightInfo", SELECT_1)


def token_of(server, user, password):
    with server.raw(basic(user, password)) as raw:
        _, headers = raw.call_with_headers("Handshake", [])
        return headers["authorization"]


def test_a_user_comes_changes_the_password_and_goes(server, admin):
    with pytest.raises(pa.ArrowInvalid, match="12 at least"):
        admin.run("create user ann password 'too short'")
    admin.run(f"create user ann password '{FIRST}'")
    assert code(server, basic("ann", FIRST)) == "OK"
    assert code(server, basic("ann", SECOND)) == "UNAUTHENTICATED"
    with server.client("ann", FIRST) as ann:
        ann.run(f"alter user current_user password '{SECOND}'")
    assert code(server, basic("ann", SECOND)) == "OK"
    assert code(server, basic("ann", FIRST)) == "OK", "the password before is good for auth.password_overlap"
    admin.run("alter user ann disable")
    assert {code(server, basic("ann", password)) for password in (FIRST, SECOND)} == {"UNAUTHENTICATED"}
    admin.run("alter user ann enable")
    assert code(server, basic("ann", SECOND)) == "OK"
    admin.run("alter user ann valid until '2020-01-01 00:00:00'")
    assert code(server, basic("ann", SECOND)) == "UNAUTHENTICATED"
    admin.run("drop user ann")
    assert code(server, basic("ann", SECOND)) == "UNAUTHENTICATED"


def test_tokens_end_with_their_user_or_when_they_are_revoked(server, admin):
    admin.run(f"create user tom password '{FIRST}'")
    token = token_of(server, "tom", FIRST)
    assert code(server, token) == "OK"
    admin.run("alter user tom disable")
    assert code(server, token) == "UNAUTHENTICATED"
    admin.run("alter user tom enable")
    assert code(server, token) == "OK"
    admin.run("revoke tokens of tom")
    assert code(server, token) == "UNAUTHENTICATED"
    renewed = []

    def again():
        renewed[:] = [token_of(server, "tom", FIRST)]
        return code(server, renewed[0]) == "OK"

    eventually(again, "a login after the second of the revocation is good")
    admin.run("drop user tom")
    assert code(server, renewed[0]) == "UNAUTHENTICATED"


def test_what_is_not_granted_is_in_no_answer(server, admin):
    for sql in (
        f"create user eve password '{FIRST}'",
        "create schema vault",
        "create table vault.gold (weight int, secret varchar)",
        "insert into vault.gold values (1, 'ingot'), (2, 'bar')",
        "create schema shop",
        "create table shop.goods as select 1 as id",
        "grant usage on schema shop to eve",
        "grant select on shop.goods to eve",
    ):
        admin.run(sql)
    with server.client("eve", FIRST) as eve:
        told = [
            eve.query("select * from information_schema.tables where table_schema <> 'information_schema'"),
            eve.query("select * from information_schema.columns where table_schema <> 'information_schema'"),
            eve.query("select * from information_schema.schemata"),
            eve.query("show tables"),
            eve.query("select * from system.snapshots"),
            eve.query("select * from system.grants"),
            eve.query("select * from system.queries"),
            eve.query("select * from system.audit"),
        ]
        shown = str([table.to_pylist() for table in told])
        assert "goods" in shown and "vault" not in shown and "gold" not in shown
        for sql in ("select * from vault.gold", "select * from vault.golt", "insert into vault.gold values (3, 'x')", "drop table vault.gold"):
            with pytest.raises((pa.ArrowException, KeyError, flight.FlightError)) as caught:
                eve.run(sql)
            assert "does not exist" in str(caught.value) and "did you mean" not in str(caught.value), str(caught.value)
        with pytest.raises(flight.FlightUnauthorizedError, match="may not"):
            eve.run("delete from shop.goods")
    with server.adbc("eve", FIRST) as connection:
        objects = str(connection.adbc_get_objects().read_all().to_pylist())
        assert "goods" in objects and "vault" not in objects
    with server.raw(basic("eve", FIRST)) as raw:
        listed = str(raw.call("ListFlights", b""))
        assert "vault" not in listed


def test_a_right_that_is_taken_is_gone_at_once(server, admin):
    for sql in (
        f"create user pat password '{FIRST}'",
        "create schema lent",
        "create table lent.t as select 7 as a",
        "grant usage on schema lent to pat",
        "grant select on lent.t to pat",
    ):
        admin.run(sql)
    with server.client("pat", FIRST) as pat:
        assert pat.query("select a from lent.t").to_pylist() == [{"a": 7}]
        prepared = pat.prepare("select a from lent.t")
        described = pat.info(wire.statement("select a from lent.t"))
        admin.run("revoke select on lent.t from pat")
        for read in (
            lambda: pat.query("select a from lent.t"),
            lambda: pat.get(described),
            lambda: pat.read(wire.prepared(prepared.handle)),
        ):
            with pytest.raises((pa.ArrowException, KeyError, flight.FlightError), match="does not exist"):
                read()
        pat.close_prepared(prepared.handle)
        admin.run("grant select on lent.t to pat")
        assert pat.query("select a from lent.t").to_pylist() == [{"a": 7}]


def test_policies_and_masks_through_clients(server, admin):
    for sql in (
        f"create user rob password '{FIRST}'",
        "create role north",
        "grant north to rob",
        "create schema ledger",
        "create table ledger.pay (region varchar, name varchar, salary int)",
        "insert into ledger.pay values ('north', 'a', 100), ('south', 'b', 200), ('north', 'c', 300)",
        "grant usage on schema ledger to north",
        "grant select, insert, update, delete on ledger.pay to north",
        "create policy here on ledger.pay to north using (region = 'north')",
    ):
        admin.run(sql)
    with server.client("rob", FIRST) as rob:
        assert rob.rows("select name from ledger.pay order by 1") == [("a",), ("c",)]
        assert rob.run("update ledger.pay set salary = salary + 1") == 2
        with pytest.raises(flight.FlightUnauthorizedError, match="row policies"):
            rob.run("insert into ledger.pay values ('south', 'd', 1)")
        # A division by zero for the row that is hidden would tell that it is there.
        assert rob.rows("select count(*) from ledger.pay where 1 / (salary - 200) > -1") == [(2,)]
        admin.run("create mask low on ledger.pay (salary) to north using (0)")
        assert rob.rows("select sum(salary) from ledger.pay where salary = 0") == [(0,)]
    assert admin.rows("select sum(salary) from ledger.pay") == [(602,)]


def test_a_flood_of_headers_ends_with_its_own_call(server):
    """Headers beyond what the server takes are refused for that call; others go on."""
    with pytest.raises(Failure):
        with Raw(server.address, basic("nobody", "x" * 200_000)) as raw:
            raw.call("GetFlightInfo", SELECT_1)
    began = time.monotonic()
    for _ in range(50):
        assert code(server, "Bearer " + "a" * 15_000) == "UNAUTHENTICATED"
    assert time.monotonic() - began < 30
    with server.client() as client:
        assert client.rows("select 1") == [(1,)]

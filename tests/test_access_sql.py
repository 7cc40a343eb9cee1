"""Users, roles and grants by SQL, as clients send it: once, described without a change, and with no password in any output."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import lakes
import wire

SECRET = "geheimnis-0815"


@pytest.fixture
def kingdom(start):
    """A server whose users and roles are the test's own."""
    return start()


def test_statements_come_as_queries_updates_and_prepared_ones(kingdom):
    with kingdom.client() as client:
        client.query("create role one")
        client.run("create role two")
        prepared = client.prepare("create role three")
        assert client.rows("select count(*) from system.roles where not built_in") == [(2,)]
        client.update(wire.prepared_update(prepared.handle))
        assert client.rows("select name from system.roles where not built_in order by 1") == [("one",), ("three",), ("two",)]
        client.close_prepared(prepared.handle)
    with kingdom.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("grant one to two")
        cursor.execute("show roles")
        found = dict((row[0], row[2]) for row in cursor.fetchall())
        assert found["two"] == "one"
        cursor.adbc_prepare("drop role two")
        cursor.execute("select count(*) from system.roles where name = 'two'")
        assert cursor.fetchone() == (1,), "preparing changes nothing"


def test_what_is_granted_is_there_after_a_restart_and_duckdb_reads_on(start, tmp_path):
    home = tmp_path / "kept"
    server = start(home)
    with server.client() as client:
        client.run("create table t (id int)")
        client.run("insert into t values (1), (2)")
        for sql in ("create role r", f"create user u password '{SECRET}'", "grant r to u", "grant select on t to r"):
            client.run(sql)
        granted = client.rows("show grants")
        assert len(granted) == 3, granted
    with lakes.beside(server, read_only=True) as duck:
        assert duck.rows("select id from t order by 1") == [(1,), (2,)]
    server.stop()
    # DuckDB writes beside what is kept, and takes nothing of it for its own.
    with lakes.beside(server) as duck:
        duck.run("insert into t values (3)", "create table mine (id int)")
    with start(home).client() as client:
        assert client.rows("show grants") == granted
        assert client.rows("select count(*) from t") == [(3,)]


def test_what_another_program_made_has_no_owner_and_can_be_given_one(kingdom):
    with kingdom.client() as client:
        client.run("create table ours (id int)")
        client.run("create user u")
        with lakes.beside(kingdom) as duck:
            duck.run("create table theirs (id int)")
        client.run("alter table theirs owner to u")
        with pytest.raises(pa.ArrowException, match="owns table 'main.theirs'"):
            client.run("drop user u")
        client.run("alter table theirs owner to current_user")
        client.run("drop user u")
        with lakes.beside(kingdom, read_only=True) as duck:
            tags = duck.rows(
                "select key, value from __ducklake_metadata_lake.ducklake_tag where key = 'godwit.owner' and end_snapshot is null"
            )
            assert tags == [("godwit.owner", "admin")] * 2, tags
            assert duck.rows("select * from theirs") == []


def test_passwords_are_in_no_output(kingdom):
    with kingdom.client() as client:
        for sql in (
            f"create user u password '{SECRET}'",
            f"alter user u password '{SECRET}2' enable",
            f"ALTER USER u\npassword /* now */ '{SECRET}3'",
        ):
            client.run(sql)
        for wrong in (
            f"create user u password '{SECRET}'",
            f"create user '{SECRET}'",
            f"alter user u password '{SECRET}' '{SECRET}'",
            f"alter user nobody password '{SECRET}'",
            f"create or replace user u password '{SECRET}'",
        ):
            with pytest.raises((pa.ArrowException, KeyError, flight.FlightError)) as caught:
                client.run(wrong)
            assert SECRET not in str(caught.value)
        shown = client.query("select * from system.users").to_pylist()
        assert SECRET not in str(shown) and "argon2" not in str(shown)
    assert SECRET not in kingdom.log()


def test_results_have_the_schema_that_was_described(kingdom):
    with kingdom.client() as client:
        for sql in ("show grants", "show roles", "show users", "show policies", "show masks", "show grants for current_user"):
            promised = client.info(wire.statement(sql)).schema
            assert client.query(sql).schema == promised, sql
            assert len(promised) >= 3

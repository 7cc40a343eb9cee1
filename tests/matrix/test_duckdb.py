"""DuckDB reading through ADBC: its extensions for that are not on PyPI, so an ADBC cursor hands it the stream."""

import duckdb
import pytest

import steps


@pytest.fixture
def connection(server):
    with server.adbc() as connection:
        yield connection


@pytest.fixture
def duck():
    with duckdb.connect() as duck:
        yield duck


def stream(cursor, sql, *parameters):
    cursor.execute(sql, *parameters)
    return cursor.fetch_record_batch()


def test_connect(connection, duck):
    with connection.cursor() as cursor:
        duck.register("one", stream(cursor, "select 1 as one"))
        assert duck.sql("select * from one").fetchall() == [(1,)]


def test_query(connection, duck):
    with connection.cursor() as cursor:
        duck.register("people", stream(cursor, steps.QUERY))
        assert duck.sql("select * from people").fetchall() == steps.ROWS


def test_query_joined_with_its_own(connection, duck):
    """The stream is read as it comes, and is one side of a join."""
    duck.sql("create table wanted as select range as n from range(0, 100000, 1000)")
    with connection.cursor() as cursor:
        duck.register("numbers", stream(cursor, "select n, s from numbers"))
        assert duck.sql("select count(*) from numbers join wanted using (n)").fetchone() == (100,)


def test_parameters(connection, duck):
    with connection.cursor() as cursor:
        duck.register("people", stream(cursor, "select name from people where id = ?", (2,)))
        assert duck.sql("select * from people").fetchall() == [("Grace",)]


def test_parameters_from_duckdb(connection, duck):
    """Rows of DuckDB are bound as they are, one query each."""
    with connection.cursor() as cursor:
        rows = duck.sql("select unnest([2, 1]) as id").to_arrow_table()
        duck.register("people", stream(cursor, "select name from people where id = ?", rows))
        assert duck.sql("select * from people").fetchall() == [("Grace",), ("Ada",)]


def test_metadata(connection, duck):
    """What DuckDB sees of the server is a stream's columns."""
    with connection.cursor() as cursor:
        duck.register("people", stream(cursor, "select * from people"))
        columns = duck.sql("select column_name, column_type from (describe people)").fetchall()
    expected = [("id", "BIGINT"), ("name", "VARCHAR"), ("score", "DOUBLE"), ("born", "DATE"), ("active", "BOOLEAN")]
    assert columns == expected


def test_ingest(connection, duck):
    """The other way: DuckDB's rows become a temporary table of the server."""
    rows = duck.sql("select range as id, 'row ' || range as label from range(100000)").to_arrow_reader(10_000)
    with connection.cursor() as cursor:
        assert cursor.adbc_ingest("from_duckdb", rows, mode="create", temporary=True) == 100_000
        cursor.execute("select count(*), max(label) from temp.from_duckdb")
        assert cursor.fetchone() == (100_000, "row 99999")


def test_session(connection, duck):
    connection.adbc_current_db_schema = "shop"
    with connection.cursor() as cursor:
        duck.register("orders", stream(cursor, "select * from orders"))
        assert duck.sql("select count(*) from orders").fetchone() == (3,)


def test_cancel(connection, duck, session_client):
    with connection.cursor() as cursor:
        duck.register("numbers", stream(cursor, steps.endless("duckdb")))
        rows = duck.execute("select * from numbers")
        assert len(rows.fetchmany(10)) == 10
        with steps.freed(session_client, "duckdb"):
            cursor.adbc_cancel()
            with pytest.raises(duckdb.Error):
                while rows.fetchmany(100_000):
                    pass


def test_close(server, duck):
    connection = server.adbc()
    with connection.cursor() as cursor:
        duck.register("one", stream(cursor, "select 1 as one"))
        duck.unregister("one")
    connection.close()

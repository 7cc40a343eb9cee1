"""Polars over ADBC: read_database and write_database."""

import datetime
import decimal

import polars as pl
import pytest

import steps

VALUES = [
    ("int64", 2**63 - 1),
    ("boolean", True),
    ("double", -0.1),
    ("decimal128", decimal.Decimal("-1.0000000000")),
    ("string", "a word that is longer than twelve bytes 🐦"),
    ("binary", b"\x00\xffbytes that are longer than twelve"),
    ("date32", datetime.date(2026, 11, 21)),
    ("time64_us", datetime.time(23, 59, 58)),
    ("timestamp_us", datetime.datetime(2026, 11, 21, 4, 5, 6)),
    ("duration_us", datetime.timedelta(days=3, seconds=4)),
]


@pytest.fixture
def connection(server):
    with server.adbc() as connection:
        yield connection


def test_connect(server):
    with server.adbc() as connection:
        assert pl.read_database("select 1 as one", connection).item() == 1


def test_query(connection):
    assert pl.read_database(steps.QUERY, connection).rows() == steps.ROWS


def test_query_in_batches(connection):
    frames = pl.read_database("select n from numbers", connection, iter_batches=True, batch_size=1000)
    assert sum(frame.height for frame in frames) == 100_000


@pytest.mark.parametrize(("name", "value"), VALUES, ids=[name for name, _ in VALUES])
def test_parameters(connection, name, value):
    options = {"parameters": (value,)}
    assert pl.read_database(steps.typed_query(name), connection, execute_options=options).item() == 1


def test_parameters_from_a_frame(connection):
    """Polars hands over its own arrays, whose texts are views."""
    with connection.cursor() as cursor:
        cursor.execute("select id from people where name = ?", pl.DataFrame({"name": ["Grace", "Ada"]}))
        assert cursor.fetch_polars()["id"].to_list() == [2, 1]


def test_metadata(connection):
    schema = connection.adbc_get_table_schema("people")
    assert pl.DataFrame(schema.empty_table()).schema["born"] == pl.Date


def test_ingest(connection):
    """Polars has no word for a temporary table, but the schema says it."""
    frame = pl.DataFrame({"id": [1, 2, 3], "town": ["Lisboa", None, "Faro"]})
    assert frame.write_database("temp.towns", connection, engine="adbc", if_table_exists="fail") == 3
    assert pl.read_database("select * from towns order by id", connection).rows() == steps.TRIP_ROWS
    frame.write_database("temp.towns", connection, engine="adbc", if_table_exists="append")
    assert pl.read_database("select count(*) from towns", connection).item() == 6
    frame.write_database("temp.towns", connection, engine="adbc", if_table_exists="replace")
    assert pl.read_database("select count(*) from towns", connection).item() == 3


def test_session(connection):
    connection.adbc_current_db_schema = "shop"
    assert pl.read_database(steps.COUNT_ORDERS, connection).item() == 3


def test_cancel(connection, session_client):
    frames = pl.read_database(steps.endless("polars"), connection, iter_batches=True, batch_size=1000)
    assert next(iter(frames)).height > 0
    with steps.freed(session_client, "polars"):
        frames.close()


def test_close(server):
    connection = server.adbc()
    pl.read_database("select 1", connection)
    connection.close()

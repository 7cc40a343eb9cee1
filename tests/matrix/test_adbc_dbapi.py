"""ADBC from Python by its DB-API: adbc_driver_flightsql.dbapi."""

import datetime
import decimal

import adbc_driver_flightsql.dbapi as flightsql
import pytest

import steps
from godwit_server import PASSWORD, USER

# Every Python type that the driver makes an Arrow array of.
PYTHON_VALUES = [
    ("int64", 2**63 - 1),
    ("boolean", True),
    ("double", -0.1),
    ("decimal128", decimal.Decimal("-1.0000000000")),
    ("string", "a word that is longer than twelve bytes 🐦"),
    ("binary", b"\x00\xffbytes that are longer than twelve"),
    ("date32", datetime.date(2026, 11, 21)),
    ("time64_us", datetime.time(23, 59, 58)),
    ("timestamp_us", datetime.datetime(2026, 11, 21, 4, 5, 6)),
    ("timestamp_us_utc", datetime.datetime(2026, 11, 21, 4, 5, 6, tzinfo=datetime.timezone.utc)),
    ("duration_us", datetime.timedelta(days=3, seconds=4)),
    ("list", [1, None]),
    ("struct", {"x": 1, "label": "a"}),
]


@pytest.fixture
def connection(server):
    with server.adbc() as connection:
        yield connection


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


def test_connect(server):
    login = {"username": USER, "password": PASSWORD}
    with flightsql.connect(server.uri, db_kwargs=login, autocommit=True) as connection:
        assert connection.adbc_get_info()["vendor_name"].lower() == "godwit"


def test_query(cursor):
    cursor.execute(steps.QUERY)
    assert cursor.fetchall() == steps.ROWS


@pytest.mark.parametrize(("name", "value"), PYTHON_VALUES, ids=[name for name, _ in PYTHON_VALUES])
def test_parameters(cursor, name, value):
    cursor.execute(steps.typed_query(name), (value,))
    assert cursor.fetchall() == [(1,)]


def test_parameters_of_null(cursor):
    cursor.execute("select ? is null", (None,))
    assert cursor.fetchall() == [(True,)]


def test_parameters_by_name_are_the_driver_s_own_limit(cursor):
    with pytest.raises(flightsql.NotSupportedError):
        cursor.execute("select $name", {"name": 1})


def test_metadata(connection):
    (catalog,) = connection.adbc_get_objects(table_name_filter="people").read_all().to_pylist()
    tables = [table for schema in catalog["catalog_db_schemas"] for table in schema["db_schema_tables"]]
    assert [column["column_name"] for column in tables[0]["table_columns"]] == ["id", "name", "score", "born", "active"]
    assert connection.adbc_get_table_schema("people").names == ["id", "name", "score", "born", "active"]
    assert "TABLE" in connection.adbc_get_table_types()


def test_ingest(cursor):
    assert cursor.adbc_ingest("towns", steps.TRIPS, mode="create", temporary=True) == 3
    cursor.execute("select * from towns order by id")
    assert cursor.fetchall() == steps.TRIP_ROWS
    cursor.adbc_ingest("towns", steps.TRIPS, mode="append", temporary=True)
    cursor.adbc_ingest("towns", steps.TRIPS, mode="create_append", temporary=True)
    cursor.execute("select count(*) from temp.towns")
    assert cursor.fetchone() == (9,)
    cursor.adbc_ingest("towns", steps.TRIPS.to_reader(), mode="replace", temporary=True)
    cursor.execute("select count(*) from temp.towns")
    assert cursor.fetchone() == (3,)
    with pytest.raises(flightsql.Error, match="towns"):
        cursor.adbc_ingest("towns", steps.TRIPS, mode="create", temporary=True)


def test_session(connection, cursor):
    connection.adbc_current_db_schema = "shop"
    cursor.execute(steps.COUNT_ORDERS)
    assert cursor.fetchone() == (3,)
    assert (connection.adbc_current_catalog, connection.adbc_current_db_schema) == ("godwit", "shop")
    with pytest.raises(flightsql.Error):
        connection.adbc_current_db_schema = "no_such_schema"


def test_cancel(connection, cursor, session_client):
    cursor.execute(steps.endless("adbc dbapi"))
    assert cursor.fetchone() is not None
    with steps.freed(session_client, "adbc dbapi"):
        cursor.adbc_cancel()
        with pytest.raises(flightsql.OperationalError):
            while cursor.fetchone():
                pass
    with connection.cursor() as other:
        other.execute("select 1")
        assert other.fetchall() == [(1,)]


def test_close(server):
    connection = server.adbc()
    cursor = connection.cursor()
    cursor.execute("select 1")
    cursor.close()
    connection.close()
    with pytest.raises(flightsql.Error, match="INVALID_STATE"):
        connection.cursor()

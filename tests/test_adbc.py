"""The ADBC Flight SQL driver: cursors, parameters, data frames, metadata, sessions, errors."""

import datetime
import decimal
import warnings

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from godwit_server import PASSWORD, USER
from rawgrpc import basic


@pytest.fixture
def connection(server):
    with server.adbc() as connection:
        yield connection


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


def test_execute_and_fetch(cursor):
    cursor.execute("select id, name from people order by id")
    assert [column[0] for column in cursor.description] == ["id", "name"]
    assert cursor.fetchone() == (1, "Ada")
    assert cursor.fetchmany(2) == [(2, "Grace"), (3, "Étienne")]
    assert cursor.fetchall() == [(4, None), (5, "Zoë 🐦")]
    assert cursor.fetchone() is None


def test_fetch_arrow_table(cursor):
    cursor.execute("select * from people order by id")
    table = cursor.fetch_arrow_table()
    assert table.num_rows == 5
    assert not table.schema.field("id").nullable
    assert table["born"][2].as_py() == datetime.date(1997, 3, 1)


def test_fetch_record_batch(cursor):
    cursor.execute("select n from numbers")
    reader = cursor.fetch_record_batch()
    assert sum(batch.num_rows for batch in reader) == 100_000


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("select name from people where id = ?", (2,), [("Grace",)]),
        ("select name from people where id = $1", (2,), [("Grace",)]),
        ("select id from people where name = ? and active", ("Ada",), [(1,)]),
        ("select id from people where score > $2 or id = $1 order by id", (5, 9.0), [(1,), (5,)]),
        ("select id from people where born = ?", (datetime.date(1906, 12, 9),), [(2,)]),
        ("select id from people where active = ? order by id", (False,), [(2,), (5,)]),
        ("select id from people where name = ?", (None,), []),
        ("select id from people order by id limit ?", (1,), [(1,)]),
        ("select cast(? as decimal(10, 2)) as d", (decimal.Decimal("1.25"),), [(decimal.Decimal("1.25"),)]),
        ("select cast(? as timestamp) as t", (datetime.datetime(2026, 11, 21, 4, 5, 6),),
         [(datetime.datetime(2026, 11, 21, 4, 5, 6),)]),
        ("select encode(cast(? as bytea), 'hex') as h", (b"\x00\xff",), [("00ff",)]),
        ("select ? as v", ("text",), [("text",)]),
    ],
)
def test_parameters(cursor, sql, parameters, expected):
    cursor.execute(sql, parameters)
    assert cursor.fetchall() == expected


def test_same_statement_again(cursor):
    for wanted in (1, 2, 1):
        cursor.execute("select id from people where id = ?", (wanted,))
        assert cursor.fetchall() == [(wanted,)]


def test_many_rows_of_parameters(cursor):
    cursor.execute("select id from people where id = ?", pa.record_batch({"id": [3, 1]}))
    assert cursor.fetchall() == [(3,), (1,)]


def test_prepare_shows_parameters(cursor):
    assert cursor.adbc_prepare("select * from people where id = ? and name = ?").types == [pa.int64(), pa.string()]


def test_set_through_execute(cursor):
    cursor.execute("set schema = 'shop'")
    cursor.execute("select count(*) from orders")
    assert cursor.fetchone() == (3,)


def test_set_without_reading_its_result(connection):
    """The cursor is closed before it read anything: the statement has run all the same."""
    connection.execute("set schema = 'shop'").close()
    assert connection.adbc_current_db_schema == "shop"


def test_set_through_executescript(connection, cursor):
    cursor.executescript("set schema = 'shop'")
    assert connection.adbc_current_db_schema == "shop"


def test_set_through_executemany(connection, cursor):
    cursor.executemany("set schema = 'shop'", pa.record_batch([], schema=pa.schema([])))
    assert connection.adbc_current_db_schema == "shop"


def test_current_catalog_and_schema(connection):
    assert connection.adbc_current_catalog == "godwit"
    assert connection.adbc_current_db_schema == "main"
    connection.adbc_current_db_schema = "shop"
    assert connection.adbc_current_db_schema == "shop"
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from orders")
        assert cursor.fetchone() == (3,)
    with pytest.raises(flightsql.Error):
        connection.adbc_current_catalog = "no_such_catalog"
    with pytest.raises(flightsql.Error):
        connection.adbc_current_db_schema = "no_such_schema"


def test_pandas(connection, cursor):
    cursor.execute("select id, score from people order by id")
    frame = cursor.fetch_df()
    assert frame["id"].tolist() == [1, 2, 3, 4, 5]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pd.read_sql("select k, count(*) as c from numbers group by k order by k", connection)
    assert len(frame) == 100
    assert frame["c"].unique().tolist() == [1000]


def test_polars(connection, cursor):
    frame = pl.read_database("select id, name, born from people order by id", connection)
    assert frame.shape == (5, 3)
    assert frame["name"].to_list()[4] == "Zoë 🐦"
    frame = pl.read_database("select v from types.t_dictionary order by row", connection)
    assert frame["v"].to_list() == ["red", None, "green", "red"]
    cursor.execute("select * from csv_plain")
    assert cursor.fetch_polars().height == 3


def test_polars_with_parameters(connection):
    frame = pl.read_database(
        "select name from people where id = ?", connection, execute_options={"parameters": (2,)}
    )
    assert frame["name"].to_list() == ["Grace"]


def test_execute_schema(cursor):
    schema = cursor.adbc_execute_schema("select id, name from people")
    assert schema == pa.schema([pa.field("id", pa.int64(), nullable=False), ("name", pa.string())])


def test_partitions(cursor):
    partitions, schema = cursor.adbc_execute_partitions("select id from people order by id")
    assert len(partitions) == 1
    assert schema.names == ["id"]
    cursor.adbc_read_partition(partitions[0])
    assert cursor.fetchall() == [(1,), (2,), (3,), (4,), (5,)]


def test_incremental_execution(server):
    """PollFlightInfo, until the query is complete."""
    with server.adbc() as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.statement.exec.incremental": "true"})
        partitions, schema = cursor.adbc_execute_partitions("select id from people order by id")
        assert schema.names == ["id"]
        cursor.adbc_read_partition(partitions[0])
        assert len(cursor.fetchall()) == 5


# Logging in.


def test_no_warning_with_autocommit(server):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with server.adbc() as connection:
            connection.execute("select 1").close()


def test_default_without_autocommit_still_works(server):
    login = {"username": USER, "password": PASSWORD}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with flightsql.connect(server.uri, db_kwargs=login) as connection, connection.cursor() as cursor:
            cursor.execute("select 1")
            assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("padded", [True, False])
def test_basic_on_every_call(server, padded):
    header = {adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value: basic(USER, PASSWORD, padded)}
    with server.adbc(user=None, db_kwargs=header) as connection, connection.cursor() as cursor:
        cursor.execute("select id from people where id = ?", (1,))
        assert cursor.fetchall() == [(1,)]


def test_cookies_make_a_session(server):
    options = adbc_driver_flightsql.DatabaseOptions
    login = {
        options.AUTHORIZATION_HEADER.value: basic(USER, PASSWORD),
        options.WITH_COOKIE_MIDDLEWARE.value: "true",
    }
    with server.adbc(user=None, db_kwargs=login) as connection, connection.cursor() as cursor:
        connection.adbc_current_db_schema = "shop"
        cursor.execute("select count(*) from orders")
        assert cursor.fetchone() == (3,)


def test_without_a_session_settings_stay(server):
    header = {adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value: basic(USER, PASSWORD)}
    with server.adbc(user=None, db_kwargs=header) as connection:
        with pytest.raises(flightsql.Error, match="(?i)handshake|cookie|log in"):
            connection.execute("set schema = 'shop'")


# Metadata.


def objects(connection, **options):
    """What adbc_get_objects gives, as {catalog: {schema: {table: table object}}}, None where nothing was asked for."""
    reader = connection.adbc_get_objects(**options)
    return {
        catalog["catalog_name"]: None
        if catalog["catalog_db_schemas"] is None
        else {
            schema["db_schema_name"]: None
            if schema["db_schema_tables"] is None
            else {table["table_name"]: table for table in schema["db_schema_tables"]}
            for schema in catalog["catalog_db_schemas"]
        }
        for catalog in reader.read_all().to_pylist()
    }


def test_get_objects_by_depth(connection):
    assert objects(connection, depth="catalogs") == {"godwit": None}
    schemas = objects(connection, depth="db_schemas")["godwit"]
    assert {"files", "main", "shop", "system", "temp", "types"} <= set(schemas)
    assert set(schemas.values()) == {None}
    tables = objects(connection, depth="tables")["godwit"]
    assert {"people", "numbers", "tree"} <= set(tables["files"])
    assert tables["files"]["people"]["table_type"] == "TABLE"
    assert tables["files"]["people"]["table_columns"] is None


def test_get_objects_columns(connection):
    people = objects(connection, depth="all", table_name_filter="people")["godwit"]["files"]["people"]
    columns = {column["column_name"]: column for column in people["table_columns"]}
    assert [column["ordinal_position"] for column in people["table_columns"]] == [1, 2, 3, 4, 5]
    names = {name: column["xdbc_type_name"].upper() for name, column in columns.items()}
    assert names == {"id": "BIGINT", "name": "VARCHAR", "score": "DOUBLE", "born": "DATE", "active": "BOOLEAN"}


def test_get_objects_filters(connection):
    def tables(**filters):
        found = objects(connection, depth="tables", **filters)
        return sorted(name for schemas in found.values() for each in schemas.values() for name in each)

    assert tables(table_name_filter="people") == ["people"]
    assert tables(table_name_filter="peo%") == ["people"]
    assert tables(table_name_filter="csv_p____") == ["csv_plain"]
    assert tables(db_schema_filter="shop") == ["customers", "lines", "orders"]
    assert tables(catalog_filter="no_such_catalog") == []
    assert tables(db_schema_filter="shop", table_types_filter=["TABLE"]) == ["customers", "lines", "orders"]
    assert tables(db_schema_filter="shop", table_types_filter=["VIEW"]) == []
    assert "mounts" in tables(table_types_filter=["SYSTEM TABLE"])
    columns = objects(connection, depth="columns", table_name_filter="people", column_name_filter="na%")
    (column,) = columns["godwit"]["files"]["people"]["table_columns"]
    assert column["column_name"] == "name"


def test_get_table_schema(connection, data):
    schema = connection.adbc_get_table_schema("people", db_schema_filter="files")
    assert schema.names == data.tables["people"].schema.names
    assert schema.types == data.tables["people"].schema.types
    assert [field.nullable for field in schema] == [False, True, True, True, True]
    assert connection.adbc_get_table_schema("csv_plain").names == ["trip", "town", "km"], "an underscore is itself"
    with pytest.raises(flightsql.Error):
        connection.adbc_get_table_schema("no_such_table")


def test_get_info(connection):
    info = connection.adbc_get_info()
    assert info["vendor_name"].lower() == "godwit"
    assert info["vendor_version"].split(".")[0].isdigit()
    assert info["vendor_arrow_version"]
    assert "Flight SQL" in info["driver_name"]


def test_get_table_types(connection):
    assert set(connection.adbc_get_table_types()) >= {"TABLE", "VIEW", "SYSTEM TABLE"}


# Errors.


@pytest.mark.parametrize(
    ("sql", "error", "status", "says"),
    [
        ("selec 1", flightsql.ProgrammingError, "INVALID_ARGUMENT", "selec"),
        ("select no_such_column from people", flightsql.ProgrammingError, None, "no_such_column"),
        ("select * from no_such_table", flightsql.ProgrammingError, "NOT_FOUND", "no_such_table"),
        ("select 1 / 0", flightsql.ProgrammingError, "INVALID_ARGUMENT", "(?i)divide by zero|division by zero"),
        ("select cast('x' as int)", flightsql.ProgrammingError, "INVALID_ARGUMENT", "x"),
        ("create external table t stored as csv location '/x'", flightsql.NotSupportedError, "NOT_IMPLEMENTED", "(?i)external"),
        ("insert into people values (1)", flightsql.Error, None, "(?i)read-only"),
        ("begin immediate", flightsql.NotSupportedError, "NOT_IMPLEMENTED", "(?i)transaction"),
        ("set no_such_setting = 1", flightsql.ProgrammingError, "NOT_FOUND", "no_such_setting"),
    ],
)
def test_errors(cursor, sql, error, status, says):
    with pytest.raises(error, match=says) as raised:
        cursor.execute(sql)
        cursor.fetchall()
    if status is not None:
        assert raised.value.status_code == adbc_driver_manager.AdbcStatusCode[status]
    cursor.execute("select 1")
    assert cursor.fetchall() == [(1,)], "and the connection goes on"


def test_wrong_password(server):
    with pytest.raises(flightsql.Error) as raised:
        with server.adbc(password="wrong") as connection:
            connection.execute("select 1")
    assert raised.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED


def test_cancel(connection, cursor):
    cursor.execute("select count(*) from generate_series(1, 1000000000) a(x) where x % 7 = 3")
    cursor.adbc_cancel()
    with connection.cursor() as other:
        other.execute("select 1")
        assert other.fetchall() == [(1,)]

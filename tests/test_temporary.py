"""Temporary tables: made and changed by SQL, seen by one session, gone with it."""

import decimal

import adbc_driver_flightsql.dbapi as flightsql
import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, USER
from rawgrpc import Failure


@pytest.fixture
def connection(server):
    with server.adbc() as connection:
        yield connection


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


def rows(cursor, sql, parameters=None):
    cursor.execute(sql, parameters)
    return cursor.fetchall()


def test_made_and_changed_through_adbc(cursor):
    cursor.execute("create temp table t (id int not null, name text default 'nobody', price decimal(8, 2))")
    cursor.execute("insert into t values (1, 'a', 1.5), (2, default, null)")
    assert cursor.rowcount in (2, -1)
    assert rows(cursor, "select * from t order by id") == [(1, "a", decimal.Decimal("1.50")), (2, "nobody", None)]
    cursor.execute("update t set price = price * 2 where id = 1")
    cursor.execute("delete from t where id in (select id from people where name = 'Grace')")
    assert rows(cursor, "select id, price from temp.t") == [(1, decimal.Decimal("3.00"))]
    cursor.execute("truncate table t")
    assert rows(cursor, "select count(*) from t") == [(0,)]
    cursor.execute("drop table t")
    with pytest.raises(flightsql.Error, match="'t' does not exist"):
        cursor.execute("select * from t")


def test_updates_count_the_rows_they_change(connection):
    with connection.cursor() as cursor:
        for sql, changed in [
            ("create temp table t as select id, name from people", 5),
            ("insert into t select id + 10, name from t", 5),
            ("update t set name = 'x' where id > 10", 5),
            ("delete from t where name = 'x' and id < 13", 2),
            ("delete from t where null", 0),
            ("drop table t", 0),
        ]:
            assert cursor.adbc_statement.set_sql_query(sql) is None
            assert cursor.adbc_statement.execute_update() == changed, sql


def test_executemany_runs_once_for_every_row(cursor):
    cursor.execute("create temp table t (id bigint not null, name text)")
    cursor.executemany("insert into t values (?, ?)", [(at, f"row {at}") for at in range(500)])
    assert rows(cursor, "select count(*), count(distinct id), max(name) from t") == [(500, 500, "row 99")]
    cursor.executemany("update t set name = ? where id = ?", [("x", 1), ("y", 2), ("z", 999)])
    assert rows(cursor, "select name from t where id in (1, 2) order by id") == [("x",), ("y",)]
    with pytest.raises(flightsql.Error, match="NOT NULL"):
        cursor.executemany("insert into t values (?, ?)", [(1000, "a"), (None, "b")])
    assert rows(cursor, "select count(*) from t") == [(500,)]


def test_one_session_does_not_see_the_tables_of_another(server, connection, cursor):
    cursor.execute("create temp table mine as select 1 as a")
    with server.adbc() as other, other.cursor() as theirs:
        with pytest.raises(flightsql.Error, match="does not exist"):
            theirs.execute("select * from mine")
        assert rows(theirs, "select table_name from information_schema.tables where table_schema = 'temp'") == []
        theirs.execute("create temp table mine as select 2 as a")
        assert rows(theirs, "select a from mine") == [(2,)]
        objects = other.adbc_get_objects(depth="tables", db_schema_filter="temp").read_all().to_pylist()
        assert [table["table_name"] for schema in objects[0]["catalog_db_schemas"] for table in schema["db_schema_tables"]] == [
            "mine"
        ]
    assert rows(cursor, "select a from mine") == [(1,)]
    objects = connection.adbc_get_objects(depth="tables", db_schema_filter="temp").read_all().to_pylist()
    [table] = objects[0]["catalog_db_schemas"][0]["db_schema_tables"]
    assert (table["table_name"], table["table_type"]) == ("mine", "TEMPORARY TABLE")
    assert connection.adbc_get_table_schema("mine", db_schema_filter="temp").names == ["a"]


def test_a_new_connection_begins_without_tables(server):
    for _ in range(2):
        with server.adbc() as connection, connection.cursor() as cursor:
            cursor.execute("create temp table t as select 1 as a")
            assert rows(cursor, "select a from t") == [(1,)]


def test_calls_without_a_session_are_refused(server):
    """A password on every call, and no cookie: nothing tells which client it is."""
    with server.raw() as raw, pytest.raises(Failure, match="session") as failed:
        raw.call("GetFlightInfo", wire.descriptor(wire.statement("create temp table t (a int)")))
    assert failed.value.code == "INVALID_ARGUMENT"


def test_through_pyarrow_flight(server):
    client = flight.connect(server.uri.replace("grpc://", "grpc+tcp://"))
    token = client.authenticate_basic_token(USER, PASSWORD)
    options = flight.FlightCallOptions(headers=[token])

    def query(sql):
        descriptor = flight.FlightDescriptor.for_command(sql.encode())
        info = client.get_flight_info(descriptor, options)
        return client.do_get(info.endpoints[0].ticket, options).read_all()

    made = query("create temp table t as select n from numbers where n < 1000")
    assert made.to_pylist() == [{"count": 1000}]
    # The ticket of a change holds what it did; fetching it again does not do it again.
    descriptor = flight.FlightDescriptor.for_command(b"insert into t values (5000)")
    info = client.get_flight_info(descriptor, options)
    for _ in range(3):
        assert client.do_get(info.endpoints[0].ticket, options).read_all().to_pylist() == [{"count": 1}]
    assert query("select count(*) as c, max(n) as m from t").to_pylist() == [{"c": 1001, "m": 5000}]
    listed = [info.descriptor.path for info in client.list_flights(b"temp.%", options)]
    assert listed == [[b"godwit", b"temp", b"t"]]
    path = flight.FlightDescriptor.for_path("godwit", "temp", "t")
    info = client.get_flight_info(path, options)
    assert client.do_get(info.endpoints[0].ticket, options).read_all().num_rows == 1001
    # What was described before a change may be fetched after it: the schema holds.
    info = client.get_flight_info(flight.FlightDescriptor.for_command(b"select n from t"), options)
    query("delete from t where n >= 10")
    table = client.do_get(info.endpoints[0].ticket, options).read_all()
    assert table.schema.names == ["n"] and table.num_rows in (10, 1001)
    client.close()


def test_the_limit_is_named(start):
    running = start(config='[sessions]\ntemp_bytes = "1MiB"\n')
    with running.adbc() as connection, connection.cursor() as cursor:
        with pytest.raises(flightsql.Error, match="sessions.temp_bytes"):
            cursor.execute("create temp table t as select repeat('x', 1000) || value as a from generate_series(1, 5000) g(value)")
        with pytest.raises(flightsql.Error, match="does not exist"):
            cursor.execute("select * from t")
        cursor.execute("create temp table t as select value as a from generate_series(1, 5000) g(value)")
        assert rows(cursor, "select count(*) from t") == [(5000,)]


def test_types_survive(cursor):
    cursor.execute("create temp table t as select * from people")
    cursor.execute("select * from t order by id")
    kept = cursor.fetch_arrow_table()
    cursor.execute("select * from people order by id")
    source = cursor.fetch_arrow_table()
    assert kept.to_pylist() == source.to_pylist()
    assert [field.type for field in kept.schema] == [field.type for field in source.schema]
    assert all(field.nullable for field in kept.schema)
    assert isinstance(kept, pa.Table)

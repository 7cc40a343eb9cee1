"""ADBC from Python by its C interface: adbc_driver_manager's databases, connections and statements."""

import adbc_driver_flightsql
import adbc_driver_manager as manager
import pyarrow as pa
import pytest

import steps
from godwit_server import PASSWORD, USER

OPTION = adbc_driver_flightsql.ConnectionOptions
TYPED = steps.typed_values()


@pytest.fixture
def database(server):
    with adbc_driver_flightsql.connect(server.uri, {"username": USER, "password": PASSWORD}) as database:
        yield database


@pytest.fixture
def connection(database):
    with manager.AdbcConnection(database) as connection:
        yield connection


def fetch(connection, sql):
    with manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(sql)
        stream, _ = statement.execute_query()
        return pa.RecordBatchReader.from_stream(stream).read_all()


def value(connection, sql):
    return fetch(connection, sql).column(0)[0].as_py()


def test_connect(connection):
    info = pa.RecordBatchReader.from_stream(connection.get_info([manager.AdbcInfoCode.VENDOR_NAME])).read_all()
    assert info["info_value"][0].as_py().lower() == "godwit"


def test_query(connection):
    assert [tuple(row.values()) for row in fetch(connection, steps.QUERY).to_pylist()] == steps.ROWS


def test_query_schema_and_partitions(connection):
    with manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(steps.QUERY)
        schema = pa.schema(statement.execute_schema())
        (partition,), described, _ = statement.execute_partitions()
        rows = pa.RecordBatchReader.from_stream(connection.read_partition(partition)).read_all()
    assert schema == pa.schema(described) == rows.schema
    assert rows.num_rows == 5


@pytest.mark.parametrize("incremental", ["false", "true"])
def test_query_that_is_polled_for(connection, incremental):
    with manager.AdbcStatement(connection) as statement:
        statement.set_options(**{"adbc.statement.exec.incremental": incremental})
        statement.set_sql_query("select count(*) as n from numbers")
        (partition,), _, _ = statement.execute_partitions()
        rows = pa.RecordBatchReader.from_stream(connection.read_partition(partition)).read_all()
    assert rows.to_pylist() == [{"n": 100_000}]


@pytest.mark.parametrize("name", TYPED)
def test_parameters(connection, name):
    with manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(steps.typed_query(name))
        statement.prepare()
        assert len(pa.schema(statement.get_parameter_schema())) == 1
        statement.bind(pa.record_batch([TYPED[name]], names=["v"]))
        stream, _ = statement.execute_query()
        assert pa.RecordBatchReader.from_stream(stream).read_all()["n"][0].as_py() > 0


def test_metadata(connection):
    depth = manager.GetObjectsDepth.ALL
    objects = pa.RecordBatchReader.from_stream(connection.get_objects(depth, table_name="people")).read_all()
    assert objects["catalog_name"].to_pylist() == ["godwit"]
    types = pa.RecordBatchReader.from_stream(connection.get_table_types()).read_all()
    assert "TABLE" in types["table_type"].to_pylist()
    schema = pa.schema(connection.get_table_schema(None, "files", "people"))
    assert schema.names == ["id", "name", "score", "born", "active"]
    with pytest.raises(manager.NotSupportedError):
        connection.get_statistics()


def test_ingest(connection):
    for mode, expected in [("create", 3), ("append", 6), ("create_append", 9), ("replace", 3)]:
        with manager.AdbcStatement(connection) as statement:
            statement.set_options(**{
                "adbc.ingest.target_table": "towns",
                "adbc.ingest.mode": f"adbc.ingest.mode.{mode}",
                "adbc.ingest.temporary": "true",
            })
            statement.bind_stream(steps.TRIPS.to_reader())
            assert statement.execute_update() == 3
        assert value(connection, "select count(*) from towns") == expected


def test_session(connection):
    key = OPTION.OPTION_SESSION_OPTION_PREFIX.value
    connection.set_options(**{f"{key}schema": "shop", f"{key}batch_rows": 7})
    assert value(connection, steps.COUNT_ORDERS) == 3
    assert connection.get_option(f"{key}schema") == "shop"
    assert connection.get_option_int(f"{key}batch_rows") == 7
    connection.set_options(**{f"{OPTION.OPTION_ERASE_SESSION_OPTION_PREFIX.value}schema": ""})
    assert connection.get_option(f"{key}schema") == "main"
    with pytest.raises(manager.Error):
        connection.set_options(**{f"{key}no_such_option": "x"})


def test_session_with_wire_profile(connection):
    key = OPTION.OPTION_SESSION_OPTION_PREFIX.value
    connection.set_options(**{f"{key}wire_profile": "native", f"{key}compression": "lz4"})
    table = fetch(connection, "select v from types.t_dictionary order by row")
    assert pa.types.is_dictionary(table.schema.field("v").type)
    assert table["v"].to_pylist() == ["red", None, "green", "red"]


def test_session_with_endpoints(connection):
    connection.set_options(**{f"{OPTION.OPTION_SESSION_OPTION_PREFIX.value}endpoints": 3})
    assert fetch(connection, "select n from numbers order by n")["n"].to_pylist() == list(range(100_000))


def test_cancel(connection, session_client):
    with manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(steps.endless("adbc low level"))
        stream, _ = statement.execute_query()
        reader = pa.RecordBatchReader.from_stream(stream)
        assert reader.read_next_batch().num_rows > 0
        with steps.freed(session_client, "adbc low level"):
            statement.cancel()
            with pytest.raises(OSError, match="cancel"):
                while True:
                    reader.read_next_batch()


def test_cancel_by_release(connection, session_client):
    """A reader that is thrown away takes its query with it."""
    with manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(steps.endless("adbc thrown away"))
        stream, _ = statement.execute_query()
        reader = pa.RecordBatchReader.from_stream(stream)
        reader.read_next_batch()
        with steps.freed(session_client, "adbc thrown away"):
            reader.close()


def test_close(database):
    connection = manager.AdbcConnection(database)
    fetch(connection, "select 1")
    connection.close()
    connection.close()

"""altertable-flightsql, a client of the whole protocol: sessions, ingest, transactions, prepared statements."""

import altertable_flightsql
import pyarrow as pa
import pytest

import steps
from godwit_server import PASSWORD, USER

TYPED = steps.typed_values()


def connect(server, **options):
    return altertable_flightsql.Client(USER, PASSWORD, host="127.0.0.1", port=server.port, tls=False, **options)


@pytest.fixture
def own(server):
    with connect(server) as own:
        yield own


def rows(reader):
    return [tuple(row.values()) for row in reader.read_all().to_pylist()]


def test_connect(server):
    with connect(server, catalog="godwit", schema="shop") as own:
        assert rows(own.query(steps.COUNT_ORDERS)) == [(3,)]
    with pytest.raises(ValueError, match="schema: INVALID_VALUE"):
        connect(server, schema="no_such_schema")


def test_query(own):
    assert rows(own.query(steps.QUERY)) == steps.ROWS


@pytest.mark.parametrize("name", TYPED)
def test_parameters(own, name):
    with own.prepare(steps.typed_query(name)) as statement:
        found = statement.query(parameters=pa.record_batch([TYPED[name]], names=["v"])).read_all()
    assert found["n"][0].as_py() > 0


def test_parameters_by_position_and_by_name(own):
    with own.prepare("select id from people where id > ? and name like ? order by id") as statement:
        assert rows(statement.query(parameters=[1, "%e%"])) == [(2,), (3,)]
        assert rows(statement.query(parameters={"a": 0, "b": "A%"})) == [(1,)]


def test_parameters_bound_again(own):
    """It asks for the result, then binds, then reads: each time the rows are those of the last binding."""
    with own.prepare(steps.PREPARED) as statement:
        assert [rows(statement.query(parameters=[n])) for n in (2, 1, 2)] == [[("Grace",)], [("Ada",)], [("Grace",)]]


def test_metadata(own):
    assert rows(own.get_catalogs()) == [("godwit",)]
    assert ("godwit", "shop") in rows(own.get_schemas(schema_pattern="s%"))
    table = own.get_tables(table_pattern="people", include_schema=True).read_all()
    (schema,) = table["table_schema"].to_pylist()
    assert pa.ipc.read_schema(pa.py_buffer(schema)).names == ["id", "name", "score", "born", "active"]


def test_ingest(own):
    """The client has no word for a temporary table, but the schema says it."""
    modes = altertable_flightsql.client.IngestTableMode
    for mode, expected in [(modes.CREATE, 3), (modes.APPEND, 6), (modes.CREATE_APPEND, 9), (modes.REPLACE, 3)]:
        with own.ingest(table_name="towns", schema=steps.TRIPS.schema, schema_name="temp", mode=mode) as writer:
            for batch in steps.TRIPS.to_batches():
                writer.write(batch)
        assert rows(own.query("select count(*) from temp.towns")) == [(expected,)]
    assert rows(own.query("select * from towns order by id")) == steps.TRIP_ROWS


def test_session(own):
    own.set_schema("shop")
    assert rows(own.query(steps.COUNT_ORDERS)) == [(3,)]
    own.set_catalog("godwit")
    assert own.execute("reset schema") == 0
    with pytest.raises(ValueError, match="compute_size: INVALID_NAME"):
        own.set_compute_size("XL")


def test_transactions(own):
    with own.begin_transaction() as transaction:
        assert rows(own.query("select 1", transaction=transaction)) == [(1,)]


def test_cancel(own, session_client):
    reader = own.query(steps.endless("altertable"))
    assert reader.read_chunk().data.num_rows > 0
    with steps.freed(session_client, "altertable"):
        reader.cancel()


def test_close(server):
    own = connect(server)
    own.set_schema("shop")
    own.close()
    own.close()

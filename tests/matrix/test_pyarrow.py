"""pyarrow.flight, with the commands of Flight SQL packed by hand, as its users must."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import steps
import wire
from godwit_server import PASSWORD, USER

TYPED = steps.typed_values()


def test_connect(server):
    client = flight.connect(server.uri)
    name, value = client.authenticate_basic_token(USER, PASSWORD)
    assert name == b"authorization"
    assert value.startswith(b"Bearer ")
    options = flight.FlightCallOptions(headers=[(name, value)])
    assert [action.type for action in client.list_actions(options)]
    client.close()


def test_query(client):
    info = client.info(wire.statement(steps.QUERY))
    assert client.get(info).schema == info.schema
    assert client.rows(steps.QUERY) == steps.ROWS


@pytest.mark.parametrize("name", TYPED)
def test_parameters(session_client, name):
    statement = session_client.prepare(steps.typed_query(name))
    handle = session_client.bind(statement.handle, pa.record_batch([TYPED[name]], names=["v"]))
    assert session_client.read(wire.prepared(handle))["n"].to_pylist()[0] > 0
    session_client.close_prepared(statement.handle)


def test_parameters_of_many_rows(client):
    statement = client.prepare(steps.PREPARED)
    handle = client.bind(statement.handle, pa.record_batch({"id": [2, 1]}))
    assert client.read(wire.prepared(handle))["name"].to_pylist() == ["Grace", "Ada"]


def test_metadata(client):
    assert client.read(wire.catalogs())["catalog_name"].to_pylist() == ["godwit"]
    assert "files" in client.read(wire.db_schemas())["db_schema_name"].to_pylist()
    (row,) = client.read(wire.tables(table="people", include_schema=True)).to_pylist()
    assert pa.ipc.read_schema(pa.py_buffer(row["table_schema"])).names == ["id", "name", "score", "born", "active"]
    assert "TABLE" in client.read(wire.table_types())["table_type"].to_pylist()
    assert client.read(wire.sql_info()).num_rows > 80
    assert client.read(wire.xdbc_type_info()).num_rows > 10
    assert client.read(wire.keys("Primary", "people")).num_rows == 0
    assert ["godwit", "files", "people"] in [
        [part.decode() for part in info.descriptor.path] for info in client.flight.list_flights(b"", client.options)
    ]


def ingest(table, mode, temporary=True):
    """CommandStatementIngest; `mode` is what happens if the table does not exist, and if it does."""
    return wire.packed("CommandStatementIngest", wire.message(*mode), table, None, None, temporary)


CREATE, APPEND, REPLACE = (1, 1), (2, 2), (1, 3)


def test_ingest(client):
    batches = steps.TRIPS.to_batches()
    count = wire.fields(client.put(ingest("towns", CREATE), batches))[1][0]
    assert count == 3
    assert client.rows("select * from towns order by id") == steps.TRIP_ROWS
    client.put(ingest("towns", APPEND), batches)
    assert client.value("select count(*) from temp.towns") == 6
    client.put(ingest("towns", REPLACE), batches)
    assert client.value("select count(*) from temp.towns") == 3
    with pytest.raises(pa.ArrowException, match="towns"):
        client.put(ingest("towns", CREATE), batches)


def test_session(client):
    assert client.set_options({"schema": "shop", "batch_rows": 7}) == {}
    assert client.value(steps.COUNT_ORDERS) == 3
    reader = client.get(client.info(wire.statement("select n from numbers limit 21")))
    assert max(chunk.data.num_rows for chunk in reader) <= 7
    assert client.options_of_session()["schema"] == {1: [b"shop"]}
    assert client.set_options({"schema": None, "no_such_option": "x"}).keys() == {"no_such_option"}
    assert client.options_of_session()["schema"] == {1: [b"main"]}


def test_session_with_wire_profile_and_compression(client):
    sql = "select v from types.t_dictionary order by row"
    assert client.info(wire.statement(sql)).schema.field("v").type == pa.string()
    assert client.set_options({"wire_profile": "native", "compression": "zstd"}) == {}
    assert pa.types.is_dictionary(client.info(wire.statement(sql)).schema.field("v").type)
    assert client.query(sql)["v"].to_pylist() == ["red", None, "green", "red"]


def test_session_with_endpoints(client):
    assert client.set_options({"endpoints": 3}) == {}
    info = client.info(wire.statement("select n from numbers order by n"))
    streams = [client.flight.do_get(endpoint.ticket, client.options) for endpoint in info.endpoints]
    assert [n for stream in streams for n in stream.read_all()["n"].to_pylist()] == list(range(100_000))


def test_cancel(server, session_client):
    with server.client() as client:
        reader = client.get(client.info(wire.statement(steps.endless("pyarrow"))))
        assert reader.read_chunk().data.num_rows > 0
        with steps.freed(session_client, "pyarrow"):
            reader.cancel()


def test_cancel_by_its_info(server, session_client):
    with server.client() as client:
        info = client.info(wire.statement(steps.endless("pyarrow by info")))
        reader = client.get(info)
        reader.read_chunk()
        with steps.freed(session_client, "pyarrow by info"):
            client.action("CancelFlightInfo", wire.message(info.serialize()))
            with pytest.raises(pa.ArrowException):
                while True:
                    reader.read_chunk()


def test_close(server):
    client = server.client()
    assert client.set_options({"schema": "shop"}) == {}
    assert client.action("CloseSession") == [wire.message(1)]
    with pytest.raises(pa.ArrowException):
        client.value(steps.COUNT_ORDERS)
    client.flight.close()

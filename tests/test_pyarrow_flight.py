"""pyarrow.flight, the plain Flight client: logging in, every way to name data, reading batch by batch."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import flightsql
import wire
from godwit_server import PASSWORD, USER
from rawgrpc import basic


def test_basic_token(server):
    with flight.connect(server.uri) as client:
        name, value = client.authenticate_basic_token(USER, PASSWORD)
        assert name == b"authorization"
        assert value.startswith(b"Bearer ")
        assert value.count(b".") == 2, "the token is a JWT"
        options = flight.FlightCallOptions(headers=[(name, value)])
        info = client.get_flight_info(flight.FlightDescriptor.for_command(wire.statement("select 1 as one")), options)
        assert client.do_get(info.endpoints[0].ticket, options).read_all().to_pylist() == [{"one": 1}]


def test_each_login_is_a_session_of_its_own(server):
    with server.client() as one, server.client() as other:
        one.query("set schema = 'system'")
        assert one.options_of_session()["schema"] == {1: [b"system"]}
        assert other.options_of_session()["schema"] == {1: [b"main"]}


@pytest.mark.parametrize("padded", [True, False])
def test_basic_on_every_call(server, padded):
    header = (b"authorization", basic(USER, PASSWORD, padded).encode())
    with flightsql.Client(server.uri, headers=[header]) as client:
        assert client.value("select 41 + 1") == 42


def test_do_get(session_client):
    people = session_client.query("select * from people order by id")
    assert people.column_names == ["id", "name", "score", "born", "active"]
    assert people.num_rows == 5
    assert people["name"].to_pylist() == ["Ada", "Grace", "Étienne", None, "Zoë 🐦"]


def test_flight_info_is_of_the_shape_that_every_client_takes(session_client):
    command = wire.statement("select id, name from people")
    info = session_client.info(command)
    (endpoint,) = info.endpoints
    assert endpoint.locations == []
    assert info.schema.names == ["id", "name"]
    assert info.descriptor.command == command
    assert info.total_records in (-1, 5)


def test_empty_result_has_its_schema(session_client):
    table = session_client.query("select id, name from people where id > 100")
    assert table.num_rows == 0
    assert table.schema.names == ["id", "name"]


def test_get_schema(session_client):
    schema = session_client.schema(wire.statement("select id, name from people"))
    assert schema == pa.schema([pa.field("id", pa.int64(), nullable=False), ("name", pa.string())])


def test_raw_sql_descriptor(session_client):
    table = session_client.read(b"select count(*) as people from people")
    assert table.to_pylist() == [{"people": 5}]
    assert session_client.schema("select 'é' as text".encode()).names == ["text"]


def test_raw_sql_ticket(session_client):
    reader = session_client.flight.do_get(flight.Ticket(b"select 7 as seven"), session_client.options)
    assert reader.read_all().to_pylist() == [{"seven": 7}]


@pytest.mark.parametrize("path", [("people",), ("files", "people"), ("godwit", "files", "people")])
def test_path_descriptor(session_client, path):
    descriptor = flight.FlightDescriptor.for_path(*path)
    options = session_client.options
    info = session_client.flight.get_flight_info(descriptor, options)
    assert session_client.flight.get_schema(descriptor, options).schema == info.schema
    table = session_client.get(info).read_all()
    assert table.num_rows == 5
    assert flightsql.same(table.schema) == flightsql.same(info.schema)


def test_path_of_no_table(session_client):
    with pytest.raises(KeyError, match="nobody"):
        session_client.flight.get_flight_info(flight.FlightDescriptor.for_path("nobody"), session_client.options)


def test_streaming_batch_by_batch(session_client):
    reader = session_client.get(session_client.info(wire.statement("select n from numbers order by n")))
    batches, seen = 0, 0
    for chunk in reader:
        assert chunk.data.column(0)[0].as_py() == seen
        seen += chunk.data.num_rows
        batches += 1
    assert seen == 100_000
    assert batches > 1


def test_messages_stay_below_the_usual_limit(server, session_client):
    """4 MiB is what gRPC clients take by default; one value of a row may not push a message over it."""
    ticket = session_client.info(
        wire.statement("select value, repeat('x', 50000) as wide from generate_series(1, 400)")
    ).endpoints[0].ticket
    with server.raw() as raw:
        messages = raw.call("DoGet", wire.ticket(ticket.ticket))
    assert len(messages) > 5
    assert max(len(each) for each in messages) < 4 * 1024 * 1024


def test_a_stream_can_be_left_early(session_client):
    reader = session_client.get(session_client.info(wire.statement("select * from generate_series(1, 100000000)")))
    assert reader.read_chunk().data.num_rows > 0
    reader.cancel()
    assert session_client.value("select 1") == 1


def test_list_flights(session_client):
    flights = list(session_client.flight.list_flights(options=session_client.options))
    paths = {tuple(part.decode() for part in info.descriptor.path): info for info in flights}
    assert ("godwit", "files", "people") in paths
    assert ("godwit", "shop", "orders") in paths
    assert all(path[0] == "godwit" and len(path) == 3 for path in paths)
    info = paths["godwit", "files", "people"]
    table = session_client.get(info).read_all()
    assert flightsql.same(table.schema) == flightsql.same(info.schema)
    assert table.num_rows == 5


def test_list_actions(session_client):
    actions = {action.type: action.description for action in session_client.flight.list_actions(session_client.options)}
    assert set(actions) >= {
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "CancelFlightInfo",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
    }
    assert all(actions.values()), "each says what it does"


def test_renewed_endpoint_works(session_client):
    info = session_client.info(wire.statement("select 5 as five"))
    (endpoint,) = info.endpoints
    request = wire.message(wire.message(wire.ticket(endpoint.ticket.ticket)))
    (renewed,) = session_client.action("RenewFlightEndpoint", request)
    ticket = wire.fields(wire.fields(renewed)[1][0])[1][0]
    reader = session_client.flight.do_get(flight.Ticket(ticket), session_client.options)
    assert reader.read_all().to_pylist() == [{"five": 5}]


def test_a_ticket_can_be_read_twice(session_client):
    info = session_client.info(wire.statement("select id from people order by id"))
    first, second = (session_client.get(info).read_all() for _ in range(2))
    assert first == second


def test_session_options(client):
    assert client.options_of_session()["catalog"] == {1: [b"godwit"]}
    assert client.set_options({"schema": "shop"}) == {}
    assert client.value("select count(*) from orders") == 3
    errors = client.set_options({"schema": "no_such_schema", "no_such_option": "x"})
    assert errors == {"schema": 2, "no_such_option": 1}
    assert client.set_options({"schema": None}) == {}
    assert client.options_of_session()["schema"] == {1: [b"main"]}


def test_batch_rows_is_an_upper_bound(client):
    assert client.set_options({"batch_rows": 10}) == {}
    for sql in ("select value from generate_series(1, 45)", "select 1 as v union all select 2", "select id from people"):
        batches = client.query(sql).to_batches()
        assert max(batch.num_rows for batch in batches) <= 10, sql
    assert client.query("select value from generate_series(1, 45)").num_rows == 45


def test_a_statement_with_an_effect_runs_once(client):
    info = client.info(wire.statement("set schema = 'shop'"))
    assert client.options_of_session()["schema"] == {1: [b"shop"]}, "it runs before DoGet"
    client.query("reset schema")
    assert client.get(info).read_all().num_rows == 1
    assert client.options_of_session()["schema"] == {1: [b"main"]}, "and DoGet does not run it again"


def test_close_session(server):
    with server.client() as client:
        handle = client.prepare("select 1").handle
        client.query("set schema = 'shop'")
        (answer,) = client.action("CloseSession")
        assert wire.fields(answer)[1] == [1]
        with pytest.raises(KeyError):
            client.info(wire.prepared(handle))

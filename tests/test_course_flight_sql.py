"""The course chapter that Godwit grew out of (Arrow Flight SQL, topics 1 to 5), with Godwit in the place of its server.

What the chapter only shows or simulates has to work here: descriptors that mean something, a stream that comes in
batches, statements that are prepared and executed, tokens that are checked.
"""

import base64
import json

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as pq
import pytest

import makers
import wire
from godwit_server import PASSWORD, USER, Server

ROWS = 200_000


@pytest.fixture(scope="module")
def dataset():
    """The chapter's table, long enough to need several batches."""
    return makers.course(ROWS)


@pytest.fixture(scope="module")
def server(tmp_path_factory, dataset):
    home = tmp_path_factory.mktemp("course")
    pq.write_table(dataset, home / "dataset_principal.parquet")
    with Server(home / "server", mounts={"dataset_principal": home / "dataset_principal.parquet"}) as running:
        yield running


@pytest.fixture
def connection(server):
    with server.client() as client:
        yield client


# Topic 1: what a descriptor and a FlightInfo are.


def test_a_command_descriptor_names_a_query(connection):
    sql = "SELECT id, valor FROM dataset_principal"
    descriptor = flight.FlightDescriptor.for_command(sql.encode())
    info = connection.flight.get_flight_info(descriptor, connection.options)
    assert descriptor.descriptor_type == flight.DescriptorType.CMD
    assert info.schema == pa.schema([("id", pa.int64()), ("valor", pa.float64())])
    assert len(info.endpoints) == 1
    assert info.total_records in (-1, ROWS)


# Topic 2: finding and fetching what a server has.


def test_listed_flights_can_be_fetched(connection, dataset):
    flights = {
        info.descriptor.path[-1].decode(): info for info in connection.flight.list_flights(options=connection.options)
    }
    info = flights["dataset_principal"]
    reader = connection.flight.do_get(info.endpoints[0].ticket, connection.options)
    table = reader.read_all()
    assert table.schema.names == ["id", "valor", "categoria"]
    assert table.sort_by("id").equals(dataset)


# Topic 3: a result flows in batches.


def test_batch_by_batch(connection, dataset):
    descriptor = flight.FlightDescriptor.for_path("dataset_principal")
    info = connection.flight.get_flight_info(descriptor, connection.options)
    reader = connection.flight.do_get(info.endpoints[0].ticket, connection.options)
    sizes, total = [], 0.0
    for chunk in reader:
        sizes.append(chunk.data.num_rows)
        total += chunk.data["valor"].to_numpy().sum()
    assert sum(sizes) == ROWS
    assert len(sizes) > 1
    assert total == pytest.approx(dataset["valor"].to_numpy().sum())


# Topic 4: prepared once, executed with many values, as the chapter only simulates.


def test_prepared_statement_executes_with_each_value(connection, dataset):
    statement = connection.prepare("SELECT id, valor, categoria FROM dataset_principal WHERE id = ?")
    assert statement.parameter_schema.types == [pa.int64()]
    for wanted in (123, 456, ROWS - 1):
        handle = connection.bind(statement.handle, pa.record_batch({"id": [wanted]}))
        row = connection.read(wire.prepared(handle))
        assert row.to_pylist() == dataset.slice(wanted, 1).to_pylist()
    connection.close_prepared(statement.handle)


def test_a_parameter_is_a_value_and_never_sql(connection):
    statement = connection.prepare("SELECT count(*) AS n FROM dataset_principal WHERE categoria = ?")
    for text, found in [("A", True), ("A' OR '1'='1", False), ("'; DROP TABLE dataset_principal; --", False)]:
        handle = connection.bind(statement.handle, pa.record_batch({"categoria": [text]}))
        count = connection.read(wire.prepared(handle))["n"][0].as_py()
        assert (count > 0) == found


# Topic 5: a token is proof only if the server made it.


def forged(claims):
    """A token as the chapter's client makes one: well formed, signed by nobody that the server knows."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_only_the_servers_own_token_opens_the_door(server):
    with flight.connect(server.uri) as client:
        own = client.authenticate_basic_token(USER, PASSWORD)
        flights = list(client.list_flights(options=flight.FlightCallOptions(headers=[own])))
        assert flights
        for value in ("Bearer " + forged({"sub": USER, "exp": 4102444800}), "Bearer eyJhbGciOiJIUzI1NiJ9...", ""):
            headers = [(b"authorization", value.encode())] if value else []
            with pytest.raises(flight.FlightUnauthenticatedError):
                list(client.list_flights(options=flight.FlightCallOptions(headers=headers)))

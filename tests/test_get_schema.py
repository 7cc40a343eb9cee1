"""GetSchema: the schema that GetFlightInfo names, without a ticket, and without running anything."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import flightsql
import wire
from rawgrpc import Failure


def test_get_schema(session_client):
    schema = session_client.schema(wire.statement("select id, name from people"))
    assert schema == pa.schema([pa.field("id", pa.int64(), nullable=False), ("name", pa.string())])


@pytest.mark.parametrize("path", [("people",), ("files", "people"), ("godwit", "files", "people")])
def test_paths(session_client, path):
    descriptor = flight.FlightDescriptor.for_path(*path)
    schema = session_client.flight.get_schema(descriptor, session_client.options).schema
    assert flightsql.same(schema) == flightsql.same(session_client.query("select * from people").schema)


def test_raw_sql(session_client):
    assert session_client.schema("select 'é' as text".encode()).names == ["text"]


def test_an_effect_is_not_run(client):
    assert client.schema(wire.statement("set schema = 'shop'")).names == client.schema(wire.statement("reset schema")).names
    assert client.options_of_session()["schema"] == {1: [b"main"]}


def test_a_statement_that_nothing_is_bound_to(client):
    statement = client.prepare("select id, name from people where id = ?")
    assert client.schema(wire.prepared(statement.handle)) == statement.dataset_schema


@pytest.mark.parametrize(
    ("descriptor", "code"),
    [
        (wire.descriptor(wire.statement("selec")), "INVALID_ARGUMENT"),
        (wire.descriptor(wire.statement("select * from nobody")), "NOT_FOUND"),
        (wire.descriptor(wire.update("set schema = 'shop'")), "INVALID_ARGUMENT"),
        (wire.path_descriptor("nobody"), "NOT_FOUND"),
        (wire.path_descriptor(), "INVALID_ARGUMENT"),
    ],
)
def test_errors(server, descriptor, code):
    with server.raw() as raw, pytest.raises(Failure) as failure:
        raw.call("GetSchema", descriptor)
    assert failure.value.code == code

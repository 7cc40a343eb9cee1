"""ListFlights: every table that can be read, by pattern or by filter."""

import json

import pytest

import flightsql
import wire
from rawgrpc import Failure


def listed(client, criteria=b""):
    """Schema and name of the tables, sorted."""
    flights = client.flight.list_flights(criteria, options=client.options)
    return sorted(tuple(part.decode() for part in info.descriptor.path[1:]) for info in flights)


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


@pytest.mark.parametrize(
    ("criteria", "tables"),
    [
        (b"people", [("files", "people")]),
        (b"files.peo%", [("files", "people")]),
        (b"shop.%", None),
        ({"table": "people"}, [("files", "people")]),
        ({"catalog": "godwit", "schema": "fil%", "table": "peo_le"}, [("files", "people")]),
        ({"table": "people", "types": ["TABLE"]}, [("files", "people")]),
        ({"table": "people", "types": ["base table", "VIEW"]}, [("files", "people")]),
        ({"table": "people", "types": ["SYSTEM TABLE"]}, []),
        ({"catalog": "another"}, []),
        ({"catalog": ""}, []),
        ({"table": "files.people"}, []),
    ],
    ids=str,
)
def test_criteria(session_client, criteria, tables):
    found = listed(session_client, json.dumps(criteria).encode() if isinstance(criteria, dict) else criteria)
    if tables is None:
        assert ("shop", "orders") in found and all(schema == "shop" for schema, _ in found)
    else:
        assert found == tables


def test_types(session_client):
    system = listed(session_client, b'{"types": ["SYSTEM TABLE"]}')
    assert system == listed(session_client, b'{"schema": "system"}')
    assert ("system", "settings") in system
    tables = listed(session_client, b'{"types": ["TABLE"]}')
    assert not set(system) & set(tables)
    assert sorted(system + tables) == listed(session_client) == listed(session_client, b"{}")


@pytest.mark.parametrize(
    ("criteria", "says"),
    [
        (b'{"tables": "people"}', "tables"),
        (b'{"table": ["people"]}', "string"),
        (b'{"table": "people"', "EOF"),
        (b"{table: people}", "key"),
        (b"\xff\xfe", "LIKE"),
    ],
)
def test_criteria_that_cannot_be_read(server, criteria, says):
    with server.raw() as raw, pytest.raises(Failure, match=says) as failure:
        raw.call("ListFlights", wire.message(criteria))
    assert failure.value.code == "INVALID_ARGUMENT"


def test_totals(session_client):
    (people,) = session_client.flight.list_flights(b"people", options=session_client.options)
    assert people.total_records == 5
    for info in session_client.flight.list_flights(b'{"schema": "system"}', options=session_client.options):
        assert (info.total_records, info.total_bytes) == (-1, -1)

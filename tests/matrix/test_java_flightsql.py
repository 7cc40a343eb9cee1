"""arrow-java's Flight SQL client; tests/jdbc/…/FlightSql.java says what it saw."""

import re

import pytest

import programs
import steps
from godwit_server import PASSWORD, USER

# The library has no decimals of 32 and 64 bits, and its prepared statements take no dictionaries along.
UNKNOWN = {"decimal32", "decimal64"}
DICTIONARIES = {name for name in steps.typed_values() if "dictionary" in name}
TYPED = steps.typed_values().keys() - UNKNOWN - DICTIONARIES
MARKS = ["java flightsql stream", "java flightsql info"]


@pytest.fixture(scope="module")
def seen(server, session_client, parameters):
    command = programs.java("flightsql", server.port, USER, PASSWORD, parameters)
    return programs.run(command, session_client, MARKS)


def test_connect(seen):
    assert "godwit" in str(seen.value("connect")).lower()


def test_query(seen):
    assert seen.value("query") == [list(row) for row in steps.ROWS]
    assert seen.value("query schema")
    assert seen.value("query update") == 0


@pytest.mark.parametrize("name", sorted(TYPED))
def test_parameters(seen, name):
    assert seen.value(f"parameters {name}")[0][0] > 0


@pytest.mark.parametrize("name", sorted(UNKNOWN | DICTIONARIES))
def test_parameters_that_the_client_cannot_bind(seen, name):
    assert re.search("only supports 128-bit|Could not find dictionary", seen.error(f"parameters {name}"))


def test_metadata(seen):
    assert seen.value("metadata catalogs") == [["godwit"]]
    assert ["godwit", "shop"] in seen.value("metadata schemas")
    assert [row[2] for row in seen.value("metadata tables")] == ["customers", "lines", "orders"]
    assert seen.value("metadata with schema") == ["id", "name", "score", "born", "active"]
    assert ["TABLE"] in seen.value("metadata types")
    assert seen.value("metadata info")
    assert seen.value("metadata xdbc")
    assert seen.value("metadata keys") == [0, 0, 0, 0]


def test_ingest(seen):
    for mode, total in [("create", 3), ("append", 6), ("replace", 3), ("again", 3)]:
        assert seen.value(f"ingest after {mode}") == [[total]]
    assert "towns" in seen.error("ingest again")
    assert seen.value("ingest read back") == [list(row) for row in steps.TRIP_ROWS]


def test_session(seen):
    assert seen.value("session set") == {}
    assert seen.value("session works") == [[3]]
    assert seen.value("session get") == ["shop", "7"]
    assert seen.value("session endpoints") == 100_000
    assert seen.value("session wrong") == {"no_such_option": "INVALID_NAME", "schema": "INVALID_VALUE"}
    assert seen.value("session erase") == {}


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.values("cancel ") == {"by stream": "CANCELLED", "by info": "CANCELLED"}


def test_close(seen):
    assert seen.value("close") == "CLOSED"

"""arrow-go's Flight SQL client; go/clients/flightsql.go says what it saw."""

import pytest

import programs
import steps
from godwit_server import PASSWORD, USER

TYPED = steps.typed_values()
MARKS = ["go flightsql left", "go flightsql cancelled"]


@pytest.fixture(scope="module")
def seen(server, session_client, parameters):
    command = programs.go("clients", "flightsql", server.address, USER, PASSWORD, parameters)
    return programs.run(command, session_client, MARKS)


def test_connect(seen):
    ((code, name),) = seen.value("connect")
    assert code == 0
    assert "godwit" in str(name).lower()


def test_query(seen):
    assert seen.value("query") == [list(row) for row in steps.ROWS]
    assert seen.value("query polled") == [list(row) for row in steps.ROWS]
    assert seen.value("query update") == 0


@pytest.mark.parametrize("name", TYPED)
def test_parameters(seen, name):
    assert seen.value(f"parameters {name}")[0][0] > 0


def test_metadata(seen):
    assert seen.value("metadata catalogs") == [["godwit"]]
    assert ["godwit", "shop"] in seen.value("metadata schemas")
    assert [row[2] for row in seen.value("metadata tables")] == ["customers", "lines", "orders"]
    assert seen.value("metadata columns") == ["id", "name", "score", "born", "active"]
    assert ["TABLE"] in seen.value("metadata types")
    assert seen.value("metadata keys") == []
    assert seen.value("metadata xdbc")
    assert seen.value("metadata all info")


def test_ingest(seen):
    assert seen.value("ingest fail first") == 3
    assert "towns_fail" in seen.error("ingest fail second")
    assert seen.value("ingest append second") == 3
    assert seen.value("ingest appended") == [[6]]
    assert seen.value("ingest read back") == [list(row) for row in steps.TRIP_ROWS]


def test_session(seen):
    assert seen.value("session set") == []
    assert seen.value("session works") == [[3]]
    assert seen.value("session get") == ["shop", 7]
    assert seen.value("session endpoints") == 100_000
    assert seen.value("session wrong") == ["no_such_option INVALID_NAME", "schema INVALID_VALUE"]
    assert seen.value("session erase") == []
    assert "orders" in seen.error("session erased")


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.values("cancel ") == {"go flightsql left": True, "go flightsql cancelled": True}


def test_close(seen):
    assert seen.value("close") == "CLOSED"

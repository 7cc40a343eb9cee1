"""The ADBC driver in Go; go/clients/adbc.go says what it saw."""

import pytest

import programs
import steps
from godwit_server import PASSWORD, USER

TYPED = steps.typed_values()
MARKS = ["go adbc"]


@pytest.fixture(scope="module")
def seen(server, session_client, parameters):
    command = programs.go("clients", "adbc", server.address, USER, PASSWORD, parameters)
    return programs.run(command, session_client, MARKS)


def test_connect(seen):
    assert "godwit" in str(seen.value("connect")).lower()


def test_query(seen):
    assert seen.value("query") == [list(row) for row in steps.ROWS]
    assert seen.value("query partitions") == [list(row) for row in steps.ROWS]


@pytest.mark.parametrize("name", TYPED)
def test_parameters(seen, name):
    assert seen.value(f"parameters {name}")[0][0] > 0


def test_metadata(seen):
    ((catalog, schemas),) = seen.value("metadata objects")
    assert catalog == "godwit"
    assert [table["table_name"] for schema in schemas for table in schema["db_schema_tables"]] == ["people"]
    assert seen.value("metadata columns") == ["id", "name", "score", "born", "active"]
    assert ["TABLE"] in seen.value("metadata types")


def test_ingest(seen):
    for mode, total in [("append", 6), ("create_append", 9), ("replace", 3)]:
        assert seen.value(f"ingest {mode}") == [[3]]
        assert seen.value(f"ingest after {mode}") == [[total]]
    assert "towns" in seen.error("ingest create"), "the second time"
    assert seen.value("ingest read back") == [list(row) for row in steps.TRIP_ROWS]


def test_session(seen):
    assert seen.value("session set")
    assert seen.value("session works") == [[3]]
    assert seen.value("session get") == ["shop", 7]
    assert seen.value("session endpoints") == 100_000
    assert seen.value("session erase")
    assert "no_such_option" in seen.error("session wrong")


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.value("cancel")


def test_close(seen):
    assert seen.value("close")

"""arrow-go's driver for database/sql; go/clients/sql.go says what it saw."""

import pytest

import programs
import steps
from godwit_server import PASSWORD, USER

MARKS = ["go sql"]


@pytest.fixture(scope="module")
def seen(server, session_client):
    command = programs.go("clients", "sql", server.address, USER, PASSWORD)
    return programs.run(command, session_client, MARKS)


def test_connect(seen):
    assert seen.value("connect")


def test_query(seen):
    assert seen.value("query") == [list(row) for row in steps.ROWS]


@pytest.mark.parametrize("name", ["int64", "boolean", "double", "string", "time64_ns"])
def test_parameters(seen, name):
    assert seen.value(f"parameters {name}") == [[1]]


@pytest.mark.parametrize("name", ["int32", "binary", "date32", "null"])
def test_parameters_that_the_driver_cannot_bind(seen, name):
    assert "builder" in seen.error(f"parameters {name}")


def test_metadata(seen):
    """What database/sql has of it: the columns of a result."""
    assert seen.value("metadata") == ["id", "name", "score", "born", "active"]


def test_no_ingest(seen):
    """database/sql has no call for it, but in a session a statement makes a temporary table."""
    assert seen.value("ingest create")
    assert seen.value("ingest read back") == [[1, "Lisboa"]]


def test_session(seen):
    """With the token of a login in its address; with a password each call stands alone."""
    assert seen.error("without a session")
    assert seen.value("session set") == 0
    assert seen.value("session works") == [[3]]


def test_transaction(seen):
    """By its id, so that it needs no session."""
    assert seen.value("transaction")


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.value("cancel")


def test_close(seen):
    assert seen.value("session closed")
    assert seen.value("close")

"""flightsql-dbapi, the client of Superset and InfluxDB. dbapi_steps.py says what it saw."""

import os
import pathlib
import sys

import pytest

import programs
import steps
from godwit_server import PASSWORD, USER

HERE = pathlib.Path(__file__).parent

MARKS = ["flightsql-dbapi"]


@pytest.fixture(scope="module")
def seen(server, session_client):
    # Its packages come before those of the tests, which have another SQLAlchemy.
    paths = [pathlib.Path(sys.prefix) / "flightsql-dbapi", HERE, HERE.parent]
    command = [sys.executable, HERE / "dbapi_steps.py", server.port, USER, PASSWORD]
    env = {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    return programs.run(command, session_client, MARKS, env)


def test_connect(seen):
    assert seen.value("connect").lower() == "godwit"


def test_query(seen):
    """It reads by way of pandas, which has its own word for a missing text."""
    rows = [[None if value != value else value for value in row] for row in seen.value("query")]
    assert rows == [list(row) for row in steps.ROWS]


@pytest.mark.parametrize("name", ["int64", "boolean", "double", "string", "binary"])
def test_parameters(seen, name):
    """What it sends are unions, one child for each of the five types that it knows."""
    assert seen.value(f"parameters {name}") == [[1]]


def test_parameters_that_the_client_cannot_bind(seen):
    assert seen.error("parameters null") == 'Error: unable to map "NoneType" type to PyArrow datatype'


def test_metadata(seen):
    assert {"files", "shop", "temp"} <= set(seen.value("metadata schemas"))
    assert seen.value("metadata tables") == ["customers", "lines", "orders"]
    assert seen.value("metadata columns")[:2] == [["id", "BIGINT", False], ["name", "TEXT", True]]
    assert seen.value("metadata keys") == []
    assert seen.value("dialect tables") == ["customers", "lines", "orders"]
    assert seen.value("dialect query") == [["Grace"]]


def test_no_ingest(seen):
    """It has no call for it, but a statement makes a temporary table."""
    assert seen.value("ingest calls") == []
    assert seen.value("ingest read back") == [[1]]


def test_no_session(seen):
    """It has no call for it, but a statement sets an option."""
    assert seen.value("session calls") == []
    assert seen.value("session works") == [[3]]


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.value("cancel")


def test_close(seen):
    assert "closed" in seen.error("close")

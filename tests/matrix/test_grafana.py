"""What Grafana's Flight SQL data source does, by the client library that it is built with: one endpoint, messages of up to
4 MiB, every timestamp taken for nanoseconds. go/grafana/main.go says what it saw."""

import pytest

import programs
from godwit_server import PASSWORD, USER

MARKS = ["grafana"]


@pytest.fixture(scope="module")
def seen(server, session_client):
    return programs.run(programs.go("grafana", server.address, USER, PASSWORD), session_client, MARKS)


def test_connect(seen):
    """Its check of a data source."""
    assert seen.value("connect") == [[1]]


def test_query(seen):
    assert seen.value("time series") == [["2026-11-21T04:05:06Z", 1.5]]
    assert seen.value("large rows") == 200
    assert "no_such_table" in seen.error("error")


def test_query_of_other_units_needs_a_cast(seen):
    assert seen.value("time in milliseconds") == [["2026-11-21T04:05:06Z"]]


def test_query_shows_most_types(seen):
    assert seen.value("every type")[0] == [1, "Ada", 9.5, "not shown: date32", True]


def test_metadata(seen):
    assert seen.value("sql info")
    tables = seen.value("tables")
    assert ["godwit", "shop", "orders", "TABLE"] in tables
    assert {row[3] for row in tables} == {"TABLE"}
    assert seen.value("columns") == ["id", "name", "score", "born", "active"]
    assert seen.error("columns of nothing") == "table not found"


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.value("cancel")


def test_close(seen):
    assert seen.value("close")

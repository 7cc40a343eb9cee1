"""The JDBC driver beyond test_jdbc.py, which has its queries, setters and metadata: writing, sessions, cancelling. The
sequence of DBeaver. Jdbc.java says what it saw."""

import pytest

import programs
import steps

MARKS = ["jdbc cancel", "jdbc close"]


@pytest.fixture(scope="module")
def seen(server, session_client):
    return programs.run(programs.java("jdbc", server.jdbc_url()), session_client, MARKS)


def test_connect(seen):
    assert seen.value("connect").lower() == "godwit"


def test_query(seen):
    assert seen.value("query") == [list(row) for row in steps.ROWS]


def test_parameters(seen):
    """Every setter is in test_jdbc.py."""
    assert seen.value("parameters") == [["Grace"]]


def test_metadata(seen):
    """DBeaver's calls from its login to a table's rows in its editor; every single method is in test_jdbc.py."""
    assert seen.values("dbeaver ") == {
        "product": ["Godwit", True, False, False, True],
        "names": ['"', "catalog", "schema", "\\", ".", True, False],
        "words": [True, True, True, True, True],
        "types": 0,
        "catalogs": 1,
        "schemas": True,
        "table types": True,
        "tables": ["customers", "lines", "orders"],
        "columns": ["id", "customer"],
        "keys": [0, 0, 0, 0],
        "routines": [0, 0],
        "read only": True,
        "auto commit": True,
        "editor": [True, 3, True],
    }


def test_ingest(seen):
    """JDBC's way is a batch of inserts, which the driver sends as one stream of parameters."""
    assert seen.value("ingest create") == 0
    assert sum(seen.value("ingest batch")) == 3
    assert seen.value("ingest read back") == [list(row) for row in steps.TRIP_ROWS]
    assert seen.value("ingest drop") == 0


def test_session(seen):
    assert seen.value("session set") == 0
    assert seen.value("session works") == [[3]]


def test_session_by_the_connection_changes_nothing(seen):
    """The driver leaves setCatalog and setSchema to its base class, which remembers the name and tells nobody."""
    assert seen.value("session by schema") == "shop"


def test_cancel(seen):
    assert seen.freed == MARKS
    assert seen.values("cancel ") == {"by statement": True, "by closing": True}


def test_close(seen):
    assert "closed" in seen.error("close").lower()

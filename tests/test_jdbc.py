"""The JDBC driver, as DBeaver and its like use it. tests/jdbc says what the driver saw; this says what it should see."""

import re

import pytest

import arrow_types

# Arrow types that the driver has no reader for, or gives as a Java object of no use; the wire sends them all the same.
UNREADABLE = {"null"}

TYPES = [name for name in arrow_types.cases() if name not in UNREADABLE]


@pytest.fixture(scope="module")
def reports(server, jdbc):
    """{check: report} of one run of all checks."""
    lines = jdbc(server.jdbc_url(), ",".join(f"t_{name}" for name in TYPES))
    return {line["check"]: line for line in lines}


@pytest.fixture
def seen(reports):
    def seen(check):
        report = reports[check]
        assert "error" not in report, report
        return report["value"]

    return seen


@pytest.fixture
def refused(reports):
    def refused(check):
        report = reports[check]
        assert "error" in report, report
        return report["error"]

    return refused


VALUES = {
    "query": [[1, "Ada", True], [2, "Grace", False], [3, "Étienne", None], [4, None, True], [5, "Zoë 🐦", False]],
    "query empty": [],
    "query many": 100_000,
    "query explain": True,
    "query show tables": True,
    "after set": [[3]],
    "execute update set": 0,
    "two statements at once": [1, 3, 5, 7, 9],
    "max rows": 3,
    "after errors": [[1]],
    "valid": True,
    "connect with catalog": [[1]],
    "connect with unknown keys": [[1]],
    "two parameters": [[2], [3]],
    "again and again": ["Ada", "Grace", "Zoë 🐦", "Ada"],
    "metadata before execution": 2,
    "prepared update": 0,
    "setter setInt": [["Grace"]],
    "setter setLong": [["Grace"]],
    "setter setShort": [["Grace"]],
    "setter setByte": [["Grace"]],
    "setter setString": [[1]],
    "setter setBoolean": [[2]],
    "setter setDouble": [[2]],
    "setter setFloat": [[2]],
    "setter setFloat of float": [["1.5"]],
    "setter setBigDecimal": [["12.34"]],
    "setter setDate": [[2]],
    "setter setTime": [[1]],
    "setter setTimestamp": [[1]],
    "setter setBytes": [["00ff"]],
    "setter setBytes of column": [[1]],
    "setter setNull": [[0]],
    "setter setNull of unknown": [[True]],
    "setter setObject integer": [["Grace"]],
    "setter setObject string": [[1]],
    "setter setObject null": [[0]],
    "setter unknown as text": [["text"]],
    "setter limit": [[1], [2]],
    "setter dollar": [["Grace"]],
    "setter cast": [[42]],
    "columns of nothing": [],
    "tables views": [],
    "tables nowhere": [],
    "primary keys": [],
    "imported keys": [],
    "exported keys": [],
    "cross reference": [],
    "index info": [],
    "procedures": [],
    "functions": [],
    "result set type": True,
    "isolation none": True,
}

ERRORS = {
    "error syntax": "selec",
    "error no table": "no_such_table",
    "error while reading": "(?i)divide by zero|division by zero",
    "error update of a mount": "(?i)read-only",
    "error create table": "(?i)read-only|files",
    "after reset": "orders",
    "missing value": "",
    "connect with no such catalog": "",
    "connect with a wrong password": "(?i)not authenticated",
    "connect without a user": "(?i)not authenticated",
    "connect with a wrong token": "(?i)not authenticated",
}


@pytest.mark.parametrize("check", VALUES)
def test_values(seen, check):
    assert seen(check) == VALUES[check]


@pytest.mark.parametrize("check", ERRORS)
def test_errors(refused, check):
    assert re.search(ERRORS[check], refused(check))


def test_set_is_an_update_for_the_driver(seen):
    assert seen("execute query") == {"rows": True, "count": -1}
    assert seen("execute set") == {"rows": False, "count": 0}
    assert seen("execute update reset") == 0


def test_result_metadata(seen):
    assert seen("result metadata") == [
        ["id", "BIGINT"],
        ["label", "VARCHAR"],
        ["score", "DOUBLE"],
        ["born", "DATE"],
        ["active", "BOOLEAN"],
    ]


def test_parameter_metadata(seen):
    assert seen("parameter metadata") == [-5, 12, 91, -5], "BIGINT, VARCHAR, DATE, BIGINT of java.sql.Types"


@pytest.mark.parametrize("name", TYPES)
def test_types(seen, name):
    report = seen(f"type t_{name}")
    expected = arrow_types.cases()[name]
    assert len(report["values"]) == len(expected)
    for ours, value in zip(report["values"], expected.to_pylist()):
        assert (ours is None) == (value is None)
        if name in EXACT and value is not None:
            assert ours == EXACT[name](value)


EXACT = {
    # Unsigned integers come as they are, but the driver reads them as signed ones of the same width.
    **{f"int{bits}": str for bits in (8, 16, 32, 64)},
    "boolean": lambda value: str(value).lower(),
    "double": lambda value: {1e300: "1.0E300"}.get(value, str(value)),
    "half": str,
    **{name: str for name in ("decimal32", "decimal64", "decimal128", "decimal256")},
    **{name: str for name in ("string", "large_string", "string_view", "dictionary", "dictionary_of_view")},
    **{name: bytes.hex for name in ("binary", "large_binary", "binary_view", "fixed_size_binary")},
    "run_end_encoded": str,
    "run_end_encoded_string": str,
    "date32": str,
}


# What a tool's tree of objects shows.


def test_catalogs_and_schemas(seen):
    assert seen("catalogs") == [{"TABLE_CAT": "godwit"}]
    schemas = [row["TABLE_SCHEM"] for row in seen("schemas")]
    assert schemas == sorted(schemas)
    assert {"files", "main", "shop", "system", "temp"} <= set(schemas)
    assert {row["TABLE_SCHEM"] for row in seen("schemas by pattern")} == {"shop", "system"}


def names(rows):
    return [row["TABLE_NAME"] for row in rows]


def test_tables(seen):
    assert {"TABLE", "VIEW", "SYSTEM TABLE"} <= {row["TABLE_TYPE"] for row in seen("table types")}
    assert {"people", "orders", "mounts"} <= set(names(seen("tables all")))
    assert names(seen("tables of shop")) == ["customers", "lines", "orders"]
    assert names(seen("tables by pattern")) == ["csv_gz", "csv_plain", "csv_zst"]
    assert names(seen("tables by name")) == ["csv_plain"]
    assert names(seen("tables of a tool")) == ["people"]
    assert "mounts" in names(seen("tables system"))
    (people,) = seen("tables of a tool")
    assert people["TABLE_CAT"] == "godwit"
    assert people["TABLE_SCHEM"] == "files"
    assert people["TABLE_TYPE"] == "TABLE"


def test_columns(seen):
    columns = seen("columns of people")
    assert [column["COLUMN_NAME"] for column in columns] == ["id", "name", "score", "born", "active"]
    assert [column["ORDINAL_POSITION"] for column in columns] == [1, 2, 3, 4, 5]
    assert [column["IS_NULLABLE"] for column in columns] == ["NO", "YES", "YES", "YES", "YES"]
    types = [column["TYPE_NAME"].upper() for column in columns]
    assert types == ["BIGINT", "VARCHAR", "DOUBLE", "DATE", "BOOLEAN"]
    assert [column["COLUMN_NAME"] for column in seen("columns by pattern")] == ["name"]
    assert seen("columns of types") == len(arrow_types.cases())


def test_type_info(seen):
    """The driver never asks a server for its types; test_metadata.py does."""
    assert seen("type info") == []


PROPERTIES = {
    "getDatabaseProductName": "(?i)godwit",
    "getDatabaseProductVersion": r"\d+\.\d+\.\d+",
    "getIdentifierQuoteString": '^"$',
    "getCatalogTerm": "catalog",
    "getSchemaTerm": "schema",
    "getSearchStringEscape": r"^\\$",
    "getSQLKeywords": "(?i)qualify",
    "getNumericFunctions": "abs",
    "getStringFunctions": "upper",
    "getTimeDateFunctions": "date_trunc",
}


@pytest.mark.parametrize("method", PROPERTIES)
def test_properties(seen, method):
    assert re.search(PROPERTIES[method], seen(f"property {method}"))


FLAGS = {
    "supportsGroupBy": True,
    "supportsOuterJoins": True,
    "supportsFullOuterJoins": True,
    "supportsUnion": True,
    "supportsUnionAll": True,
    "supportsCorrelatedSubqueries": True,
    "supportsLikeEscapeClause": False,
    "supportsSchemasInDataManipulation": True,
    "supportsCatalogsInDataManipulation": True,
    "supportsExpressionsInOrderBy": True,
    "supportsTransactions": True,
    "supportsSavepoints": True,
    "supportsStoredProcedures": False,
    "supportsSelectForUpdate": False,
    "isReadOnly": False,
}


@pytest.mark.parametrize("method", FLAGS)
def test_flags(seen, method):
    assert seen(f"flag {method}") == FLAGS[method]


def test_no_metadata_call_fails(reports):
    """Tools call all of them, and one that throws stops a tool."""
    failed = {
        check: report["error"]
        for check, report in reports.items()
        if "error" in report and check.startswith(("flag ", "property ", "tables", "columns", "schemas", "type info"))
    }
    assert failed == {}

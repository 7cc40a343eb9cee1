"""Every Arrow type in a mounted file arrives in the form that every client reads, with the same values."""

import pyarrow as pa
import pytest

import arrow_types
import flightsql
import wire

CASES = arrow_types.cases()


def values(array):
    return array.to_pylist()


def check(client, table, name, kind):
    expected = CASES[name]
    command = wire.statement(f"select v from {table} order by row")
    info = client.info(command)
    assert info.schema.field("v").type == kind
    result = client.get(info).read_all()
    result.validate(full=True)
    assert flightsql.same(result.schema) == flightsql.same(info.schema)
    assert values(result["v"]) == values(expected)


@pytest.mark.parametrize("name", CASES)
def test_arrow_file(session_client, name):
    check(session_client, f"types.t_{name}", name, arrow_types.plain(CASES[name].type))


@pytest.mark.parametrize("name", [name for name in CASES if name not in arrow_types.NOT_IN_PARQUET])
def test_parquet_file(session_client, name):
    check(session_client, f"types_parquet.t_{name}", name, arrow_types.in_parquet(CASES[name].type))


@pytest.mark.parametrize("name", CASES)
def test_first_rows_only(session_client, name):
    """A sliced array must not send the rows that were cut off, nor lose those that were not."""
    expected = CASES[name]
    result = session_client.query(f"select v from types.t_{name} order by row limit 1 offset 1")
    assert values(result["v"]) == values(expected)[1:2]


@pytest.mark.parametrize("name", CASES)
def test_no_rows(session_client, name):
    result = session_client.query(f"select v from types.t_{name} limit 0")
    assert result.num_rows == 0
    assert result.schema.field("v").type == arrow_types.plain(CASES[name].type)


def test_everything_at_once(session_client):
    """One result with every type, so that no encoder depends on being alone."""
    names = [name for name in CASES if len(CASES[name]) >= 2]
    columns = ", ".join(f"t_{name}.v as {name}" for name in names)
    first = f"t_{names[0]}"
    joins = " ".join(f"join types.t_{name} on t_{name}.row = {first}.row" for name in names[1:])
    result = session_client.query(
        f"select {columns} from types.{first} {joins} where {first}.row < 2 order by {first}.row"
    )
    assert result.num_rows == 2
    for name in names:
        assert values(result[name]) == values(CASES[name])[:2], name


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("'a'", pa.string()),
        ("arrow_cast('a', 'Utf8View')", pa.string()),
        ("arrow_cast('a', 'LargeUtf8')", pa.large_string()),
        ("arrow_cast('a', 'Dictionary(Int32, Utf8)')", pa.string()),
        ("arrow_cast('a', 'BinaryView')", pa.binary()),
        ("arrow_cast(1.5, 'Float16')", pa.float32()),
        ("cast(1.5 as decimal(5, 2))", pa.decimal128(5, 2)),
        ("cast(1.5 as decimal(50, 2))", pa.decimal256(50, 2)),
        ("interval '1' month", pa.month_day_nano_interval()),
        ("timestamp '2026-11-21T00:00:00Z'", None),
        ("date '2026-11-21'", pa.date32()),
        ("[1, 2]", pa.list_(pa.int64())),
        ("{'a': 'text', 'b': 1}", pa.struct([("a", pa.string()), ("b", pa.int64())])),
        ("map(['k'], [1])", None),
        ("null", pa.null()),
    ],
)
def test_types_that_sql_makes(session_client, expression, kind):
    command = wire.statement(f"select {expression} as v")
    info = session_client.info(command)
    result = session_client.get(info).read_all()
    assert flightsql.same(result.schema) == flightsql.same(info.schema)
    assert not any(view in str(result.schema) for view in ("view", "dictionary", "run_end"))
    if kind is not None:
        assert plain_names(result.schema.field("v").type) == kind


def plain_names(kind):
    """The type with the names that pyarrow gives to list items, whatever the server called them."""
    return pa.list_(kind.value_type) if pa.types.is_list(kind) else kind

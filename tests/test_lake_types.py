"""Every Arrow type, ingested into a durable table: it comes back as it was, or is refused by name and nothing is written."""

import pyarrow as pa
import pytest

import arrow_types
import flightsql
import lakes
from test_do_put import ingest_command

DEEP = pa.list_(pa.list_(pa.list_(pa.struct([("a", pa.list_(pa.int64()))]))))
CASES = {
    **arrow_types.cases(),
    "empty_struct": pa.array([{}, None], pa.struct([])),
    "list_of_null": pa.array([[None], None], pa.list_(pa.null())),
    "struct_not_null_child": pa.array([{"x": 1}, {"x": 2}], pa.struct([pa.field("x", pa.int8(), nullable=False)])),
    "deep": pa.array([[[[{"a": [1]}]]], None, [[[None, {"a": None}]]]], DEEP),
    "map_of_map": pa.array([[("k", [("a", 1)])], None], pa.map_(pa.string(), pa.map_(pa.string(), pa.int32()))),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef", None], pa.binary(16))),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}', None])),
}
# More rows than the catalog takes inline.
MANY = 300


def ingest(client, table, data, mode="create"):
    command = ingest_command(mode, table=table, schema=client.schema_name, temporary=False)
    return client.put(command, data.to_batches(), data.schema)


def of_wire(kind):
    """The type that the wire makes of a type, with an extension's storage as Flight shows it."""
    return arrow_types.plain(kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind)


def storage(array):
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def values(column):
    """The values of a column of a result, an extension's as those of its storage."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return [value for chunk in chunks for value in storage(chunk).to_pylist()]


@pytest.fixture(scope="module")
def shared(lake_server):
    with lake_server.client() as client:
        client.query("create schema all_types")
        client.query("set schema = 'all_types'")
        client.schema_name = "all_types"
        yield client


def tables(client):
    return {name for (name,) in client.rows("select table_name from information_schema.tables where table_schema = 'all_types'")}


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
@pytest.mark.parametrize("name", CASES)
def test_round_trip_or_refused(shared, name, many):
    """`few` rows stand in the catalog, `many` in a file; a type is kept in both or in none."""
    array = CASES[name]
    table = f"{name}_{'many' if many else 'few'}"
    data = arrow_types.table_of(array)
    if many:
        data = pa.concat_tables([data] * MANY).combine_chunks()
        data = data.set_column(0, "row", pa.array(range(data.num_rows), pa.int32()))
    before = shared.value("select max(snapshot_id) from system.snapshots")
    try:
        ingest(shared, table, data)
    except (pa.ArrowException, NotImplementedError) as error:
        assert name in REFUSED, f"{array.type} was refused: {error}"
        assert REFUSED[name].lower() in str(error).lower(), f"the error does not name the type: {error}"
        assert table not in tables(shared)
        assert shared.value("select max(snapshot_id) from system.snapshots") == before, "nothing was written"
        return
    assert name not in REFUSED, "it is kept after all"
    found = shared.query(f"select * from {table} order by row")
    found.validate(full=True)
    assert values(found["v"]) == values(data["v"])
    expected = of_wire(array.type)
    found_type = found.schema.field("v").type
    found_type = found_type.storage_type if isinstance(found_type, pa.BaseExtensionType) else found_type
    assert shape(found_type) == shape(expected)
    # What a second ingest of the same type adds, and a change of other columns keeps.
    ingest(shared, table, data, "append")
    assert shared.run(f"update {table} set row = -1 - row where row > 0") == 2 * (data.num_rows - 1)
    again = shared.query(f"select v from {table} order by row desc")
    first = values(array.slice(0, 1))
    assert values(again["v"])[:2] == first * 2
    assert again.num_rows == 2 * data.num_rows


def shape(kind):
    """A type without what its list items are called, which Parquet and DuckLake name themselves."""
    children = [shape(child.type) for child in flightsql.fields_of(kind)]
    return (kind.id, children) if children else str(kind)


# What a lake has no type for that would hold every value: by a word of the error that names it.
REFUSED = {
    "decimal256": "decimal256",
    "interval": "interval",
    "dense_union": "union",
    "dense_union_of_view": "union",
    "sparse_union": "union",
    "empty_struct": "struct",
}


def test_duckdb_reads_what_is_kept(shared, lake_server):
    """After the cases above: DuckDB gives the same values for all of their tables."""
    ingest(shared, "at_least_one", arrow_types.table_of(CASES["decimal128"]))
    with lakes.beside(lake_server, read_only=True) as judge:
        assert lakes.disagreements(shared, judge, schema="all_types") == []


def test_not_null_is_kept(lake_client):
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string())])
    ingest(lake_client, "t", pa.table([[1, 2], ["x", None]], schema=schema))
    assert [field.nullable for field in lake_client.query("select * from t").schema] == [False, True]
    with pytest.raises(pa.ArrowException, match="(?i)null"):
        ingest(lake_client, "t", pa.table({"a": pa.array([None], pa.int64()), "b": ["y"]}), "append")
    assert lake_client.value("select count(*) from t") == 2


def test_a_refused_column_among_others(lake_client):
    """All columns are looked at before anything is made."""
    data = pa.table({"fine": [1], "wrong": pa.array([None], pa.month_day_nano_interval())})
    with pytest.raises((pa.ArrowException, NotImplementedError), match="(?i)wrong.*interval"):
        ingest(lake_client, "t", data)
    with pytest.raises(KeyError):
        lake_client.query("select * from t")

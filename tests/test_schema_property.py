"""The property that clients break on most: whatever names a schema names the one that the stream has, nullability included."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import queries
import wire
from flightsql import same

METADATA = {
    "catalogs": wire.catalogs(),
    "schemas": wire.db_schemas(),
    "schemas of none": wire.db_schemas(catalog=""),
    "schemas by pattern": wire.db_schemas("godwit", "s%"),
    "tables": wire.tables(),
    "tables with schemas": wire.tables(include_schema=True),
    "no tables with schemas": wire.tables(table="no_such_table", include_schema=True),
    "table types": wire.table_types(),
    "primary keys": wire.keys("Primary", "people"),
    "imported keys": wire.keys("Imported", "people", "godwit", "files"),
    "exported keys": wire.keys("Exported", "people"),
    "cross reference": wire.cross_reference("people", "numbers"),
    "sql info": wire.sql_info(),
    "one sql info": wire.sql_info(0),
    "xdbc types": wire.xdbc_type_info(),
    "one xdbc type": wire.xdbc_type_info(4),
}

EFFECTS = ["set datafusion.execution.batch_size = 4096", "reset datafusion.execution.batch_size", "set schema = 'main'"]


def stream_schema(client, info):
    """The schema that heads the stream, and its batches held against it."""
    reader = client.get(info)
    table = reader.read_all()
    table.validate(full=True)
    for batch in table.to_batches():
        for field, column in zip(table.schema, batch.columns):
            assert field.nullable or column.null_count == 0, f"{field.name} cannot be null and is"
    return same(reader.schema)


@pytest.mark.parametrize("sql", queries.ALL)
def test_queries(session_client, sql):
    client, command = session_client, wire.statement(sql)
    info = client.info(command)
    promised = same(info.schema)
    assert promised, "a query has columns"
    assert same(client.schema(command)) == promised, "GetSchema"
    statement = client.prepare(sql)
    try:
        assert not statement.is_update
        assert same(statement.dataset_schema) == promised, "CreatePreparedStatement"
        assert same(client.schema(wire.prepared(statement.handle))) == promised, "GetSchema of the prepared"
        prepared_info = client.info(wire.prepared(statement.handle))
        assert same(prepared_info.schema) == promised, "GetFlightInfo of the prepared"
        assert stream_schema(client, info) == promised, "DoGet"
        assert stream_schema(client, prepared_info) == promised, "DoGet of the prepared"
    finally:
        client.close_prepared(statement.handle)


@pytest.mark.parametrize("command", METADATA.values(), ids=METADATA.keys())
def test_metadata(session_client, command):
    info = session_client.info(command)
    assert same(session_client.schema(command)) == same(info.schema)
    assert stream_schema(session_client, info) == same(info.schema)


@pytest.mark.parametrize("sql", EFFECTS)
def test_effects(client, sql):
    command = wire.statement(sql)
    statement = client.prepare(sql)
    assert statement.is_update
    assert len(statement.dataset_schema) == 0, "a client that has no is_update tells updates by this"
    assert len(statement.parameter_schema) == 0
    promised = same(client.schema(command))
    info = client.info(command)
    assert same(info.schema) == promised
    assert stream_schema(client, info) == promised
    prepared_info = client.info(wire.prepared(statement.handle))
    assert same(prepared_info.schema) == promised
    assert stream_schema(client, prepared_info) == promised


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("select id, name from people where id = ?", [2]),
        ("select ? as v", ["7"]),
        ("select ? as v", ["text"]),
        ("select $1 + 1 as v, $2 as w", [1, "x"]),
        ("select case when ? then 1 else null end as v", [True]),
        ("select coalesce(?, 'x') as v", ["y"]),
        ("select * from people where name like ? limit ?", ["A%", 1]),
        ("select min(score) as m from people where id > ?", [2]),
        ("select ? as a, cast(? as decimal(10, 2)) as b", [None, None]),
    ],
)
def test_bound_statements(client, sql, row):
    """What was promised when the statement was prepared holds for every value that is bound."""
    statement = client.prepare(sql)
    promised = same(statement.dataset_schema)
    columns = [pa.array([value], kind) for value, kind in zip(row, statement.parameter_schema.types)]
    batch = pa.record_batch(columns, schema=statement.parameter_schema)
    handle = client.bind(statement.handle, batch)
    info = client.info(wire.prepared(handle))
    assert same(info.schema) == promised
    assert same(client.schema(wire.prepared(handle))) == promised
    assert stream_schema(client, info) == promised


def test_paths(session_client):
    options = session_client.options
    for info in session_client.flight.list_flights(options=options):
        path = tuple(part.decode() for part in info.descriptor.path)
        descriptor = flight.FlightDescriptor.for_path(*path)
        asked = session_client.flight.get_flight_info(descriptor, options)
        assert same(info.schema) == same(asked.schema), path
        if path[1] != "system":
            assert stream_schema(session_client, asked) == same(asked.schema), path

"""Metadata commands as Flight SQL defines them: exact schemas, filters, and every SqlInfo code in the type that drivers read."""

import pyarrow as pa
import pytest

import wire
from flightsql import read_schema

TEXT = pa.string()


def schema(*fields):
    return pa.schema([pa.field(name, kind, nullable) for name, kind, nullable in fields])


TABLES = [
    ("catalog_name", TEXT, True),
    ("db_schema_name", TEXT, True),
    ("table_name", TEXT, False),
    ("table_type", TEXT, False),
]
FOREIGN = [
    ("pk_catalog_name", TEXT, True),
    ("pk_db_schema_name", TEXT, True),
    ("pk_table_name", TEXT, False),
    ("pk_column_name", TEXT, False),
    ("fk_catalog_name", TEXT, True),
    ("fk_db_schema_name", TEXT, True),
    ("fk_table_name", TEXT, False),
    ("fk_column_name", TEXT, False),
    ("key_sequence", pa.int32(), False),
    ("fk_key_name", TEXT, True),
    ("pk_key_name", TEXT, True),
    ("update_rule", pa.uint8(), False),
    ("delete_rule", pa.uint8(), False),
]
SCHEMAS = {
    "catalogs": (wire.catalogs(), [("catalog_name", TEXT, False)]),
    "schemas": (wire.db_schemas(), [("catalog_name", TEXT, True), ("db_schema_name", TEXT, False)]),
    "tables": (wire.tables(), TABLES),
    "tables with schemas": (wire.tables(include_schema=True), [*TABLES, ("table_schema", pa.binary(), False)]),
    "table types": (wire.table_types(), [("table_type", TEXT, False)]),
    "primary keys": (
        wire.keys("Primary", "people"),
        [
            ("catalog_name", TEXT, True),
            ("db_schema_name", TEXT, True),
            ("table_name", TEXT, False),
            ("column_name", TEXT, False),
            ("key_name", TEXT, True),
            ("key_sequence", pa.int32(), False),
        ],
    ),
    "imported keys": (wire.keys("Imported", "people"), FOREIGN),
    "exported keys": (wire.keys("Exported", "people"), FOREIGN),
    "cross reference": (wire.cross_reference("people", "numbers"), FOREIGN),
}


@pytest.mark.parametrize(("command", "fields"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_schemas_are_those_of_the_specification(session_client, command, fields):
    """ADBC compares them with Schema.Equal."""
    table = session_client.read(command)
    assert table.schema.equals(schema(*fields))
    assert session_client.info(command).schema.equals(schema(*fields))


def tables(client, **filters):
    rows = client.read(wire.tables(**filters)).to_pylist()
    order = [(row["catalog_name"], row["db_schema_name"], row["table_name"], row["table_type"]) for row in rows]
    assert order == sorted(order), "sorted as the specification says"
    return [row["table_name"] for row in rows]


def test_tables_by_name(session_client):
    find = lambda **filters: tables(session_client, **filters)  # noqa: E731
    assert find(schema="files", table="people") == ["people"]
    assert find(schema="files", table="csv_%") == ["csv_gz", "csv_plain", "csv_zst"]
    assert find(schema="files", table=r"csv\_%") == ["csv_gz", "csv_plain", "csv_zst"]
    assert find(schema="files", table="p_ople") == ["people"]
    assert find(schema="files", table=r"p\_ople") == []
    assert find(schema="files", table="PEOPLE") == []
    assert find(schema="sh%") == ["customers", "lines", "orders"]
    assert find(schema="") == []
    assert find(catalog="godwit", schema="shop", table="") == []
    assert find(catalog="", schema="shop") == []
    assert find(catalog="nowhere") == []


def test_tables_by_type(session_client):
    find = lambda *types: tables(session_client, schema="shop", types=types)  # noqa: E731
    for types in [(), ("TABLE",), ("table",), ("BASE TABLE",), ("VIEW", "base table")]:
        assert find(*types) == ["customers", "lines", "orders"], types
    for types in [("VIEW",), ("SYSTEM TABLE",), ("no such type",), ("",)]:
        assert find(*types) == [], types
    assert "mounts" in tables(session_client, schema="system", types=["SYSTEM TABLE"])
    assert tables(session_client, schema="system", types=["TABLE"]) == []


def test_schema_patterns(session_client):
    find = lambda **filters: session_client.read(wire.db_schemas(**filters))["db_schema_name"].to_pylist()  # noqa: E731
    assert find(pattern="s%") == ["shop", "system"]
    assert find(catalog="godwit", pattern="shop") == ["shop"]
    assert find(catalog="nowhere") == []
    assert find() == sorted(find())


def test_table_schemas(session_client, data):
    (row,) = session_client.read(wire.tables(schema="files", table="people", include_schema=True)).to_pylist()
    found = read_schema(row["table_schema"])
    assert found.names == data.tables["people"].schema.names
    assert found.types == data.tables["people"].schema.types
    assert [field.nullable for field in found] == [False, True, True, True, True]
    metadata = {name.decode().removeprefix("ARROW:FLIGHT:SQL:"): value.decode()
                for name, value in found.field("id").metadata.items()}
    assert metadata["TYPE_NAME"] == "BIGINT"
    assert metadata["PRECISION"] == "19"
    assert metadata["CATALOG_NAME"] == "godwit"
    assert metadata["DB_SCHEMA_NAME"] == metadata["SCHEMA_NAME"] == "files"
    assert metadata["TABLE_NAME"] == "people"
    assert metadata["IS_READ_ONLY"] == "1"


def test_table_schema_is_that_of_a_query(session_client):
    """What a tool reads of a table is what `select *` gives it, views and dictionaries included."""
    for row in session_client.read(wire.tables(schema="types", include_schema=True)).to_pylist():
        table = f"types.{row['table_name']}"
        asked = session_client.schema(wire.statement(f"select * from {table}"))
        assert read_schema(row["table_schema"]).equals(asked), table


# SqlInfo: the child of the union that each code's value must be in (clients cast without looking).

STRINGS = [0, 1, 2, 504, 513, 514, 529, 530, 531]
BOOLEANS = [3, 4, 5, 9, 515, 516, 518, 519, 520, 521, 523, 524, 527, 532, 536, 537, 539, 556, 563, 565, 566, 572, 573, 574, 576]
BITMASKS = [522, 525, 526, 528, 533, 534, 535, 538, 540, 564, 567]
BIGINTS = [*range(541, 556), *range(557, 563)]
LISTS = [508, 509, 510, 511, 512]
MAPS = [517]


def info(client, *codes):
    table = client.read(wire.sql_info(*codes))
    union = table["value"].combine_chunks()
    union = union.chunk(0) if isinstance(union, pa.ChunkedArray) else union
    kinds = union.type_codes.to_pylist()
    return dict(zip(table["info_name"].to_pylist(), zip(kinds, union.to_pylist())))


def test_sql_info_schema(session_client):
    found = session_client.schema(wire.sql_info())
    assert found.field("info_name").type == pa.uint32()
    assert not found.field("info_name").nullable
    union = found.field("value").type
    assert pa.types.is_union(union)
    assert union.mode == "dense"
    children = [(union.field(index).name, str(union.field(index).type).split("<")[0]) for index in range(6)]
    assert children == [
        ("string_value", "string"),
        ("bool_value", "bool"),
        ("bigint_value", "int64"),
        ("int32_bitmask", "int32"),
        ("string_list", "list"),
        ("int32_to_int32_list_map", "map"),
    ]


@pytest.mark.parametrize(
    ("codes", "kind"),
    [(STRINGS, 0), (BOOLEANS, 1), (BIGINTS, 2), (BITMASKS, 3), (LISTS, 4), (MAPS, 5)],
    ids=["strings", "booleans", "bigints", "bitmasks", "lists", "maps"],
)
def test_sql_info_types(session_client, codes, kind):
    found = info(session_client)
    assert {code: found[code][0] for code in codes} == {code: kind for code in codes}


def test_sql_info_is_complete(session_client):
    """Older JDBC drivers break on a code that is missing, newer ones on a code that they do not know."""
    found = set(info(session_client))
    assert set(range(0, 9)) | set(range(500, 577)) <= found
    assert max(found) < 10_000


def test_sql_info_filter(session_client):
    found = info(session_client, 504, 0)
    assert set(found) == {0, 504}
    assert found[0][1].lower() == "godwit"
    assert found[504][1] == '"'


def test_sql_info_is_honest(session_client):
    found = {code: value for code, (_, value) in info(session_client).items()}
    assert found[3] is False, "a session may write to its temporary tables"
    assert found[8] == 2, "transactions with savepoints"
    assert found[11] is True, "uploads are part of them"
    assert found[101] == 300_000, "milliseconds, as lake.transaction_idle_timeout says"
    assert found[562] == 3, "the level that snapshot isolation is above"
    assert found[503] == 3, "names without quotes are lower case"
    assert found[513] == "\\"
    assert found[531] == "catalog"


def test_xdbc_type_info(session_client):
    everything = session_client.read(wire.xdbc_type_info()).to_pylist()
    names = {row["type_name"] for row in everything}
    assert {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE", "DECIMAL", "VARCHAR"} <= names
    assert {"VARBINARY", "DATE", "TIME", "TIMESTAMP"} <= names
    types = [row["data_type"] for row in everything]
    assert types == sorted(types)
    only = session_client.read(wire.xdbc_type_info(4)).to_pylist()
    assert only == [row for row in everything if row["data_type"] == 4]
    assert session_client.read(wire.xdbc_type_info(-9_999)).num_rows == 0

"""The wire profile `compact`: runs and dictionaries where the rows are made for them, right where they are not."""

import random

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.flight as flight
import pytest

import flightsql
import queries
import test_schema_property
import wire
from test_wire_format import PROFILE, with_headers

ROWS = 100_000
PLACES = ["São Paulo", "Rio de Janeiro", "Curitiba", "Salvador", "Belo Horizonte"]
CITY = " ".join(f"when {at} then '{name}'" for at, name in enumerate(PLACES))
SALES = f"""create table compact_sales as select value as id, 'ATIVO' as status, case value % 5 {CITY} end as city,
    case when value % 10 = 3 then null else value % 7 end as rating, cast(value % 50 as decimal(12, 2)) as price,
    arrow_cast(date '2026-01-01' + value % 30, 'Date32') as day, sqrt(value) as root, 'text ' || value as note
    from generate_series(1, {ROWS}) order by value"""
# Rows that are not as the first ones are.
TURNING = f"""create table compact_turning as select value as id,
    case when value <= 50000 then 'as ever' else 'otherwise ' || value end as state,
    case when value <= 50000 then 'few ' || (value % 5) else 'many ' || value end as name,
    case when value <= 50000 then 7 when value % 3 = 0 then null else value end as number
    from generate_series(1, {ROWS}) order by value"""
TABLES = {"compact_sales": SALES, "compact_turning": TURNING}


@pytest.fixture(scope="module")
def compact(server):
    with server.client() as client:
        assert client.set_options({"wire_profile": "compact"}) == {}
        for name, sql in TABLES.items():
            client.query(sql)
        yield client
        for name in TABLES:
            client.query(f"drop table {name}")


@pytest.fixture(scope="module")
def plain(server, compact):
    with server.client() as client:
        yield client


def runs(kind):
    return pa.run_end_encoded(pa.int32(), kind)


def few(kind):
    return pa.dictionary(pa.int16(), kind)


def decoded(table):
    """A table with a value in every row."""

    def column(values):
        if pa.types.is_run_end_encoded(values.type):
            return pa.chunked_array([pc.run_end_decode(chunk) for chunk in values.chunks], values.type.value_type)
        return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values

    return pa.table({name: column(values) for name, values in zip(table.column_names, table.columns)})


def body_bytes(raw, sql, profile):
    """The size of a result on the wire."""
    (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)), [(PROFILE, profile)])
    messages = raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
    assert max(len(each) for each in messages) < 4 * 1024 * 1024
    return sum(len(wire.fields(each).get(1000, [b""])[0]) for each in messages)


def test_columns_have_the_shapes_of_their_rows(compact, plain):
    table = compact.query("select * from compact_sales")
    table.validate(full=True)
    assert {field.name: field.type for field in table.schema} == {
        "id": pa.int64(),
        "status": runs(pa.string()),
        "city": few(pa.string()),
        "rating": few(pa.int64()),
        "price": few(pa.decimal128(12, 2)),
        "day": few(pa.date32()),
        "root": pa.float64(),
        "note": pa.string(),
    }
    expected = plain.query("select * from compact_sales order by id").to_pylist()
    assert decoded(table).sort_by("id").to_pylist() == expected
    assert all(len(chunk.values) == 1 for chunk in table["status"].chunks)
    assert sorted(table["city"].combine_chunks().dictionary.to_pylist()) == sorted(PLACES)


def test_the_wire_is_shorter(server, compact):
    with server.raw() as raw:
        sql = "select * from compact_sales"
        sizes = {profile: body_bytes(raw, sql, profile) for profile in ("compat", "native", "compact")}
        assert sizes["compact"] * 2 < sizes["native"] and sizes["compact"] * 2 < sizes["compat"], sizes
        sql = "select status, city, rating, price, day from compact_sales"
        sizes = {profile: body_bytes(raw, sql, profile) for profile in ("compat", "native", "compact")}
        assert sizes["compact"] * 4 < sizes["native"], sizes
        assert sizes["compact"] < 9 * ROWS


@pytest.mark.parametrize("sql", ["select * from compact_turning", "select * from compact_turning order by id"])
def test_rows_that_turn_out_otherwise_are_right(server, compact, plain, sql):
    info = compact.info(wire.statement(sql))
    kinds = [field.type for field in info.schema]
    assert kinds == [pa.int64(), runs(pa.string()), few(pa.string()), runs(pa.int64())]
    table = compact.get(info).read_all()
    table.validate(full=True)
    expected = plain.query(sql).sort_by("id").to_pylist()
    assert decoded(table).sort_by("id").to_pylist() == expected
    with server.raw() as raw:
        assert body_bytes(raw, sql, "compact") < 1.1 * body_bytes(raw, sql, "compat")


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("select 'x' as a, now() as b, id from compact_sales", [runs(pa.string()), None, pa.int64()]),
        ("select note from compact_sales where note = 'text 7' and id > 0", [runs(pa.string())]),
        ("select upper(city) as c, city || status as d from compact_sales", [few(pa.string()), pa.string()]),
        ("select case when root > 9 then 'much' else 'little' end as c from compact_sales", [few(pa.string())]),
        ("select a.city, b.status from compact_sales a join compact_sales b on a.id = b.id", [few(pa.string()), runs(pa.string())]),
        ("select a.city, b.status from compact_sales a left join compact_sales b on a.id = b.id + 9", [few(pa.string()), None]),
        ("select city, row_number() over (order by id) as n from compact_sales", [few(pa.string()), None]),
        ("select city from compact_sales union all select note from compact_sales", [few(pa.string())]),
        ("select city from compact_sales limit 10", [pa.string()]),
        ("select city, count(*) as n from compact_sales group by city", [pa.string(), pa.int64()]),
        ("select 1 as a", [pa.int64()]),
    ],
)
def test_facts_of_the_plan(compact, plain, sql, kinds):
    table = compact.query(sql)
    for field, kind in zip(table.schema, kinds):
        assert kind is None or field.type == kind, field
    if "now()" not in sql and "limit" not in sql:
        # In any order.
        told = sorted(map(str, decoded(table).to_pylist()))
        assert told == sorted(map(str, plain.query(sql).to_pylist()))


OF_TABLES = [
    "select * from compact_sales",
    "select * from compact_turning where state = 'as ever'",
    "select city, max(root) as r from compact_sales group by city",
    "with c as (select * from compact_sales) select a.city, b.day from c a join c b on a.id = b.id",
]


@pytest.mark.parametrize("sql", queries.ALL + OF_TABLES)
def test_one_schema_everywhere(compact, sql):
    test_schema_property.test_queries(compact, sql)


def test_parameters(compact):
    statement = compact.prepare("select id, city, status, ? as given from compact_sales where id > ? and city = ?")
    try:
        promised = flightsql.same(statement.dataset_schema)
        kinds = [field.type for field in statement.dataset_schema][:3]
        assert kinds == [pa.int64(), runs(pa.string()), runs(pa.string())], "one city is left"
        info = compact.info(wire.prepared(statement.handle))
        assert flightsql.same(info.schema) == promised, "described before anything is bound"
        for city in PLACES:
            row = pa.record_batch([pa.array([value]) for value in ("x", 90_000, city)], ["a", "b", "c"])
            compact.bind(statement.handle, row)
            assert flightsql.same(compact.schema(wire.prepared(statement.handle))) == promised
            table = compact.read(wire.prepared(statement.handle))
            assert flightsql.same(table.schema) == promised
            assert set(decoded(table)["city"].to_pylist()) == {city} and table.num_rows == 2_000
    finally:
        compact.close_prepared(statement.handle)


def test_a_ticket_keeps_its_shapes(compact):
    """The client changes its mind, and the table its rows, between the two calls."""
    compact.query("create table compact_moving as select 'one' as a from generate_series(1, 1000)")
    info = compact.info(wire.statement("select * from compact_moving"))
    compact.query("insert into compact_moving select 'value ' || value from generate_series(1, 1000)")
    compact.query("set wire_profile = 'compat'")
    table = compact.get(info).read_all()
    compact.query("set wire_profile = 'compact'")
    assert info.schema.field("a").type == runs(pa.string())
    assert flightsql.same(table.schema) == flightsql.same(info.schema)
    assert table.num_rows == 1000, "the snapshot of the ticket"
    compact.query("drop table compact_moving")


def test_kept_results(compact):
    compact.query("set endpoints = 4")
    try:
        info = compact.info(wire.statement("select * from compact_sales"))
        parts = [compact.flight.do_get(part.ticket, compact.options).read_all() for part in info.endpoints]
        assert len(parts) == 4 and sum(part.num_rows for part in parts) == ROWS
        assert all(flightsql.same(part.schema) == flightsql.same(info.schema) for part in parts)
        assert info.schema.field("status").type == runs(pa.string())
        ids = [id for part in parts for id in part["id"].to_pylist()]
        assert sorted(ids) == list(range(1, ROWS + 1))
    finally:
        compact.query("reset endpoints")


def test_chosen_by_a_header_and_by_the_configuration(server, start, compact):
    with with_headers(server, {PROFILE: "Compact"}) as client:
        assert client.query("select status from compact_sales").schema.field("status").type == runs(pa.string())
    other = start(config='[wire]\nprofile = "compact"\ncompression = "zstd"\n')
    with other.client() as client:
        table = client.query("select 'a' as a, value % 3 as b from generate_series(1, 100000)")
        assert table.schema.field("a").type == runs(pa.string())
        assert client.options_of_session()["wire_profile"] == {1: [b"compact"]}


def test_metadata_and_uploads_are_not_shaped(compact):
    assert compact.read(wire.table_types()).schema.field(0).type == pa.string()
    descriptor = flight.FlightDescriptor.for_command(wire.statement("select s, 'x' as x from input"))
    rows = pa.table({"s": ["a"] * 1000})
    writer, reader = compact.flight.do_exchange(descriptor, compact.options)
    with writer:
        writer.begin(rows.schema)
        writer.write_table(rows)
        writer.done_writing()
        assert reader.read_all().schema.types == [pa.string(), pa.string()]


def through_adbc(server, sql):
    prefix = "adbc.flight.sql.rpc.call_header."
    with server.adbc(db_kwargs={prefix + PROFILE: "compact"}) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def test_adbc_and_frames(server, compact, plain):
    """The drivers pass runs and dictionaries on; frames take dictionaries as categories, and runs once they are decoded."""
    sql = "select id, status, city, rating, price, day from compact_sales"
    table = through_adbc(server, sql)
    assert table.schema.field("status").type == runs(pa.string())
    assert table.schema.field("city").type == few(pa.string())
    expected = plain.query(sql).sort_by("id")
    assert decoded(table).sort_by("id").to_pylist() == expected.to_pylist()
    without_runs = table.set_column(1, "status", decoded(table)["status"])
    frame = without_runs.to_pandas().sort_values("id")
    assert isinstance(frame["city"].dtype, pd.CategoricalDtype)
    assert frame["city"].tolist() == expected["city"].to_pylist()
    frame = pl.from_arrow(without_runs).sort("id")
    assert frame["city"].cast(pl.String).to_list() == expected["city"].to_pylist()
    assert frame["status"].to_list() == expected["status"].to_pylist()


def test_turning_rows_through_adbc(server, compact, plain):
    sql = "select * from compact_turning"
    table = through_adbc(server, sql)
    assert decoded(table).sort_by("id").to_pylist() == plain.query(sql).sort_by("id").to_pylist()


KINDS = {
    "int": (pa.int32(), lambda n: n),
    "long": (pa.int64(), lambda n: n << 20),
    "double": (pa.float64(), lambda n: n / 3),
    "text": (pa.string(), lambda n: f"text {n}" * (n % 4)),
    "bytes": (pa.binary(), lambda n: b"\x00%d" % n),
    "flag": (pa.bool_(), lambda n: n % 2 == 0),
    "day": (pa.date32(), lambda n: n),
    "moment": (pa.timestamp("us"), lambda n: n * 1_000_003),
    "money": (pa.decimal128(20, 3), lambda n: n),
    "list": (pa.list_(pa.int32()), lambda n: [n, None] * (n % 3)),
    "record": (pa.struct([("a", pa.int32()), ("b", pa.string())]), lambda n: {"a": n, "b": str(n)}),
}


def column(dice, kind, value, rows):
    """Constant, of few values or of many, and something else from some row on."""

    def of(mode, many):
        bound = {"constant": 1, "few": 7, "many": 1_000_000}[mode]
        return [None if dice.random() < blank else value(dice.randrange(bound)) for _ in range(many)]

    blank = dice.choice([0, 0.2])
    turn = dice.choice([rows, rows, dice.randrange(rows)])
    modes = dice.choices(["constant", "few", "many"], k=2)
    return pa.array(of(modes[0], turn) + of(modes[1], rows - turn), kind)


@pytest.mark.parametrize("seed", range(6))
def test_random_tables_are_the_same_in_all_profiles(server, seed):
    dice = random.Random(seed)
    rows = dice.choice([100, 5_000, 40_000])
    columns = {"row": pa.array(range(rows), pa.int32())}
    columns |= {name: column(dice, kind, value, rows) for name, (kind, value) in KINDS.items()}
    name = f"compact_random_{seed}"
    with server.adbc() as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(name, pa.table(columns), mode="create")
        connection.commit()
    results = {}
    for profile in ("compat", "native", "compact"):
        with with_headers(server, {PROFILE: profile}) as client:
            table = client.query(f'select * from {name}')
            table.validate(full=True)
            results[profile] = decoded(table).sort_by("row").to_pylist()
    assert results["compact"] == results["compat"]
    assert results["native"] == results["compat"]
    with server.client() as client:
        client.query(f"drop table {name}")

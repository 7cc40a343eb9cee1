"""What columns are made of: `vector_types`, beside the formulas of the course's chapter on DuckDB's vectors."""

import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire

COLUMNS = {
    "chunk": pa.int64(),
    "first_row": pa.int64(),
    "column_index": pa.int64(),
    "column_name": pa.string(),
    "data_type": pa.string(),
    "row_count": pa.int64(),
    "kind": pa.string(),
    "distinct_count": pa.int64(),
    "run_count": pa.int64(),
    "null_count": pa.int64(),
    "validity": pa.string(),
    "bytes_flat": pa.int64(),
    "bytes_best": pa.int64(),
    "saving": pa.float64(),
    "suggestion": pa.string(),
}


def suggest(data):
    """The rule of the chapter's first exercise."""
    distinct = len(np.unique(data))
    if distinct == 1:
        return "constant"
    if np.issubdtype(data.dtype, np.number) and len(np.unique(np.diff(data))) == 1:
        return "sequence"
    return "dictionary" if distinct / len(data) < 0.1 else "flat"


def savings(data):
    """The formula of its second, and 16 bytes for a sequence, as its class has."""
    values = np.unique(data)
    key = 1 if len(values) < 256 else 2 if len(values) < 65_536 else 4
    forms = [data.nbytes, values.nbytes + len(data) * key]
    if len(values) == 1:
        forms.append(values.nbytes)
    if suggest(data) == "sequence":
        forms.append(16)
    return data.nbytes, min(forms), (data.nbytes - min(forms)) / data.nbytes * 100


def look(client, sql, rows=None):
    quoted = sql.replace("'", "''")
    return client.query(f"select * from vector_types('{quoted}'{f', {rows}' if rows else ''})")


def test_the_schema_is_the_same_everywhere(session_client):
    sql = "select * from vector_types('select 1 as a')"
    info = session_client.info(wire.statement(sql))
    assert {field.name: field.type for field in info.schema} == COLUMNS
    assert not any(field.nullable for field in info.schema)
    assert session_client.schema(wire.statement(sql)) == info.schema
    statement = session_client.prepare(sql)
    assert statement.dataset_schema == info.schema
    assert session_client.read(wire.prepared(statement.handle)).num_rows == 1
    session_client.close_prepared(statement.handle)


CASES = {
    "ids": ("value", lambda n: n),
    "all the same": ("7 * (value - value) + 7", lambda n: n * 0 + 7),
    "five categories": ("value * 7 % 5", lambda n: n * 7 % 5),
    "step of two": ("value * 2 - 2", lambda n: n * 2 - 2),
    "hundred and more": ("value * value % 211", lambda n: n * n % 211),
    "as it comes": ("value * 7919 % 1009", lambda n: n * 7919 % 1009),
}


@pytest.mark.parametrize("case", CASES)
def test_the_chapters_exercises(session_client, case):
    expression, numbers = CASES[case]
    data = numbers(np.arange(1, 1001, dtype=np.int64))
    (found,) = look(session_client, f"select {expression} as v from generate_series(1, 1000)", 1000).to_pylist()
    flat, best, saving = savings(data)
    assert found["kind"] == suggest(data)
    assert (found["bytes_flat"], found["bytes_best"]) == (flat, best)
    assert found["saving"] == pytest.approx(saving)
    assert found["distinct_count"] == len(np.unique(data))
    assert found["run_count"] == 1 + np.count_nonzero(np.diff(data))


def test_the_chapters_chunk(session_client):
    """2,048 rows of an id, a status, a city and a value."""
    sql = (
        "select value as id, 'ACTIVE' as status, "
        "case value % 4 when 0 then 'SP' when 1 then 'RJ' when 2 then 'BA' else 'PR' end as cidade, "
        "sqrt(value) as valor from generate_series(1, 4096)"
    )
    table = look(session_client, sql)
    assert table["kind"].to_pylist() == ["sequence", "constant", "dictionary", "flat"] * 2
    assert table["first_row"].to_pylist() == [0] * 4 + [2048] * 4
    first = table.slice(0, 4).to_pylist()
    assert [row["bytes_flat"] for row in first] == [2048 * 8, 4 * 2049 + 6 * 2048, 4 * 2049 + 2 * 2048, 2048 * 8]
    assert [row["bytes_best"] for row in first] == [16, 8 + 6, 4 * 5 + 4 * 2 + 2048, 2048 * 8]
    assert first[0]["bytes_flat"] / first[0]["bytes_best"] == 1024, "the chapter's 1,024 times less"
    assert table["suggestion"].to_pylist()[4] == "sequence (start=2049, step=1)"


def test_large_results_stream(session_client):
    sql = (
        "select kind, count(*) as chunks, sum(row_count) as n, sum(bytes_flat) as flat from "
        "vector_types('select value as a, value % 3 as b from generate_series(1, 3000000)') group by kind order by kind"
    )
    assert session_client.rows(sql) == [
        ("dictionary", 1465, 3_000_000, 24_000_000),
        ("sequence", 1465, 3_000_000, 24_000_000),
    ]
    reader = session_client.get(session_client.info(wire.statement("select * from vector_types('select * from generate_series(1, 100000000000)')")))
    assert reader.read_chunk().data.num_rows > 0, "the first chunks come while the query runs"
    reader.cancel()


def test_every_type_is_looked_at(session_client):
    names = session_client.query("select table_name as t from information_schema.tables where table_schema = 'types'")
    assert names.num_rows > 40
    for name in names["t"].to_pylist():
        for row in look(session_client, f"select v from types.{name} order by row").to_pylist():
            assert row["row_count"] >= row["distinct_count"] + min(row["null_count"], 1), name
            assert row["bytes_best"] <= row["bytes_flat"], name


@pytest.mark.parametrize(
    ("args", "error", "said"),
    [
        ("'nowhere'", KeyError, "nowhere"),
        ("'select 1', 0", pa.ArrowInvalid, "1 to 131072"),
        ("'drop table people'", pa.ArrowInvalid, "no query"),
        ("'selec 1'", pa.ArrowInvalid, "the query of vector_types"),
        ("people", pa.ArrowInvalid, "vector_types"),
    ],
)
def test_errors_say_what_is_wrong(session_client, args, error, said):
    with pytest.raises((error, flight.FlightError), match=said):
        session_client.query(f"select * from vector_types({args})")

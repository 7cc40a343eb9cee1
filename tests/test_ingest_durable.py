"""Ingest into durable tables by ADBC, Polars and pandas, in all modes; large ones; and what metadata says of such tables."""

import itertools
import queue

import adbc_driver_flightsql.dbapi as flightsql
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lakes
import wire
from godwit_server import eventually
from test_do_put import append, ingest_command, ipc, messages
from test_do_put import rows as do_put_rows

MIB = 1 << 20


@pytest.fixture
def connection(lake_server, lake_client):
    with lake_server.adbc() as connection:
        connection.adbc_current_db_schema = lake_client.schema_name
        yield connection


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


def table(first, count):
    return pa.table({"id": pa.array(range(first, first + count), pa.int64()), "name": [f"n{at}" for at in range(count)]})


def test_the_modes(cursor, lake_client):
    with pytest.raises(flightsql.Error):
        cursor.adbc_ingest("t", table(0, 3), mode="append")
    assert cursor.adbc_ingest("t", table(0, 3), mode="create") == 3
    with pytest.raises(flightsql.Error, match="t"):
        cursor.adbc_ingest("t", table(0, 3), mode="create")
    assert cursor.adbc_ingest("t", table(3, 1000), mode="append") == 1000
    assert cursor.adbc_ingest("t", table(2000, 2), mode="create_append") == 2
    assert cursor.adbc_ingest("u", table(0, 2), mode="create_append") == 2
    assert lake_client.rows("select count(*), max(id) from t") == [(1005, 2001)]
    assert cursor.adbc_ingest("t", table(7, 1), mode="replace") == 1
    assert lake_client.rows("select * from t") == [(7, "n0")]
    # The driver sends nothing at all for no rows, so that its connection cannot be the one that asks for this.
    command = ingest_command("replace", table="v", schema=lake_client.schema_name, temporary=False)
    assert wire.fields(lake_client.put(command, [], table(7, 0).schema)).get(1, [0]) == [0]
    assert lake_client.rows("select * from v") == []


def test_another_session_and_a_restart_see_it(start):
    server = start()
    with server.adbc() as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("t", table(0, 5000), mode="create")
    with server.client() as other:
        assert other.value("select count(*) from t") == 5000
    server.stop()
    with start(home=server.home).client() as client:
        assert client.rows("select count(*), sum(id), max(name) from t") == [(5000, sum(range(5000)), "n999")]


def test_columns_by_name(cursor, lake_client):
    """An append matches names; what is missing gets its default, what is too much is refused."""
    lake_client.run("create table t (id bigint not null, name varchar default 'd', n int)")
    cursor.adbc_ingest("t", pa.table({"n": pa.array([5], pa.int32()), "id": pa.array([1], pa.int64())}), mode="append")
    assert lake_client.rows("select * from t") == [(1, "d", 5)]
    for wrong, says in [({"id": [1], "other": [1]}, "other"), ({"n": pa.array([1], pa.int32())}, "(?i)id|null")]:
        with pytest.raises(flightsql.Error, match=says):
            cursor.adbc_ingest("t", pa.table(wrong), mode="append")
    with pytest.raises(flightsql.Error, match="(?i)name|type|cast"):
        cursor.adbc_ingest("t", pa.table({"id": ["no number"]}), mode="append")
    assert lake_client.value("select count(*) from t") == 1


def test_keys_hold_for_ingest(cursor, lake_client):
    lake_client.run("create table t (id bigint primary key, name varchar)")
    cursor.adbc_ingest("t", table(0, 2000), mode="append")
    for first in (1999, 0):
        with pytest.raises(flightsql.Error, match="(?i)key|unique|duplicate"):
            cursor.adbc_ingest("t", table(first, 10), mode="append")
    assert lake_client.value("select count(*) from t") == 2000


def test_polars(connection, lake_client):
    frame = pl.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"], "score": [1.5, 2.5, None]})
    assert frame.write_database("p", connection, if_table_exists="replace") == 3
    assert frame.write_database("p", connection, if_table_exists="append") == 3
    found = pl.read_database("select * from p order by id", connection)
    assert found.unique(maintain_order=True).equals(frame)
    with connection.cursor() as cursor:
        cursor.execute("update p set name = 'b' where id = 2")
    assert lake_client.rows("select distinct name from p where id = 2") == [("b",)]


def test_pandas(connection, lake_client):
    """pandas looks for a table of the name in all schemas, so that no other test may have one of this name."""
    frame = pd.DataFrame({"id": [1, 2], "name": ["a", "b"], "at": pd.to_datetime(["2026-11-21", "2026-11-22"]).as_unit("us")})
    frame.to_sql("pandas_t", connection, index=False, if_exists="replace")
    frame.to_sql("pandas_t", connection, index=False, if_exists="append")
    assert lake_client.rows("select count(*), max(name) from pandas_t") == [(4, "b")]
    found = pd.read_sql("select * from pandas_t order by id, at", connection)
    assert found["at"].tolist() == sorted([*frame["at"], *frame["at"]])


def test_a_path_appends(lake_client):
    lake_client.run("create table t (id bigint, text varchar)")
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    batches = [pa.record_batch([[at], [f"t{at}"]], schema=schema) for at in range(20)]
    assert append(lake_client, "godwit", lake_client.schema_name, "t", batches=batches)[-1] == 20
    assert lake_client.rows("select count(*), max(id) from t") == [(20, 19)]


def test_much_more_than_the_memory(start):
    """Ingest, CREATE TABLE AS and INSERT … SELECT stream: the server stays near its limit whatever their size."""
    server = start(config='[memory]\nlimit = "64MiB"\n')
    batch = pa.record_batch({"id": pa.array(range(20_000), pa.int64()), "pad": [f"{at:0>40}" for at in range(20_000)]})
    with server.client() as client:
        command = ingest_command("create", table="t", schema=None, temporary=False)
        before = server.memory()
        count = 330
        assert count * batch.nbytes > 5 * 64 * MIB
        answer = client.put(command, itertools.repeat(batch, count), batch.schema)
        assert wire.fields(answer)[1] == [count * 20_000]
        assert server.memory() - before < 200 * MIB, f"{server.memory() / MIB:.0f} MiB"
        assert client.run("create table copied as select id, upper(pad) as pad from t where id % 2 = 0") == count * 10_000
        assert client.run("insert into copied select * from t where id < 1000") == count * 1000
        assert server.memory() - before < 250 * MIB, f"{server.memory() / MIB:.0f} MiB"
        assert client.rows("select count(*), sum(id) from copied") == [(count * 11_000, count * (99_990_000 + 499_500))]
        with lakes.beside(server, read_only=True) as judge:
            assert judge.rows("select count(*), sum(id) from copied") == [(count * 11_000, count * (99_990_000 + 499_500))]


@pytest.mark.parametrize("rows", [10, 50_000])
def test_a_client_that_goes_away_stores_nothing(lake_server, lake_client, rows):
    """Whether the rows would have gone into the catalog or into a file."""
    lake_client.run("create table t (id bigint, text varchar)")
    before = lake_client.value("select max(snapshot_id) from system.snapshots")
    command = ingest_command("append", table="t", schema=lake_client.schema_name, temporary=False)
    requests = queue.Queue()
    for message in messages(command=command, parts=ipc(do_put_rows(0, rows))):
        requests.put(message)
    with lake_server.raw(lake_client.headers[0][1].decode()) as raw:
        call = raw.start("DoPut", iter(requests.get, None))
        eventually(requests.empty, "all has been sent")
        call.cancel()
        requests.put(None)
    eventually(lambda: lake_client.value("select count(*) from system.queries where ended is null") == 1, "nothing of it runs")
    assert lake_client.value("select count(*) from t") == 0
    assert lake_client.value("select max(snapshot_id) from system.snapshots") == before
    assert append(lake_client, "godwit", lake_client.schema_name, "t", batches=[do_put_rows(0, 3)])[-1] == 3


# Metadata.


def test_keys_are_reported(lake_client, connection):
    lake_client.run("create table one (id int primary key, email varchar unique)")
    lake_client.run("create table two (b int, a varchar, c int, constraint named primary key (a, b))")

    def keys(name):
        return lake_client.read(wire.keys("Primary", name, "godwit", lake_client.schema_name)).to_pylist()

    assert [(row["column_name"], row["key_sequence"]) for row in keys("one")] == [("id", 1)]
    found = {(row["column_name"], row["key_sequence"], row["key_name"]) for row in keys("two")}
    assert found == {("a", 1, "named"), ("b", 2, "named")}
    lake_client.run("alter table one rename column id to number")
    assert [row["column_name"] for row in keys("one")] == ["number"]
    lake_client.run("drop table one")


def test_tables_and_views_are_listed(lake_client, connection):
    schema = lake_client.schema_name
    lake_client.run("create table t (a int not null, b varchar)")
    lake_client.run("create view v as select a from t")

    def listed(*types):
        rows = lake_client.read(wire.tables("godwit", schema, types=types)).to_pylist()
        return [(row["table_name"], row["table_type"]) for row in rows]

    assert listed() == [("t", "TABLE"), ("v", "VIEW")] or listed() == [("t", "BASE TABLE"), ("v", "VIEW")]
    assert [name for name, _ in listed("TABLE")] == ["t"]
    assert [name for name, _ in listed("VIEW")] == ["v"]
    found = connection.adbc_get_table_schema("t", db_schema_filter=schema)
    assert [(field.name, field.type, field.nullable) for field in found] == [("a", pa.int32(), False), ("b", pa.string(), True)]
    types = {row["table_type"] for row in lake_client.read(wire.table_types()).to_pylist()}
    assert "VIEW" in types
    lake_client.run("drop view v")
    assert listed("VIEW") == []

"""DuckDB as the judge: it reads every snapshot of what a random workload left, and runs it itself."""

import collections
import os
import random

import duckdb
import pyarrow as pa
import pytest

import lakes
from workload import Workload

STATEMENTS = int(os.environ.get("GODWIT_JUDGE_STATEMENTS", "300"))
SEED = int(os.environ.get("GODWIT_JUDGE_SEED", "20261121"))
LOOK_EVERY = 100


class Both:
    """Godwit, and a DuckDB of its own with the same statements: those that were committed."""

    def __init__(self, server, seed):
        self.client = server.client()
        self.mirror = duckdb.connect()
        self.mirror.execute("set timezone = 'UTC'")
        self.work = Workload(seed)
        self.random = random.Random(seed + 1)
        self.sent = []

    def run(self, sql):
        self.sent.append(sql)
        try:
            return self.client.run(sql)
        except (pa.ArrowException, KeyError) as error:
            raise AssertionError(f"statement {len(self.sent)} of seed {SEED}: {sql}\n{error}") from None

    def reflect(self, sql, changed):
        """Runs what Godwit ran, and compares how many rows it changed."""
        found = self.mirror.execute(sql).fetchall()
        if sql.startswith(("insert", "update", "delete")):
            assert found == [(changed,)], f"{sql}: {changed} rows, and {found} in DuckDB"

    def single(self):
        sql = self.work.statement()
        self.reflect(sql, self.run(sql))

    def transaction(self):
        """A few statements together, with a savepoint perhaps; committed or taken back."""
        before, kept = self.work.snapshot(), []
        mark = None
        self.run("begin")
        for _ in range(self.random.randint(1, 8)):
            if mark is None and self.random.random() < 0.2:
                self.run("savepoint s")
                mark = (self.work.snapshot(), len(kept))
            sql = self.work.statement()
            kept.append((sql, self.run(sql)))
            if mark and self.random.random() < 0.3:
                self.run("rollback to savepoint s")
                self.work.back_to(mark[0])
                del kept[mark[1] :]
        if self.random.random() < 0.25:
            self.run("rollback")
            self.work.back_to(before)
            return
        self.run("commit")
        for sql, changed in kept:
            self.reflect(sql, changed)

    def compact(self):
        self.run(f"call compact('{self.random.choice(list(self.work.tables))}')")

    def step(self):
        kind = self.random.random()
        if kind < 0.05:
            self.transaction()
        elif kind < 0.06 and self.work.tables:
            self.compact()
        else:
            self.single()

    def mirrored(self):
        """Where Godwit and the mirror disagree."""
        for name in self.work.tables:
            ours, theirs = self.client.query(f"select * from {name}"), self.mirror.sql(f"from {name}").to_arrow_table()
            if found := lakes.unlike(ours, theirs):
                yield f"{name}: {found}"


def test_a_random_workload(start):
    """Thousands of statements with GODWIT_JUDGE_STATEMENTS, as `make crash` sets it."""
    print(f"seed {SEED}, {STATEMENTS} statements")
    server = start()
    both = Both(server, SEED)
    with both.client, lakes.beside(server, read_only=True) as judge:
        look = LOOK_EVERY
        while len(both.sent) < STATEMENTS:
            both.step()
            if len(both.sent) >= look:
                look += LOOK_EVERY
                assert list(both.mirrored()) == [], f"after statement {len(both.sent)}: {both.sent[-LOOK_EVERY:]}"
                assert lakes.disagreements(both.client, judge) == [], f"after statement {len(both.sent)}"
        assert history(both.client, judge) == []
        assert len(judge.snapshots()) > STATEMENTS / 3
    server.stop()
    server = start(home=server.home)
    with server.client() as client, lakes.beside(server, read_only=True) as judge:
        assert lakes.disagreements(client, judge) == [], "and after a restart"


def history(client, judge):
    """Where they disagree about snapshots: every table at every snapshot that changed it, all of them at some."""
    changes = dict(judge.rows("select snapshot_id, changes::varchar from ducklake_snapshots('lake')"))
    found, seen = [], collections.Counter()
    for version in judge.snapshots():
        tables = judge.rows(
            "select s.schema_name, t.table_name, t.table_id from __ducklake_metadata_lake.ducklake_table t"
            " join __ducklake_metadata_lake.ducklake_schema s using (schema_id)"
            f" where t.begin_snapshot <= {version} and (t.end_snapshot is null or t.end_snapshot > {version})"
        )
        for schema, table, number in tables:
            if str(number) in changes[version] or table in changes[version] or version % 40 == 0:
                seen[table] += 1
                found.append(lakes.different(client, judge, (schema, table), version))
    print(f"{seen.total()} tables compared at {len(changes)} snapshots")
    return [each for each in found if each][:10]


@pytest.mark.parametrize("rows", [1, 9, 11, 500])
def test_inlined_or_not(lake_client, lake_server, rows):
    """Around the number of rows that are kept in the catalog, of all types that it has to write as text."""
    lake_client.run(
        "create table t as select value as n, cast(value as int) - 3 as i, value % 2 = 0 as b, cast(value as double) / 3 as d,"
        " cast(value as real) / 3 as f, cast(value as decimal(18, 5)) / 7 as m, 'it''s \"' || cast(value as varchar) as s,"
        " date '2020-02-29' as day, timestamp '2020-02-29 01:02:03.000004' as at, [value, null] as l,"
        " {'x': value, 'y': ['a', 'it''s', null]} as st, arrow_cast('ab', 'Binary') as x"
        f" from generate_series(1, {rows}) g(value)"
    )
    lake_client.run("insert into t select * from t")
    lake_client.run("insert into t (n) values (-1)")
    lake_client.run("update t set s = null, l = [] where n % 2 = 1")
    lake_client.run("delete from t where n % 3 = 1")
    with lakes.beside(lake_server, read_only=True) as judge:
        assert lakes.disagreements(lake_client, judge, schema=lake_client.schema_name, history=True) == []

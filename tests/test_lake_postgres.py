"""A lake whose catalog is PostgreSQL: the same tables and transactions, and several servers at one lake."""

import threading
import time

import pyarrow as pa
import pytest

import lakes
from godwit_server import eventually
from test_do_put import ingest_command

STEPS = [
    ("create table t (id bigint primary key, name varchar default 'x', moment timestamp)", None),
    ("insert into t values (1, 'a', '2026-11-21 01:02:03'), (2, default, null)", 2),
    ("insert into t (id, name) select value, 'v' || value from generate_series(100, 5000) g(value)", 4901),
    ("update t set name = upper(name) where id % 2 = 0", 2452),
    ("delete from t where id % 10 = 0", 491),
    ("alter table t add column n int default 5", None),
    ("alter table t rename column name to label", None),
    ("insert into t values (1, 'again', null, 7) on conflict (id) do update set n = excluded.n", 1),
    ("create view v as select label from t where n = 7", None),
    ("comment on table t is 'a comment'", None),
    ("create table u as select label, [n, null] as l from t where id < 1000", None),
    ("create schema s", None),
    ("create table s.w (a int)", None),
    ("merge into t using (select 2 as id) s on t.id = s.id when matched then delete", 1),
]


def use(client):
    """Every kind of statement once; the lake's tables are as expected after it."""
    for sql, changed in STEPS:
        found = client.run(sql)
        assert changed is None or found == changed, sql
    assert client.rows("select label from v") == [("a",)]
    assert client.rows("select count(*), sum(n) from t") == [(4411, 4411 * 5 + 2)]
    version = client.value("select max(snapshot_id) from system.snapshots")
    transaction = client.begin()
    client.run("delete from t", transaction)
    client.run("insert into s.w values (1)", transaction)
    client.rollback(transaction)
    transaction = client.begin()
    client.run("insert into s.w values (2)", transaction)
    client.run("truncate table u", transaction)
    client.commit(transaction)
    assert client.rows("select a from s.w") == [(2,)]
    assert client.value("select count(*) from u") == 0
    assert client.value(f"select count(*) from u at (version => {version})") > 0
    client.schema_name = "main"
    data = pa.table({"a": pa.array(range(50_000), pa.int64())})
    client.put(ingest_command("create", table="many", schema="main", temporary=False), data.to_batches(), data.schema)
    assert client.rows("select count(*), sum(a) from many") == [(50_000, sum(range(50_000)))]


def config(postgres, database, data=None):
    return f'[lake]\ncatalog = "{postgres.uri(database)}"\n' + (f'data = "{data}"\n' if data else "")


def judge_of(postgres, database, data, **options):
    return lakes.Duck(postgres.duckdb(database), f"{data}/", **options)


def test_all_of_it(start, postgres):
    database = postgres.database()
    server = start(config=config(postgres, database))
    data = server.data_dir / "lake" / "data"
    assert not (server.data_dir / "lake" / "catalog.sqlite").exists()
    with server.client() as client, judge_of(postgres, database, data) as judge:
        use(client)
        assert lakes.disagreements(client, judge, history=True) == []
        judge.run("insert into t (id, label) values (-1, 'duck')", "delete from t where id = 1")
        judge.run("update many set a = 0 where a < 9")
        assert lakes.disagreements(client, judge) == []
        client.run("update t set n = 8 where id = -1")
        client.run("call compact()")
        assert lakes.disagreements(client, judge, history=True) == []
    server.stop()
    with start(home=server.home, config=config(postgres, database)).client() as client:
        assert client.rows("select label, n from t where id = -1") == [("duck", 8)]


def test_a_database_that_is_not_there(start, postgres):
    with pytest.raises(RuntimeError, match="(?s)lake.catalog|nowhere"):
        start(config=config(postgres, "nowhere"))


def test_passwords_do_not_appear(start, postgres):
    """The address of the catalog may hold one."""
    secret = "a-secret-in-the-address"
    uri = f"postgres://godwit:{secret}@127.0.0.1:{postgres.port}/{postgres.database()}"
    server = start(config=f'[lake]\ncatalog = "{uri}"\n')
    with server.client() as client:
        client.run("create table t (a int)")
    assert secret not in server.log() and secret not in "\n".join(server.lines)


@pytest.fixture
def two(start, postgres, tmp_path):
    """Two servers at one catalog and one data path."""
    shared = tmp_path / "shared"
    text = config(postgres, postgres.database(), shared)
    return start(config=text), start(config=text)


def test_two_servers_see_each_other(two):
    with two[0].client() as one, two[1].client() as other:
        one.run("create table t (a bigint primary key, s varchar)")
        for number in range(20):
            writer, reader = (one, other) if number % 2 else (other, one)
            assert writer.run(f"insert into t values ({number}, 'x')") == 1
            assert reader.value("select count(*) from t") == number + 1
        other.run("alter table t rename column s to text")
        assert one.rows("select text from t where a = 7") == [("x",)]
        one.run("insert into t select value, 'y' from generate_series(100, 3000) g(value)")
        assert other.run("delete from t where text = 'y' and a % 2 = 0") == 1451
        assert one.value("select count(*) from t") == 20 + 1450
        loser, winner = one.begin(), other.begin()
        one.run("update t set text = 'one' where a = 1", loser)
        other.run("update t set text = 'other' where a = 1", winner)
        other.commit(winner)
        with pytest.raises(pa.ArrowException, match="another transaction"):
            one.commit(loser)
        assert one.rows("select text from t where a = 1") == [("other",)]
        with pytest.raises(pa.ArrowException, match="(?i)key|unique|duplicate"):
            one.run("insert into t values (5, 'twice')")


def test_two_servers_write_at_once(two):
    """Both commit small inserts into one table and updates of one row; no acknowledged one is lost."""
    with two[0].client() as client:
        client.run("create table t (who int, n int)")
        client.run("create table c (id int, n int)")
        client.run("insert into c values (0, 0)")
        done = [0, 0]
        counted = [0, 0]

        def write(at):
            with two[at].client() as mine:
                for number in range(30):
                    done[at] += count(mine, f"insert into t values ({at}, {number})")
                    counted[at] += count(mine, "update c set n = n + 1")

        threads = [threading.Thread(target=write, args=(at,)) for at in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.rows("select who, count(*) from t group by who order by who") == [(0, done[0]), (1, done[1])]
        assert client.value("select n from c") == sum(counted)
        assert min(done) == 30, "inserts do not conflict"
        assert sum(counted) >= 30


def count(client, sql):
    """How many rows a statement changed; none if another transaction was first."""
    try:
        return client.run(sql)
    except pa.ArrowException as error:
        assert "another transaction" in str(error)
        return 0


def test_a_timeout_does_not_end_a_commit(start, postgres):
    """The commit waits for a lock for longer than the statement may take: it is reported as what it was, done."""
    database = postgres.database()
    hold = "begin; lock table ducklake_snapshot in share row exclusive mode; select pg_sleep(2); commit"
    held = ("select count(*) from pg_locks l join pg_class c on c.oid = l.relation"
            " where c.relname = 'ducklake_snapshot' and l.mode = 'ShareRowExclusiveLock' and l.granted")
    with start(config=config(postgres, database)).client() as client:
        client.run("create table t (a int)")
        client.run("set timeout = '500ms'")
        for sql in ("insert into t values (1)", "create table u (a int)"):
            holder = threading.Thread(target=postgres.sql, args=(database, hold))
            holder.start()
            eventually(lambda: postgres.sql(database, held) == ["1"], "the lock is held")
            began = time.monotonic()
            client.run(sql)
            assert time.monotonic() - began > 0.5
            holder.join()
        assert client.rows("select a from t") == [(1,)]
        assert client.value("select count(*) from u") == 0
        with pytest.raises(pa.ArrowException, match="(?i)deadline|time"):
            client.run("insert into t select value from generate_series(1, 1000000000) g(value)")
        assert client.value("select count(*) from t") == 1

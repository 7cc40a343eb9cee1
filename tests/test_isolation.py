"""Isolation: what a transaction sees of others, who wins when two change the same, and that commits are whole."""

import threading

import pyarrow as pa
import pytest

import wire
from test_transactions import client, ending, failure, other, values

__all__ = ["client", "other"]


def test_reads_repeat(client, other):
    client.run("insert into t values (1)")
    transaction = client.begin()
    assert values(client, transaction) == [1]
    other.run("insert into t values (2)")
    other.run("create table late (a bigint)")
    other.run("alter table t add column b int")
    assert values(client, transaction) == [1]
    assert client.read(wire.statement("select * from t", transaction)).column_names == ["a"]
    code_of = wire.statement("select * from late", transaction)
    with pytest.raises(KeyError):
        client.read(code_of)
    client.rollback(transaction)
    assert values(client) == [1, 2]


def test_first_committer_wins(lake_server, client, other):
    client.run("insert into t values (1), (2)")
    loser = client.begin()
    client.run("update t set a = 10 where a = 1", loser)
    other.run("update t set a = 20 where a = 1")
    code, message = failure(lake_server, client, "DoAction", ending(loser))
    assert code == "ABORTED"
    assert "another transaction" in message and "t" in message, message
    assert values(client) == [2, 20], "nothing of the loser was kept"
    code, _ = failure(lake_server, client, "DoAction", ending(loser))
    assert code != "OK", "it has ended"


CONFLICTS = {
    "a dropped table": ("insert into t values (9)", "drop table t", True),
    "a changed column": ("insert into t values (9)", "alter table t add column b int", True),
    "two deletes": ("delete from t where a = 1", "delete from t where a = 1", True),
    "a truncation": ("delete from t where a = 1", "truncate table t", True),
    "one name twice": ("create table u (a int)", "create table u (b int)", True),
    "one view twice": ("create view u as select 1 as a", "create view u as select 2 as a", True),
    "two inserts": ("insert into t values (8)", "insert into t values (9)", False),
    "another table": ("delete from t", "insert into apart values (1)", False),
    "two new tables": ("create table u (a int)", "create table v (a int)", False),
}


@pytest.mark.parametrize(("mine", "theirs", "fails"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_conflicts(lake_server, client, other, mine, theirs, fails):
    client.run("insert into t values (1), (2)")
    client.run("create table apart (a bigint)")
    transaction = client.begin()
    client.run(mine, transaction)
    other.run(theirs)
    if fails:
        assert failure(lake_server, client, "DoAction", ending(transaction))[0] == "ABORTED"
    else:
        client.commit(transaction)


def test_a_key_is_kept_across_transactions(lake_server, client, other):
    client.run("create table k (a bigint primary key)")
    transaction = client.begin()
    client.run("insert into k values (1)", transaction)
    other.run("insert into k values (1)")
    code, _ = failure(lake_server, client, "DoAction", ending(transaction))
    assert code == "ABORTED"
    assert values(client, table="k") == [1]


def test_several_tables_at_once(client, other):
    """A reader that looks all the time never sees half of a commit."""
    client.run("create table u (a bigint)")
    done, seen = threading.Event(), set()

    def look():
        while not done.is_set():
            seen.add(other.rows("select (select count(*) from t) as t, (select count(*) from u) as u")[0])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(30):
            transaction = client.begin()
            client.run(f"insert into t values ({number})", transaction)
            client.run(f"insert into u values ({number}), ({number})", transaction)
            client.commit(transaction)
    finally:
        done.set()
        looking.join()
    assert all(both == 2 * one for one, both in seen), seen
    assert len(seen) > 1
    assert len(values(client)) == 30 and len(values(client, table="u")) == 60


def test_single_statements_do_not_lose_updates(lake_server, client):
    """Statements that meet outside of transactions are tried again, or say that they were not done."""
    client.run("insert into t values (0)")
    done = []

    def count():
        with lake_server.client() as mine:
            mine.query(f"set schema = '{client.schema_name}'")
            for _ in range(10):
                try:
                    done.append(mine.run("update t set a = a + 1"))
                except pa.ArrowException as error:
                    assert "another transaction" in str(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(client) == [sum(done)] and sum(done) >= 10

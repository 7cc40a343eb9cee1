"""`system.locks`: who changes what others wait for."""

import threading

import pyarrow as pa
import pytest

from godwit_server import USER, Server, eventually, hashed, run

SECOND = "second password"
SLOW = "select value from generate_series(1, 10000000000) where value % 1000000007 = {}"
LOCKS = "select kind, state, transaction_id, user_name, query_id from system.locks order by state"


@pytest.fixture(scope="module")
def locking(tmp_path_factory):
    """A server with a second user, ada, who is no administrator."""
    config = f'[users.ada]\npassword_hash = "{hashed(SECOND)}"\nroles = []\n'
    with Server(tmp_path_factory.mktemp("locking"), config=config) as server:
        yield server


def locks(client):
    return client.query(LOCKS).to_pylist()


class Changing(threading.Thread):
    """Runs a change in a transaction, or in none, until it is killed."""

    def __init__(self, client, sql, transaction=None):
        super().__init__(daemon=True)
        self.client, self.sql, self.transaction, self.error = client, sql, transaction, None
        self.start()

    def run(self):
        try:
            self.client.run(self.sql, self.transaction)
        except pa.ArrowException as error:
            self.error = error


def held_and_waiting(watching, ada, changes):
    """What is seen while one change waits for another, until both are killed."""
    held, waiting = eventually(lambda: len(seen := locks(watching)) == 2 and seen, "one waits for the other")
    assert (held["state"], waiting["state"]) == ("held", "waiting")
    assert held["user_name"] == waiting["user_name"] == USER
    assert locks(ada) == [], "others are not seen"
    running = watching.query("select query_id, sql from system.queries where ended is null and kind = 'change'").to_pylist()
    assert {row["query_id"] for row in running} == {held["query_id"], waiting["query_id"]}
    watching.run(f"kill query '{held['query_id']}'")
    (left,) = eventually(lambda: len(seen := locks(watching)) == 1 and seen[0]["state"] == "held" and seen, "it is its turn")
    assert left["query_id"] == waiting["query_id"]
    watching.run(f"kill query '{left['query_id']}'")
    for change in changes:
        change.join(30)
        assert "killed" in str(change.error)
    eventually(lambda: locks(watching) == [], "nothing is held")
    return held


def test_a_transaction_is_changed_by_one_statement_at_a_time(locking):
    with locking.client() as client, locking.client() as watching, locking.client("ada", SECOND) as ada:
        client.run("create table filled (value bigint)")
        transaction = client.begin()
        changes = [Changing(client, f"insert into filled {SLOW.format(n)}", transaction) for n in (1, 2)]
        held = held_and_waiting(watching, ada, changes)
        assert (held["kind"], held["transaction_id"]) == ("transaction", transaction.hex())
        client.rollback(transaction)


def test_temporary_tables_are_changed_by_one_statement_at_a_time(locking):
    with locking.client() as client, locking.client() as watching, locking.client("ada", SECOND) as ada:
        changes = [Changing(client, f"create temporary table filled{n} as {SLOW.format(n)}") for n in (1, 2)]
        held = held_and_waiting(watching, ada, changes)
        assert (held["kind"], held["transaction_id"]) == ("temporary tables", None)


def test_durable_tables_have_no_locks(locking):
    with locking.client() as client, locking.client() as other, locking.client() as watching:
        client.run("create table free (value bigint)")
        change = Changing(client, f"insert into free {SLOW.format(1)}")
        sql = "select query_id from system.queries where ended is null and kind = 'change'"
        (row,) = eventually(lambda: watching.query(sql).to_pylist(), "it runs")
        assert other.run("insert into free values (1)") == 1, "nobody waits"
        assert locks(watching) == []
        watching.run(f"kill query '{row['query_id']}'")
        change.join(30)

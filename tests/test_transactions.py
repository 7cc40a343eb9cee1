"""Transactions: Flight SQL's actions, SQL, ADBC without autocommit, and how they end."""

import pyarrow as pa
import pytest

import wire
from godwit_server import eventually
from rawgrpc import Failure
from test_do_put import ingest_command
from test_metadata import info

SCHEMA = pa.schema([("a", pa.int64())])


@pytest.fixture
def client(lake_client):
    lake_client.run("create table t (a bigint)")
    return lake_client


@pytest.fixture
def other(lake_server, client):
    """Another session, in the same schema."""
    with lake_server.client() as other:
        other.query(f"set schema = '{client.schema_name}'")
        yield other


def values(client, transaction=None, table="t"):
    command = wire.statement(f"select a from {table} order by a", transaction)
    return [row["a"] for row in client.read(command).to_pylist()]


def failure(server, client, method, request):
    """The code and the message of a call that fails, in a client's session."""
    with server.raw(client.headers[0][1].decode()) as raw, pytest.raises(Failure) as failed:
        raw.call(method, request)
    return failed.value.code, failed.value.message


def ending(transaction, action=1):
    return wire.action("EndTransaction", wire.packed("ActionEndTransactionRequest", transaction, action))


# The actions.


def test_commit_and_rollback(client, other):
    first = client.begin()
    assert client.run("insert into t values (1), (2)", first) == 2
    assert values(client, first) == [1, 2]
    assert values(client) == [] and values(other) == [], "without its id a statement is not part of it"
    client.commit(first)
    assert values(client) == values(other) == [1, 2]
    second = client.begin()
    assert second != first
    client.run("delete from t", second)
    client.rollback(second)
    assert values(client) == [1, 2]


def test_two_at_once_in_one_session(client):
    one, two = client.begin(), client.begin()
    client.run("insert into t values (1)", one)
    client.run("create table u (a bigint)", two)
    assert values(client, one) == [1] and values(client, two) == []
    client.commit(two)
    client.commit(one)
    assert values(client) == [1] and values(client, table="u") == []


def test_savepoints(client):
    transaction = client.begin()
    client.run("insert into t values (1)", transaction)
    outer = client.savepoint(transaction, "outer")
    client.run("insert into t values (2)", transaction)
    inner = client.savepoint(transaction, "inner")
    client.run("update t set a = a * 100", transaction)
    assert values(client, transaction) == [100, 200]
    client.rollback_to(inner)
    assert values(client, transaction) == [1, 2]
    client.run("insert into t values (3)", transaction)
    client.release(inner)
    assert values(client, transaction) == [1, 2, 3]
    client.rollback_to(outer)
    assert values(client, transaction) == [1]
    client.commit(transaction)
    assert values(client) == [1]


def test_what_has_ended_is_refused(lake_server, client):
    transaction = client.begin()
    savepoint = client.savepoint(transaction, "s")
    client.commit(transaction)
    for command in [wire.statement("select 1", transaction), wire.statement("delete from t", transaction)]:
        code, message = failure(lake_server, client, "GetFlightInfo", wire.descriptor(command))
        assert code in ("NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION") and "transaction" in message
    for request in [
        ending(transaction),
        ending(transaction, 2),
        ending(b"nothing"),
        ending(b""),
        wire.action("BeginSavepoint", wire.packed("ActionBeginSavepointRequest", transaction, "s")),
        wire.action("EndSavepoint", wire.packed("ActionEndSavepointRequest", savepoint, 1)),
    ]:
        code, message = failure(lake_server, client, "DoAction", request)
        assert code in ("NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"), (code, message)
    code, _ = failure(lake_server, client, "DoAction", ending(client.begin(), 0))
    assert code == "INVALID_ARGUMENT", "an end that is neither commit nor rollback"


def test_another_session_cannot_use_it(lake_server, client, other):
    transaction = client.begin()
    client.run("insert into t values (1)", transaction)
    code, _ = failure(lake_server, other, "GetFlightInfo", wire.descriptor(wire.statement("select * from t", transaction)))
    assert code in ("NOT_FOUND", "PERMISSION_DENIED")
    for action in (1, 2):
        code, _ = failure(lake_server, other, "DoAction", ending(transaction, action))
        assert code in ("NOT_FOUND", "PERMISSION_DENIED")
    client.commit(transaction)
    assert values(client) == [1]


def test_prepared_statements_and_tickets_in_it(client):
    transaction = client.begin()
    client.run("insert into t values (1), (2)", transaction)
    request = wire.packed("ActionCreatePreparedStatementRequest", "select a from t where a > $1", transaction)
    (body,) = client.action("CreatePreparedStatement", request)
    handle = wire.unpack(body)[1][1][0]
    handle = client.bind(handle, pa.record_batch({"$1": pa.array([1], pa.int64())}))
    assert client.read(wire.prepared(handle)).to_pylist() == [{"a": 2}]
    found = client.info(wire.statement("select a from t order by a", transaction))
    assert client.get(found).read_all().to_pylist() == [{"a": 1}, {"a": 2}]
    client.rollback(transaction)


def test_prepare_changes_nothing(client):
    """Neither preparing nor describing nor closing runs a statement; each execution does, once."""
    client.run("insert into t values (1), (2)")
    snapshots = client.value("select count(*) from system.snapshots")
    for sql in ["delete from t", "update t set a = 0", "insert into t select * from t", "drop table t", "create table u (a int)",
                "truncate table t", "delete from t where a in (select 1)"]:
        prepared = client.prepare(sql)
        assert prepared.is_update, sql
        client.schema(wire.prepared(prepared.handle))
        client.close_prepared(prepared.handle)
    assert values(client) == [1, 2]
    assert client.value("select count(*) from system.snapshots") == snapshots
    prepared = client.prepare("insert into t values (3)")
    for wanted in ([1, 2, 3], [1, 2, 3, 3]):
        assert client.update(wire.prepared_update(prepared.handle)) == 1
        assert values(client) == wanted


def test_sql_and_actions_are_of_one_kind(lake_server, client, other):
    """BEGIN is the session's own transaction, which calls without an id are part of."""
    client.run("begin")
    client.run("insert into t values (1)")
    assert values(client) == [1] and values(other) == []
    client.run("commit")
    assert values(other) == [1]
    client.run("begin")
    client.run("insert into t values (2)")
    client.action("CloseSession")
    assert values(other) == [1], "a session that ends takes its transaction back"


# ADBC.


@pytest.fixture
def connection(lake_server, client):
    with lake_server.adbc(autocommit=False) as connection:
        connection.adbc_current_db_schema = client.schema_name
        yield connection


def test_adbc_without_autocommit(connection, client):
    with connection.cursor() as cursor:
        cursor.execute("insert into t values (1)")
        cursor.execute("select a from t")
        assert cursor.fetchall() == [(1,)]
        assert values(client) == []
        connection.commit()
        assert values(client) == [1]
        cursor.execute("delete from t")
        connection.rollback()
        cursor.execute("select a from t")
        assert cursor.fetchall() == [(1,)]
        connection.commit()


def test_adbc_ingest_joins_it(connection, client):
    with connection.cursor() as cursor:
        cursor.execute("insert into t values (1)")
        cursor.adbc_ingest("t", pa.table({"a": pa.array(range(2, 1000), pa.int64())}), mode="append")
        cursor.adbc_ingest("made", pa.table({"a": [7]}), mode="create")
        cursor.execute("select count(*), sum(made.a) from t, made")
        assert cursor.fetchall() == [(999, 999 * 7)]
        assert values(client) == []
        connection.rollback()
        assert values(client) == []
        with pytest.raises(KeyError):
            values(client, table="made")
        cursor.adbc_ingest("t", pa.table({"a": pa.array([5], pa.int64())}), mode="append")
        connection.commit()
    assert values(client) == [5]


def test_adbc_executemany_in_it(connection, client):
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (?)", [(at,) for at in range(50)])
        cursor.executemany("delete from t where a = ?", [(at,) for at in range(0, 50, 2)])
    assert values(client) == []
    connection.commit()
    assert values(client) == list(range(1, 50, 2))


# How they end, and what is said about them.


def test_idle_ones_expire(start):
    server = start(config='[lake]\ntransaction_idle_timeout = "1s"\nmax_transactions = 2\n')
    with server.client() as client, server.client() as other:
        client.run("create table t (a bigint)")
        transaction = client.begin()
        client.run("insert into t values (1)", transaction)
        client.run("begin")
        client.run("insert into t values (2)")

        def room():
            """Whether there is place for two others, which asks nothing of those that are to expire."""
            try:
                for begun in [other.begin(), other.begin()]:
                    other.rollback(begun)
            except pa.ArrowException:
                return False
            return True

        eventually(room, "the transactions have expired")
        request = wire.descriptor(wire.statement("select a from t", transaction))
        code, message = failure(server, client, "GetFlightInfo", request)
        assert code in ("NOT_FOUND", "ABORTED", "FAILED_PRECONDITION") and "transaction" in message
        with pytest.raises((pa.ArrowException, KeyError), match="transaction"):
            client.run("commit")
        assert values(other) == []


def test_there_may_be_only_so_many(start):
    server = start(config="[lake]\nmax_transactions = 2\n")
    with server.client() as client:
        one = client.begin()
        client.begin()
        with pytest.raises(pa.ArrowException, match="lake.max_transactions"):
            client.begin()
        client.rollback(one)
        client.begin()


def test_it_is_gone_with_the_server(start, tmp_path):
    server = start(home=tmp_path / "home")
    client = server.client()
    client.run("create table t (a bigint)")
    transaction = client.begin()
    client.run("insert into t values (1)", transaction)
    server.stop()
    server = start(home=tmp_path / "home")
    with server.client() as client:
        assert values(client) == []
        assert failure(server, client, "DoAction", ending(transaction))[0] == "NOT_FOUND"


def test_ingest_in_a_transaction(client):
    transaction = client.begin()
    command = ingest_command("append", table="t", schema=client.schema_name, temporary=False, transaction=transaction)
    batch = pa.record_batch([pa.array([4, 5], pa.int64())], schema=SCHEMA)
    assert wire.fields(client.put(command, [batch]))[1] == [2]
    assert values(client) == [] and values(client, transaction) == [4, 5]
    client.commit(transaction)
    assert values(client) == [4, 5]


def test_sql_info_says_so(client):
    found = {code: value for code, (_, value) in info(client).items()}
    assert found[8] == 2, "transactions and savepoints"
    assert found[11] is True, "ingest joins transactions"
    assert found[563] is True, "transactions are supported"
    assert found[562] in (3, 4) and found[564] & 1 << found[562], "the default isolation is one of those that there are"
    assert found[565] is False and found[566] is False, "definitions are part of a transaction"


def test_jdbc_users_begin_by_sql(lake_server, client):
    """A driver that ignores transactions sends these as statements, with results."""
    assert client.query("begin").num_rows <= 1
    client.query("insert into t values (1)")
    client.query("rollback")
    assert values(client) == []


"""Prepared statements: what is inferred of the parameters, how they are bound, how long a statement lives."""

import pyarrow as pa
import pytest

import wire
from godwit_server import eventually
from rawgrpc import Failure

INFERRED = [
    ("select * from people where id = ?", [pa.int64()]),
    ("select * from people where id = $1", [pa.int64()]),
    ("select * from people where name = ? and score < ?", [pa.string(), pa.float64()]),
    ("select * from people where id between ? and ?", [pa.int64(), pa.int64()]),
    ("select * from people where id in (?, ?)", [pa.int64(), pa.int64()]),
    ("select * from people where name like ?", [pa.string()]),
    ("select * from people limit ?", [pa.int64()]),
    ("select * from people limit ? offset ?", [pa.int64(), pa.int64()]),
    ("select cast(? as int)", [pa.int32()]),
    ("select ?::double", [pa.float64()]),
    ("select try_cast(? as date)", [pa.date32()]),
    ("select ?", [pa.string()]),
    ("select ? = ?", [pa.string(), pa.string()]),
    ("select ? is null", [pa.string()]),
    ("select $2, $1", [pa.string(), pa.string()]),
    ("select id + ? from people", [pa.int64()]),
    ("select * from people where born > ?", [pa.date32()]),
    ("select * from people where active = ?", [pa.bool_()]),
    ("select count(*) from people having count(*) > ?", [pa.int64()]),
    ("select upper(?)", [pa.string()]),
    ("select p.id from people p join numbers n on p.id = n.n and n.k = ?", [pa.int32()]),
    ("select * from (select id from people where id > ?) where id < ?", [pa.int64(), pa.int64()]),
    ("with t as (select * from people where id = ?) select * from t", [pa.int64()]),
    ("select case when id = ? then ? else 'other' end from people", [pa.int64(), pa.string()]),
    ("select * from people where id = $1 or id = $1 + 1", [pa.int64()]),
    ("select '?' as question, \"id\" from people -- ? \n where id = ? /* ? */", [pa.int64()]),
]


@pytest.mark.parametrize(("sql", "types"), INFERRED)
def test_parameter_types(client, sql, types):
    schema = client.prepare(sql).parameter_schema
    assert schema.types == types
    assert all(field.nullable for field in schema), "a client may bind NULL anywhere"


RESULTS = [
    ("select name from people where id = ?", [1], [("Ada",)]),
    ("select name from people where id = $1", [2], [("Grace",)]),
    ("select $2 || '-' || $1 as v", ["a", "b"], [("b-a",)]),
    ("select id from people order by id limit ?", [2], [(1,), (2,)]),
    ("select id from people order by id limit ? offset ?", [1, 3], [(4,)]),
    ("select cast(? as int) + 1 as v", [41], [(42,)]),
    ("select ? as v", ["text"], [("text",)]),
    ("select ? as v", [None], [(None,)]),
    ("select id from people where name = ?", [None], []),
    ("select id from people where id in (?, ?) order by id", [1, 5], [(1,), (5,)]),
    ("select id from people where id between ? and ? order by id", [2, 3], [(2,), (3,)]),
    ("select case when ? then 'yes' else 'no' end as v", [True], [("yes",)]),
    ("select case ? when 'a' then 1 else 2 end as v", ["a"], [(1,)]),
    ("select ? = ? as v", ["x", "x"], [(True,)]),
    ("select ? is null as v", [None], [(True,)]),
    ("select coalesce(?, 'none') as v", [None], [("none",)]),
    ("select count(*) as v from people where ? > 1", [2], [(5,)]),
    ("select upper(?) as v, abs(?) as w", ["a", -3], [("A", 3.0)]),
    ("select sum(n) as v from numbers where n < ?", [4], [(6,)]),
    ("select '?' as v where 1 = ?", [1], [("?",)]),
]


def batch(schema, *rows):
    """Rows of Python values as a batch of the advertised types; text where those are unknown."""
    columns = zip(*rows)
    arrays = [pa.array(map(as_bound(kind), column), kind) for column, kind in zip(columns, schema.types)]
    return pa.record_batch(arrays, names=schema.names)


def as_bound(kind):
    return lambda value: str(value) if value is not None and pa.types.is_string(kind) else value


@pytest.mark.parametrize(("sql", "row", "expected"), RESULTS)
def test_one_row(client, sql, row, expected):
    statement = client.prepare(sql)
    handle = client.bind(statement.handle, batch(statement.parameter_schema, row))
    table = client.read(wire.prepared(handle))
    found = [tuple(record.values()) for record in table.to_pylist()]
    assert [tuple(map(str, record)) for record in found] == [tuple(map(str, record)) for record in expected]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2], pa.int8()),
        pa.array([2], pa.uint64()),
        pa.array([2.0], pa.float64()),
        pa.array(["2"], pa.string()),
        pa.array(["2"], pa.string_view()),
        pa.array([2], pa.decimal128(5, 0)),
        pa.array([2], pa.int64()).dictionary_encode(),
        pa.UnionArray.from_dense(
            pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([2], pa.int64()), pa.array(["x"])]
        ),
    ],
    ids=lambda column: str(column.type).split("<", 1)[0],
)
def test_bound_types_are_cast(client, column):
    """By position, whatever the client calls its columns and however it encodes them."""
    statement = client.prepare("select name from people where id = ?")
    handle = client.bind(statement.handle, pa.record_batch([column], names=["any_name"]))
    assert client.read(wire.prepared(handle)).to_pylist() == [{"name": "Grace"}]


def test_many_rows(client):
    """Each bound row is a query of its own; the results follow each other in the order of binding."""
    statement = client.prepare("select id, name from people where id = ?")
    handle = client.bind(statement.handle, batch(statement.parameter_schema, [5], [1], [99], [2]))
    assert client.read(wire.prepared(handle))["id"].to_pylist() == [5, 1, 2]


def test_many_batches(client):
    statement = client.prepare("select n from numbers where n = ?")
    batches = [batch(statement.parameter_schema, [n], [n + 1]) for n in (10, 20, 30)]
    handle = client.bind(statement.handle, *batches)
    assert client.read(wire.prepared(handle))["n"].to_pylist() == [10, 11, 20, 21, 30, 31]


def test_old_handle_stays_valid(client):
    """Some clients take the handle that DoPut answers with, some never look at it."""
    statement = client.prepare("select name from people where id = ?")
    for wanted, name in [(1, "Ada"), (2, "Grace"), (1, "Ada")]:
        updated = client.bind(statement.handle, batch(statement.parameter_schema, [wanted]))
        assert client.read(wire.prepared(statement.handle))["name"].to_pylist() == [name]
        assert client.read(wire.prepared(updated))["name"].to_pylist() == [name]


def test_values_stay_bound(client):
    statement = client.prepare("select name from people where id = ?")
    client.bind(statement.handle, batch(statement.parameter_schema, [2]))
    info = client.info(wire.prepared(statement.handle))
    client.bind(statement.handle, batch(statement.parameter_schema, [1]))
    assert client.get(info).read_all()["name"].to_pylist() == ["Grace"], "a ticket keeps the values it was made with"


def test_many_statements_at_once(client):
    handles = [client.prepare(f"select {n} as n").handle for n in range(50)]
    assert [client.read(wire.prepared(handle))["n"][0].as_py() for handle in handles] == list(range(50))


def test_statement_without_parameters(client):
    statement = client.prepare("select id from people order by id")
    assert len(statement.parameter_schema) == 0
    empty = pa.record_batch([], schema=pa.schema([]))
    assert client.bind(statement.handle, empty)
    assert client.read(wire.prepared(statement.handle)).num_rows == 5


def test_closed_statement(client):
    statement = client.prepare("select 1")
    client.close_prepared(statement.handle)
    with pytest.raises(KeyError):
        client.info(wire.prepared(statement.handle))


def test_prepared_set_runs_when_it_is_executed(client):
    statement = client.prepare("set schema = 'shop'")
    assert statement.is_update
    assert client.options_of_session()["schema"] == {1: [b"main"]}, "preparing has no effect"
    assert client.update(wire.prepared_update(statement.handle)) == 0
    assert client.options_of_session()["schema"] == {1: [b"shop"]}


def test_new_files_are_seen_by_a_prepared_statement(start, tmp_path):
    folder = tmp_path / "growing"
    folder.mkdir()
    (folder / "1.csv").write_text("a\n1\n")
    with start(mounts={"growing": folder}).client() as client:
        statement = client.prepare("select count(*) as n from growing")
        assert client.read(wire.prepared(statement.handle))["n"].to_pylist() == [1]
        (folder / "2.csv").write_text("a\n2\n3\n")
        assert client.read(wire.prepared(statement.handle))["n"].to_pylist() == [3]


WRONG = [
    ("select ? + $1", "INVALID_ARGUMENT"),
    ("selec ?", "INVALID_ARGUMENT"),
    ("select * from no_such_table where id = ?", "NOT_FOUND"),
    ("select $0", "INVALID_ARGUMENT"),
    ("select 1; select 2", "INVALID_ARGUMENT"),
    ("", "INVALID_ARGUMENT"),
]


def create(sql):
    return wire.action("CreatePreparedStatement", wire.packed("ActionCreatePreparedStatementRequest", sql))


@pytest.mark.parametrize(("sql", "code"), WRONG)
def test_wrong_statements(server, sql, code):
    with server.raw() as raw:
        assert raw.code("DoAction", create(sql)) == code


def test_wrong_bindings(client):
    statement = client.prepare("select * from people where id = ? and name = ?")
    schema = statement.parameter_schema
    with pytest.raises(pa.ArrowInvalid):
        client.bind(statement.handle, pa.record_batch([pa.array([1])], names=["one"]))
    with pytest.raises(pa.ArrowInvalid):
        client.bind(statement.handle, pa.record_batch([pa.array([1])] * 3, names=["a", "b", "c"]))
    with pytest.raises(pa.ArrowInvalid):
        client.bind(statement.handle, pa.record_batch([pa.array(["no number"]), pa.array(["x"])], names=schema.names))
    info = client.info(wire.prepared(statement.handle))
    with pytest.raises(pa.ArrowInvalid, match="takes 2 parameters, none are bound"):
        client.get(info).read_all()
    client.bind(statement.handle, batch(schema, [1, "Ada"]))
    assert client.read(wire.prepared(statement.handle)).num_rows == 1, "wrong bindings leave the statement usable"


def test_a_ticket_from_before_the_binding_reads_what_is_bound_when_it_is_used(client):
    """Some clients ask for the FlightInfo first and bind then."""
    statement = client.prepare("select id, name from people where id = ?")
    info = client.info(wire.prepared(statement.handle))
    assert info.schema == statement.dataset_schema
    assert info.total_records == -1
    for wanted, name in [(1, "Ada"), (2, "Grace")]:
        client.bind(statement.handle, batch(statement.parameter_schema, [wanted]))
        table = client.get(info).read_all()
        assert table.schema == info.schema
        assert table["name"].to_pylist() == [name]


def test_a_ticket_of_a_closed_statement(client):
    statement = client.prepare("select name from people where id = ?")
    info = client.info(wire.prepared(statement.handle))
    client.close_prepared(statement.handle)
    with pytest.raises(KeyError):
        client.get(info).read_all()


def test_a_ticket_of_a_statement_is_its_sessions_own(server):
    with server.client() as one, server.client() as other:
        statement = one.prepare("select name from people where id = ?")
        info = one.info(wire.prepared(statement.handle))
        one.bind(statement.handle, batch(statement.parameter_schema, [1]))
        with pytest.raises(KeyError):
            other.get(info).read_all()
        assert one.get(info).read_all().num_rows == 1


def test_another_session_cannot_use_a_handle(server):
    with server.client() as one, server.client() as other:
        handle = one.prepare("select 1").handle
        with pytest.raises((KeyError, pa.ArrowInvalid)):
            other.info(wire.prepared(handle))


def test_limit_on_statements(start):
    with start(config="[statements]\nmax_per_session = 5\n").client() as client:
        handles = [client.prepare(f"select {n}").handle for n in range(5)]
        with pytest.raises(pa.ArrowException, match=r"statements\.max_per_session"):
            client.prepare("select 6")
        client.close_prepared(handles[0])
        client.prepare("select 6")


def test_code_at_the_limit_on_statements(start):
    server = start(config="[statements]\nmax_per_session = 1\n")
    with server.client() as client, server.raw(client.headers[0][1].decode()) as raw:
        client.prepare("select 1")
        with pytest.raises(Failure, match="RESOURCE_EXHAUSTED"):
            raw.call("DoAction", create("select 2"))


def test_idle_statements_are_forgotten(start):
    server = start(config='[statements]\nidle_timeout = "1s"\nmax_per_session = 1\n')
    with server.client() as client:
        old = client.prepare("select 1").handle

        def room_for_another():
            try:
                return client.prepare("select 2")
            except pa.ArrowException as full:
                assert "max_per_session" in str(full)

        eventually(room_for_another, "the idle statement is forgotten")
        with pytest.raises(KeyError):
            client.info(wire.prepared(old))

"""DoPut of rows that are stored: ingest in all modes, and PATH, which appends to a table and counts while it does."""

import itertools
import queue

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import eventually
from rawgrpc import Failure

MIB = 1 << 20
SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])
CREATE, FAIL_MISSING = 1, 2
FAIL_EXISTING, APPEND, REPLACE = 1, 2, 3
MODES = {
    "create": (CREATE, FAIL_EXISTING),
    "append": (FAIL_MISSING, APPEND),
    "replace": (CREATE, REPLACE),
    "create_append": (CREATE, APPEND),
}
INVALID = "INVALID_ARGUMENT"


def rows(start, count):
    ids = range(start, start + count)
    return pa.record_batch([list(ids), [f"t{i}" for i in ids]], schema=SCHEMA)


def ingest_command(mode, table="t", schema=None, catalog=None, temporary=True, transaction=None, options=None):
    """A CommandStatementIngest; `mode` is a name, a pair of numbers, or None for neither."""
    wanted = MODES.get(mode, mode)
    entries = b"".join(wire.field(1000, wire.message(*option)) for option in (options or {}).items())
    fields = wire.message(wire.message(*wanted) if wanted else None, table, schema, catalog, temporary or None, transaction)
    return wire.message(wire.SQL + "CommandStatementIngest", fields + entries)


def ingest(client, mode, *batches, **options):
    """Ingests; the one count of the answer."""
    descriptor = flight.FlightDescriptor.for_command(ingest_command(mode, **options))
    writer, reader = client.flight.do_put(descriptor, SCHEMA, client.options)
    with writer:
        for batch in batches:
            writer.write_batch(batch)
        writer.done_writing()
        answer = reader.read()
        assert reader.read() is None, "ADBC and C++ read exactly one"
    return count(answer)


def count(answer):
    return wire.fields(answer.to_pybytes()).get(1, [0])[0]


def open_path(client, *path, schema=SCHEMA):
    return client.flight.do_put(flight.FlightDescriptor.for_path(*path), schema, client.options)


def counts(reader):
    found = []
    while (answer := reader.read()) is not None:
        found.append(count(answer))
    return found


def append(client, *path, batches=()):
    """Appends to a table; the counts that the answers say."""
    writer, reader = open_path(client, *path)
    with writer:
        for batch in batches:
            writer.write_batch(batch)
        writer.done_writing()
        return counts(reader)


def content(client, table="t"):
    return client.rows(f"select count(*), sum(id), max(text) from {table}")[0]


# Ingest.


def test_the_modes(client):
    with pytest.raises(KeyError):
        ingest(client, "append", rows(0, 3))
    assert ingest(client, "create", rows(0, 3)) == 3
    assert content(client) == (3, 3, "t2")
    with pytest.raises(pa.ArrowException, match="t"):
        ingest(client, "create", rows(0, 3))
    assert ingest(client, "append", rows(3, 2), rows(5, 2)) == 4
    assert content(client) == (7, 21, "t6")
    assert ingest(client, "create_append", rows(7, 1)) == 1
    assert ingest(client, "create_append", rows(0, 1), table="other") == 1
    assert ingest(client, "replace", rows(0, 2)) == 2
    assert content(client) == (2, 1, "t1")
    assert ingest(client, "replace", rows(0, 2), table="third") == 2
    assert ingest(client, "replace", table="third") == 0
    assert client.value("select count(*) from third") == 0


@pytest.mark.parametrize("place", [
    {"schema": "temp"}, {"schema": "temp", "catalog": "godwit"}, {"schema": "", "catalog": ""},
])
def test_where_a_temporary_table_can_be(client, place):
    assert ingest(client, "create", rows(0, 3), **place) == 3
    assert content(client, "temp.t") == (3, 3, "t2")


BAD = {
    "an option": ({"options": {"chunk": "5"}}, INVALID, '"chunk"'),
    "a transaction": ({"transaction": b"t"}, INVALID, "malformed transaction id"),
    "no table": ({"table": ""}, INVALID, "names no table"),
    "no mode": ({"mode": None}, INVALID, "if_not_exist"),
    "half a mode": ({"mode": (CREATE, None)}, INVALID, "if_exists"),
    "an unknown mode": ({"mode": (CREATE, 9)}, INVALID, "if_exists is 9"),
    "an unknown catalog": ({"catalog": "elsewhere"}, None, "elsewhere"),
    "a schema that is not for temporary tables": ({"schema": "files"}, None, "files"),
    "files": ({"schema": "files", "table": "people", "temporary": False}, INVALID, "read-only"),
}


@pytest.mark.parametrize(("asked", "code", "says"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_asked_for(server, client, asked, code, says):
    command = ingest_command(**{"mode": "create", **asked})
    with server.raw(client.headers[0][1].decode()) as raw, pytest.raises(Failure, match=says) as failure:
        raw.call("DoPut", messages(command))
    assert failure.value.code == code if code else failure.value.code in (INVALID, "NOT_FOUND", "UNIMPLEMENTED")


def test_an_ingest_larger_than_what_may_be_in_one_message(client):
    batch = rows(0, 50_000)
    assert ingest(client, "create", *itertools.repeat(batch, 150)) == 7_500_000
    assert 150 * batch.nbytes > 64 * MIB
    assert client.rows("select count(*), sum(id) from t") == [(7_500_000, 150 * sum(range(50_000)))]


def test_another_session_does_not_see_it(server, client):
    ingest(client, "create", rows(0, 3))
    with server.client() as other, pytest.raises(KeyError):
        other.value("select count(*) from t")


# PATH.


@pytest.mark.parametrize("path", [("t",), ("temp", "t"), ("godwit", "temp", "t")])
def test_a_path_appends(client, path):
    ingest(client, "create", rows(0, 3))
    found = append(client, *path, batches=[rows(start, 2) for start in (3, 5, 7)])
    assert found[-1] == 6 and found == sorted(found)
    assert content(client) == (9, 36, "t8")


def test_counts_come_as_rows_arrive(client):
    ingest(client, "create", rows(0, 3))
    writer, reader = open_path(client, "t")
    with writer:
        for number in range(1, 6):
            writer.write_batch(rows(number, 10))
            assert count(reader.read()) == 10 * number
        writer.done_writing()
        assert counts(reader) == [50]
    assert content(client)[0] == 53


def test_all_rows_before_any_answer(client):
    """More batches than answers would fit a stream that nobody reads."""
    ingest(client, "create", rows(0, 1))
    writer, reader = open_path(client, "t")
    with writer:
        for _ in range(20_000):
            writer.write_batch(rows(1, 1))
        writer.done_writing()
        assert counts(reader)[-1] == 20_000
    assert content(client)[0] == 20_001


def test_the_last_count_is_that_of_stored_rows(client):
    ingest(client, "create", rows(0, 3))
    writer, reader = open_path(client, "t")
    with writer:
        writer.write_batch(rows(3, 5))
        assert count(reader.read()) == 5
        assert content(client)[0] == 3, "nothing is seen before all is there"
        writer.done_writing()
        assert counts(reader)[-1] == 5
        assert content(client)[0] == 8


@pytest.mark.parametrize("path", [("nowhere",), ("no_such_schema", "t"), ("elsewhere", "temp", "t")])
def test_a_path_to_nothing(client, path):
    with pytest.raises(KeyError):
        append(client, *path)


def test_a_path_to_no_file(client):
    with pytest.raises(pa.ArrowInvalid, match="nothing can be put into schema 'files'"):
        append(client, "files", "nowhere")


def test_a_path_to_a_file(client):
    with pytest.raises(pa.ArrowInvalid, match="read-only"):
        append(client, "files", "people")


# Uploads that break.


def ipc(*batches, **options):
    """The messages of an Arrow stream as (header, body)."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    stream = pa.ipc.MessageReader.open_stream(sink.getvalue())
    return [(part.metadata.to_pybytes(), part.body.to_pybytes() if part.body else b"") for part in stream]


def messages(command=None, path=None, parts=None):
    """An upload: the descriptor in the first message, together with the schema."""
    (header, body), *rest = ipc(rows(10, 5), rows(15, 5)) if parts is None else parts
    descriptor = wire.descriptor(command) if command else wire.path_descriptor(*path)
    first = wire.message(descriptor, header) + wire.field(1000, body)
    return [first, *(wire.flight_data(None, *part) for part in rest)]


def broken():
    """Uploads that go wrong after their first rows."""
    schema, first, second = ipc(rows(10, 5), rows(15, 5))
    claim = (1 << 50).to_bytes(8, "little")
    packed = ipc(rows(10, 500), compression="zstd")
    return {
        "a second schema": [schema, first, schema],
        "a truncated body": [schema, first, (second[0], second[1][:9])],
        "noise": [schema, first, (b"\xff" * 30, b"x" * 30)],
        "a wrong claim": [packed[0], packed[1], (packed[1][0], claim + packed[1][1][8:])],
    }


@pytest.mark.parametrize("kind", broken().keys())
@pytest.mark.parametrize("way", ["ingest", "path"])
def test_what_breaks_stores_nothing(server, client, way, kind):
    ingest(client, "create", rows(0, 3))
    where = {"command": ingest_command("append")} if way == "ingest" else {"path": ["t"]}
    with server.raw(client.headers[0][1].decode()) as raw, pytest.raises(Failure) as failure:
        raw.call("DoPut", messages(**where, parts=broken()[kind]))
    assert failure.value.code in (INVALID, "RESOURCE_EXHAUSTED")
    assert content(client) == (3, 3, "t2")


@pytest.mark.parametrize("way", ["ingest", "path"])
def test_no_schema(server, client, way):
    descriptor = wire.descriptor(ingest_command("create")) if way == "ingest" else wire.path_descriptor("t")
    with server.raw(client.headers[0][1].decode()) as raw, pytest.raises(Failure, match="no schema") as failure:
        raw.call("DoPut", [wire.field(1, descriptor)])
    assert failure.value.code == INVALID


@pytest.mark.parametrize("way", ["ingest", "path"])
def test_a_client_that_goes_away_stores_nothing(server, client, way):
    ingest(client, "create", rows(0, 3))
    where = {"command": ingest_command("append")} if way == "ingest" else {"path": ["t"]}
    requests = queue.Queue()
    for message in messages(**where):
        requests.put(message)
    with server.raw(client.headers[0][1].decode()) as raw:
        call = raw.start("DoPut", iter(requests.get, None))
        if way == "path":
            assert next(call) is not None, "the first count"
        call.cancel()
        requests.put(None)
    eventually(lambda: client.value("select count(*) from system.queries where ended is null") == 1, "nothing of it runs")
    assert content(client) == (3, 3, "t2")
    assert ingest(client, "append", rows(3, 1)) == 1, "and the table is free"


def test_memory_stays_within_the_limit(start):
    """A temporary table counts against the memory of the server; what does not fit is refused, and given back."""
    server = start(config='[memory]\nlimit = "64MiB"\n')
    with server.client() as client:
        many = itertools.repeat(rows(0, 20_000), 2000)
        with pytest.raises(pa.ArrowException, match=r"memory\.limit|sessions\.temp_bytes"):
            ingest(client, "create", *many)
        assert server.memory() < 600 * MIB
        assert ingest(client, "create", rows(0, 20_000)) == 20_000

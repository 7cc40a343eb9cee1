"""DoExchange: SQL over the rows that the client is uploading, answered while it uploads."""

import itertools
import threading

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import eventually
from rawgrpc import Failure

MIB = 1 << 20
SCHEMA = pa.schema([("seq", pa.int64()), ("rand", pa.float64())])


def generate(rows=1000, size=200):
    """The course's generator: batches of random numbers on demand."""
    chance = np.random.default_rng(6)
    for start in range(0, rows, size):
        count = min(size, rows - start)
        yield pa.record_batch([np.arange(start, start + count), chance.random(count)], schema=SCHEMA)


def open_exchange(client, sql, schema=None):
    """The writer and the reader of an exchange, the schema sent."""
    command = sql if isinstance(sql, bytes) else sql.encode()
    writer, reader = client.flight.do_exchange(flight.FlightDescriptor.for_command(command), client.options)
    if schema is not None:
        writer.begin(schema)
    return writer, reader


def feed(writer, batches):
    """Writes in a thread until the batches or the server end it."""

    def run():
        try:
            for batch in batches:
                writer.write_batch(batch)
            writer.done_writing()
        except (pa.ArrowException, OSError):
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def exchange(client, sql, batches, schema=SCHEMA):
    """The table that a statement makes of the batches, read while they are written."""
    writer, reader = open_exchange(client, sql, schema)
    thread = feed(writer, batches)
    table = pa.Table.from_batches([chunk.data for chunk in reader], reader.schema)
    thread.join()
    writer.close()
    return table


def test_a_generator_consumed_by_sql(client):
    """Course, streaming and batches, section 4: the reader is the generator, the database is across the network."""
    reader = pa.RecordBatchReader.from_batches(SCHEMA, generate())
    answer = exchange(client, "SELECT avg(rand) FROM input", reader)
    expected = np.random.default_rng(6)
    expected = np.concatenate([expected.random(200) for _ in range(5)]).mean()
    assert answer.column(0).to_pylist() == [pytest.approx(expected)]


def test_write_everything_then_read(client):
    """How short scripts do it: no thread, no reading before the end."""
    writer, reader = open_exchange(client, wire.statement("select count(*) as n, max(seq) as last from input"))
    with writer:
        writer.begin(SCHEMA)
        for batch in generate(100_000, 5000):
            writer.write_batch(batch)
        writer.done_writing()
        assert reader.read_all().to_pylist() == [{"n": 100_000, "last": 99_999}]


@pytest.mark.parametrize("sql", [
    "select seq * 2 as twice from input",
    "select seq * 2 as twice from input where seq % 100 = 0",
    "select name, seq * 2 as twice from people right join input on id = seq",
])
def test_answers_come_before_the_upload_ends(client, sql):
    # A join passes on what makes a batch of the usual size.
    size = 50_000 if "join" in sql else 200
    writer, reader = open_exchange(client, sql, SCHEMA)
    with writer:
        last = -1
        for batch in generate(5 * size, size):
            writer.write_batch(batch)
            answer = reader.read_chunk().data
            last, before = max(answer["twice"].to_pylist()), last
            assert last > before, "it is about the batch that was just sent, or what was left of those before"
        writer.done_writing()
        for chunk in reader:
            last = max(last, *chunk.data["twice"].to_pylist())
    assert last == 2 * (5 * size - (100 if "%" in sql else 1))


def test_the_order_is_kept(client):
    answer = exchange(client, "select seq from input where rand < 0.5", generate(300_000, 10_000))
    seq = answer["seq"].to_numpy()
    assert 100_000 < len(seq) < 200_000 and (np.diff(seq) > 0).all()


def test_the_shape_is_that_of_do_get(client):
    kinds = pa.schema([
        pa.field("d", pa.dictionary(pa.int8(), pa.string())),
        pa.field("v", pa.string_view()),
        pa.field("n", pa.int32(), nullable=False),
    ])
    batch = pa.record_batch(
        [pa.array(["a", "b", "a"]).dictionary_encode().cast(kinds.field(0).type), pa.array(["x", None, "z"]).cast(pa.string_view()), pa.array([1, 2, 3], pa.int32())],
        schema=kinds,
    )
    answer = exchange(client, "select * from input", [batch], kinds)
    assert answer.schema == pa.schema([("d", pa.string()), ("v", pa.string()), pa.field("n", pa.int32(), nullable=False)])
    assert answer.to_pylist() == batch.to_pylist()


def test_dictionaries_that_change(client):
    """pyarrow sends another dictionary as a replacement, one that has grown as an addition."""
    kind = pa.dictionary(pa.int8(), pa.string())
    batches = [
        pa.record_batch([pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), words)], names=["word"])
        for words in (["a", "b"], ["c", "d"], ["c", "d", "e"], ["f", "c"])
    ]
    answer = exchange(client, "select word from input", batches, pa.schema([("word", kind)]))
    assert answer["word"].to_pylist() == ["a", "b", "c", "d", "c", "d", "f", "c"]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_uploads(client, codec):
    descriptor = flight.FlightDescriptor.for_command(b"select sum(seq) as s from input")
    options = flight.FlightCallOptions(
        headers=client.headers, timeout=60, write_options=pa.ipc.IpcWriteOptions(compression=codec)
    )
    writer, reader = client.flight.do_exchange(descriptor, options)
    with writer:
        writer.begin(SCHEMA)
        for batch in generate(50_000, 10_000):
            writer.write_batch(batch)
        writer.done_writing()
        assert reader.read_all().to_pylist() == [{"s": sum(range(50_000))}]


def test_metadata_with_the_batches_is_of_no_account(client):
    writer, reader = open_exchange(client, "select count(*) as n from input", SCHEMA)
    with writer:
        writer.write_metadata(b"hello")
        for batch in generate():
            writer.write_with_metadata(batch, b"a batch")
        writer.write_metadata(b"bye")
        writer.done_writing()
        assert reader.read_all().to_pylist() == [{"n": 1000}]


def test_without_a_schema_there_is_no_input(client):
    for sql, answer in (("select count(*) as n from people", [{"n": 5}]), ("select * from input", None)):
        writer, reader = open_exchange(client, sql)
        writer.done_writing()
        if answer:
            assert len(reader.read_all().to_pylist()) == 1
        else:
            with pytest.raises(KeyError, match="uploaded nothing"):
                reader.read_all()


def test_a_statement_that_ignores_the_upload(client):
    answer = exchange(client, "select count(*) as n from generate_series(1, 100000)", generate(100_000, 1000))
    assert answer.to_pylist() == [{"n": 100_000}]
    # It does not wait for a schema that it has no use for.
    writer, reader = open_exchange(client, "select 1 as one")
    assert reader.read_all().to_pylist() == [{"one": 1}]
    writer.close()


# Memory.


def wide(megabytes):
    """Batches of about a megabyte, their keys in no order."""
    for start in range(megabytes):
        keys = (np.arange(2000) + start * 2000) * 7919 % 1_000_003
        yield pa.record_batch([keys, [f"{key:0500d}" for key in keys.tolist()]], names=["key", "text"])


WIDE = pa.schema([("key", pa.int64()), ("text", pa.string())])


def test_an_upload_larger_than_the_memory(start):
    server = start(config='[memory]\nlimit = "48MiB"\nspill_limit = "2GiB"\n[query]\ntarget_partitions = 2\n')
    with server.client() as client:
        exchange(client, "select count(*) from input", wide(20), WIDE)
        before = server.memory()
        answer = exchange(client, "select key from input where key % 1000 = 1", wide(300), WIDE)
        filtered = server.memory()
        writer, reader = open_exchange(client, "select key, text from input order by key", WIDE)
        thread = feed(writer, wide(400))
        rows, last = 0, -1
        for chunk in reader:
            keys = chunk.data["key"].to_numpy()
            assert keys[0] >= last and (np.diff(keys) >= 0).all()
            rows, last = rows + len(keys), keys[-1]
        thread.join()
        sorted_ = server.memory()
    assert answer.num_rows == sum(1 for n in range(600_000) if n * 7919 % 1_000_003 % 1000 == 1)
    assert rows == 800_000
    assert filtered - before < 60 * MIB
    assert sorted_ - before < 280 * MIB
    spilled = server.data_dir / "spill"
    assert not any(path.is_file() for path in spilled.rglob("*")), "nothing is left behind"


def test_what_does_not_fit_anywhere(start):
    server = start(config='[memory]\nlimit = "32MiB"\nspill_limit = "1MiB"\n')
    with server.client() as client:
        with pytest.raises(pa.ArrowException, match=r"memory\.(limit|spill_limit)"):
            exchange(client, "select * from input order by text", wide(100), WIDE)
        assert client.value("select count(*) from system.queries where ended is null") == 1, "the one that asks"


def test_a_slow_reader_slows_the_upload(start):
    """The client may send no more than it reads answers for, give or take what is under way."""
    server = start()
    with server.client() as client:
        writer, reader = open_exchange(client, "select * from input", WIDE)
        written = itertools.count()
        sent = [0]

        def counted():
            for batch in wide(500):
                sent[0] = next(written)
                yield batch

        thread = feed(writer, counted())
        rows = reader.read_chunk().data.num_rows
        before = server.memory()
        eventually(lambda: server.load() < 0.1, "the exchange waits for its reader")
        assert sent[0] < 200
        assert server.memory() - before < 100 * MIB
        rows += sum(chunk.data.num_rows for chunk in reader)
        thread.join()
    assert rows == 1_000_000


# Ends of every kind.


def queries(client):
    return client.value("select count(*) from system.queries where ended is null") - 1


@pytest.mark.parametrize("sql", [
    "select * from input",
    "select count(*) from input",
    "select * from input order by rand",
])
def test_a_client_that_goes_away_frees_its_query(server, client, sql):
    other = server.client()
    writer, reader = open_exchange(other, sql, SCHEMA)
    for batch in generate():
        writer.write_batch(batch)
    eventually(lambda: queries(client) == 1, "it runs")
    reader.cancel()
    eventually(lambda: queries(client) == 0, "it is gone", 1)
    other.flight.close()


def test_a_closed_connection_frees_its_query(server, client):
    raw = server.raw(client.headers[0][1].decode())
    requests = iter(lambda: release.wait() and None, None)
    release = threading.Event()
    call = raw.start("DoExchange", itertools.chain(messages("select count(*) from input"), requests))
    eventually(lambda: queries(client) == 1, "it runs")
    raw.channel.close()
    eventually(lambda: queries(client) == 0, "it is gone", 1)
    release.set()
    assert call.code() is not None


def test_a_timeout(start):
    server = start(config='[query]\ntimeout = "1s"\n')
    with server.client() as client:
        writer, reader = open_exchange(client, "select count(*) from input", SCHEMA)
        with pytest.raises(pa.ArrowException, match=r"query\.timeout"):
            reader.read_all()
        writer, reader = open_exchange(client, "select count(*) from input")
        with pytest.raises(pa.ArrowException, match=r"query\.timeout"):
            reader.read_all()


# Bad input, byte by byte.


def ipc(batches=None, **options):
    """The messages of an Arrow stream as (header, body)."""
    batches = list(generate() if batches is None else batches)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    found = []
    for message in pa.ipc.MessageReader.open_stream(sink.getvalue()):
        found.append((message.metadata.to_pybytes(), message.body.to_pybytes() if message.body else b""))
    return found


def messages(sql, parts=None):
    """An upload: the descriptor in the first message, together with the schema."""
    (header, body), *rest = ipc() if parts is None else parts
    command = sql if isinstance(sql, bytes) else sql.encode()
    return [wire.flight_data(command, header, body), *(wire.flight_data(None, *part) for part in rest)]


@pytest.fixture
def raw(server, client):
    with server.raw(client.headers[0][1].decode()) as raw:
        yield raw


ALL = "select * from input"
INVALID = "INVALID_ARGUMENT"

BAD = {
    "nothing at all": (lambda: [], INVALID, "without any message"),
    "no descriptor": (lambda: [wire.flight_data(None, *ipc()[0])], INVALID, "descriptor"),
    "an empty descriptor": (lambda: [wire.field(1, b"\x08\x02")], INVALID, "malformed"),
    "a path": (lambda: [wire.field(1, wire.path_descriptor("people"))], INVALID, "DoPut"),
    "a command that is no query": (lambda: messages(wire.update("select 1")), INVALID, "DoExchange"),
    "a transaction": (lambda: messages(wire.statement(ALL, b"t")), INVALID, "malformed transaction id"),
    "no SQL": (lambda: messages("selec 1"), INVALID, "SQL syntax"),
    "an unknown column": (lambda: messages("select nothing from input"), INVALID, "nothing"),
    "an unknown table": (lambda: messages("select * from nowhere"), "NOT_FOUND", "nowhere"),
    "input of a schema": (lambda: messages("select * from files.input"), "NOT_FOUND", "input"),
    "an effect": (lambda: messages("set schema = 'shop'"), INVALID, "DoExchange is for"),
    "a write": (lambda: messages("insert into people select * from input"), INVALID, "DoExchange is for"),
    "input read twice": (lambda: messages("select * from input a join input b on a.seq = b.seq"), INVALID, "once"),
    "parameters": (lambda: messages("select * from input where seq = ?"), INVALID, "parameters"),
    "rows before the schema": (lambda: messages(ALL, ipc()[1:]), INVALID, "before their schema"),
    "a second schema": (lambda: messages(ALL, [*ipc()[:2], ipc()[0], ipc()[2]]), INVALID, "second schema"),
    "a truncated body": (lambda: messages(ALL, [ipc()[0], (ipc()[1][0], ipc()[1][1][:100])]), INVALID, "outside"),
    "a header that is no message": (lambda: messages(ALL, [ipc()[0], (b"\xff" * 40, b"x")]), INVALID, "Arrow data"),
    "a message that is no FlightData": (lambda: [*messages(ALL)[:2], b"\xff\xff"], INVALID, "cannot be read|decode"),
    "a division by zero": (lambda: messages("select 1 / (seq - 500) from input"), INVALID, "zero"),
}


@pytest.mark.parametrize(("make", "code", "says"), BAD.values(), ids=BAD.keys())
def test_bad_input(raw, client, make, code, says):
    with pytest.raises(Failure, match=says) as failure:
        raw.call("DoExchange", make())
    assert failure.value.code == code
    eventually(lambda: queries(client) == 0, "nothing is left of it")


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_wrong_compression_claim(raw, codec):
    schema, (header, body), *rest = ipc(compression=codec)
    for claim in (1 << 62, 1 << 40, 100 << 20, 5, -7):
        lie = claim.to_bytes(8, "little", signed=True)
        parts = [schema, (header, body[:8].replace(body[:8], lie) + body[8:]), *rest]
        with pytest.raises(Failure) as failure:
            raw.call("DoExchange", messages(ALL, parts))
        assert failure.value.code in (INVALID, "RESOURCE_EXHAUSTED"), claim


def test_a_large_message(raw):
    batch = pa.record_batch([pa.array(["x" * (70 << 20)])], names=["text"])
    with pytest.raises(Failure, match=r"wire\.max_request_bytes") as failure:
        raw.call("DoExchange", messages(ALL, ipc([batch])))
    assert failure.value.code == "RESOURCE_EXHAUSTED"


def test_nobody_may_exchange_without_credentials(server):
    with server.raw() as raw:
        raw.authorization = None
        assert raw.code("DoExchange", messages(ALL)) == "UNAUTHENTICATED"


def test_answers_of_a_failed_upload_are_not_lost(raw):
    """What was computed before the fault may be sent; the fault ends the call with its own code."""
    call = raw.start("DoExchange", messages(ALL, [*ipc(), (b"\xff" * 40, b"x")]))
    with pytest.raises(grpc.RpcError) as error:
        list(call)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT

"""The course chapter on streams and batches, sections 1 to 5, with a Godwit connection in the place of its database.

What a database in the same process sees in the caller's memory has to cross the network here: a batch, or what a generator
makes, is uploaded and queried in the same call, or kept as a temporary table of the session.
"""

import itertools
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.flight as flight
import pytest

import flightsql
import makers
from godwit_server import Server, resident_memory

MIB = 1 << 20
ROWS = 1000


@pytest.fixture(scope="module")
def dataset():
    """The chapter's table: a thousand rows."""
    return makers.course(ROWS)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A server that has nothing to query but what the chapter sends it, and little memory."""
    with Server(tmp_path_factory.mktemp("course"), config='[memory]\nlimit = "64MiB"\n') as running:
        yield running


@pytest.fixture
def connection(course):
    with course.client() as client:
        yield client


@pytest.fixture
def cursor(course, dataset):
    """A cursor in whose session the table `data` is the chapter's."""
    with course.adbc() as connection, connection.cursor() as cursor:
        assert cursor.adbc_ingest("data", dataset, mode="create", temporary=True) == ROWS
        yield cursor


class Exchange:
    """SQL over a stream that this process makes while it reads the answer: the table `input` is the reader's batches."""

    def __init__(self, client, sql, reader):
        descriptor = flight.FlightDescriptor.for_command(sql.encode())
        self.sent = 0
        self.writer, self.answer = client.flight.do_exchange(descriptor, client.options)
        self.thread = threading.Thread(target=self._upload, args=(reader,))
        self.thread.start()

    def _upload(self, reader):
        try:
            self.writer.begin(reader.schema)
            for batch in reader:
                self.writer.write_batch(batch)
                self.sent += batch.num_rows
            self.writer.done_writing()
        except pa.ArrowException:
            # The call has ended before the upload; its reader is told why.
            pass

    def table(self):
        """The whole answer."""
        try:
            return self.answer.read_all()
        finally:
            self.close()

    def first_batches(self, wanted):
        """The first batches of an answer that may have no end; then the call is given up."""
        batches = [self.answer.read_chunk().data for _ in range(wanted)]
        self.answer.cancel()
        self.close()
        return batches

    def close(self):
        self.thread.join()
        try:
            self.writer.close()
        except pa.ArrowException:
            # What the call ended with, which the reader has seen.
            pass


def reader_of(batches):
    return pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))


# Section 1: a record batch is queried like a table.


def test_a_table_goes_over_in_batches(connection, dataset):
    batches = dataset.to_batches(max_chunksize=200)
    assert [batch.num_rows for batch in batches] == [200] * 5
    answer = Exchange(connection, "SELECT * FROM input", reader_of(batches)).table()
    assert answer.sort_by("id").equals(dataset)


@pytest.mark.parametrize("which", range(5))
def test_sql_over_one_batch(connection, dataset, which):
    batch = dataset.to_batches(max_chunksize=200)[which]
    answer = Exchange(connection, "SELECT count(*) AS n, avg(valor) AS mean FROM input", reader_of([batch])).table()
    (row,) = answer.to_pylist()
    assert row == {"n": 200, "mean": pytest.approx(np.mean(batch["valor"].to_numpy()))}


def test_a_batch_as_a_table_of_the_session(course, dataset):
    batch = dataset.to_batches(max_chunksize=200)[0]
    with course.adbc() as connection, connection.cursor() as cursor:
        assert cursor.adbc_ingest("batch", batch, mode="create", temporary=True) == 200
        cursor.execute("SELECT count(*), avg(valor) FROM batch")
        assert cursor.fetchall() == [(200, pytest.approx(np.mean(batch["valor"].to_numpy())))]
    with course.adbc() as connection, connection.cursor() as cursor:
        with pytest.raises(connection.ProgrammingError, match="batch"):
            cursor.execute("SELECT count(*) FROM batch")


# Section 2: a reader gives batches of a size that the caller has chosen.


def test_rows_per_batch(cursor, dataset):
    positive = dataset.filter(pc.greater(dataset["valor"], 0))
    cursor.execute("SET batch_rows = 150")
    cursor.execute("SELECT * FROM data WHERE valor > 0")
    reader = cursor.fetch_record_batch()
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema == dataset.schema
    first = reader.read_next_batch()
    rest = reader.read_all()
    assert 0 < first.num_rows <= 150
    assert max(batch.num_rows for batch in rest.to_batches()) <= 150
    assert first.num_rows + rest.num_rows == positive.num_rows
    both = pa.concat_tables([pa.table(first), rest])
    assert both.sort_by("id").equals(positive)


def test_the_end_of_a_reader(cursor):
    cursor.execute("SELECT * FROM data WHERE id < 3")
    reader = cursor.fetch_record_batch()
    assert reader.read_next_batch().num_rows == 3
    with pytest.raises(StopIteration):
        reader.read_next_batch()


# Section 3: work batch by batch gives what SQL gives over the whole.


def test_a_running_sum(cursor, dataset):
    cursor.execute("SET batch_rows = 250")
    cursor.execute("SELECT valor FROM data")
    sizes, running_sum = [], 0.0
    for batch in cursor.fetch_record_batch():
        sizes.append(batch.num_rows)
        running_sum += np.sum(batch["valor"].to_numpy())
    assert sum(sizes) == ROWS
    assert len(sizes) >= 4
    assert max(sizes) <= 250
    cursor.execute("SELECT sum(valor) FROM data")
    ((whole,),) = cursor.fetchall()
    assert running_sum == pytest.approx(whole)
    assert whole == pytest.approx(np.sum(dataset["valor"].to_numpy()))


# Section 4: a generator is a reader, and a reader is a table.


def generated(rows, batch_rows, made=None):
    """Batches of `seq` and `rand`, made when they are asked for; without end where `rows` is None."""
    chance = np.random.default_rng(7)
    starts = itertools.count(0, batch_rows) if rows is None else range(0, rows, batch_rows)
    for start in starts:
        size = batch_rows if rows is None else min(batch_rows, rows - start)
        rand = chance.random(size)
        if made is not None:
            made.append(rand)
        yield pa.record_batch({"seq": np.arange(start, start + size), "rand": rand})


GENERATED = pa.schema([("seq", pa.int64()), ("rand", pa.float64())])


def generator_reader(*arguments):
    return pa.RecordBatchReader.from_batches(GENERATED, generated(*arguments))


def test_sql_over_a_generator(connection):
    made = []
    reader = generator_reader(ROWS, 200, made)
    assert made == [], "nothing is made before it is asked for"
    answer = Exchange(connection, "SELECT avg(rand) AS mean, count(*) AS n, max(seq) AS last FROM input", reader).table()
    assert [len(rand) for rand in made] == [200] * 5
    assert answer.to_pylist() == [{"mean": pytest.approx(np.mean(made)), "n": ROWS, "last": ROWS - 1}]


def test_an_answer_does_not_wait_for_the_end_of_a_generator(connection):
    exchange = Exchange(connection, "SELECT seq * 2 AS twice FROM input WHERE seq % 2 = 0", generator_reader(None, 500))
    batches = exchange.first_batches(20)
    assert batches[0]["twice"][0].as_py() == 0
    assert all(batch.num_rows for batch in batches)
    assert flightsql.same(batches[0].schema) == flightsql.same(pa.schema([("twice", pa.int64())]))


def test_a_generator_that_is_larger_than_the_memory_limit(course, connection):
    rows, held = 16_000_000, [course.memory()]

    def watched():
        for batch in generated(rows, 100_000):
            yield batch
            held.append(course.memory())

    reader = pa.RecordBatchReader.from_batches(GENERATED, watched())
    exchange = Exchange(connection, "SELECT count(*) AS n, max(seq) AS last FROM input", reader)
    answer = exchange.table()
    assert answer.to_pylist() == [{"n": rows, "last": rows - 1}]
    assert exchange.sent == rows
    assert max(held) - held[0] < 100 * MIB


# Section 5: memory stays small when batches are used and let go.


def test_a_large_result_in_little_memory(course, cursor, dataset):
    copies = 20_000
    cursor.execute("SELECT count(*) FROM data")
    cursor.fetchall()
    server_before, client_before = course.memory(), resident_memory()
    server_most = client_most = rows = size = 0
    running_sum = 0.0
    cursor.execute(
        f"SELECT c.value AS copy, d.id, d.valor, d.categoria FROM generate_series(1, {copies}) c CROSS JOIN data d"
    )
    for number, batch in enumerate(cursor.fetch_record_batch()):
        rows += batch.num_rows
        size += batch.nbytes
        running_sum += np.sum(batch["valor"].to_numpy())
        if number % 50 == 0:
            server_most, client_most = max(server_most, course.memory()), max(client_most, resident_memory())
    assert rows == copies * ROWS
    assert running_sum == pytest.approx(copies * np.sum(dataset["valor"].to_numpy()))
    assert size > 500 * MIB
    assert server_most - server_before < 100 * MIB
    assert client_most - client_before < 200 * MIB


def test_what_is_let_go_is_free_again(cursor):
    cursor.execute("SELECT value, repeat('x', 100) AS text FROM generate_series(1, 200000)")
    before = pa.total_allocated_bytes()
    table = cursor.fetch_arrow_table()
    held = table.nbytes
    assert held > 20 * MIB
    del table
    cursor.execute("DROP TABLE data")
    with pytest.raises(Exception, match="data"):
        cursor.execute("SELECT count(*) FROM data")
    assert pa.total_allocated_bytes() - before < held / 10

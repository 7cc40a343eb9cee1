"""A result flows: memory stays flat, a slow reader slows its query down, and one who goes away frees it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, USER, eventually
from rawgrpc import Failure

MIB = 1 << 20

# Two gigabytes; and a query that gives no row for hours.
WIDE = "select value, repeat('x', 200) as text from generate_series(1, 10000000)"
ENDLESS = (
    "select count(*) from generate_series(1, 3000000) a(x) cross join generate_series(1, 3000000) b(y) "
    "where (a.x * b.y) % 7 = 3"
)


@pytest.fixture
def own(start):
    return start()


def busy(server):
    return server.load() > 0.5


def idle(server):
    return server.load() < 0.1


def drain(reader):
    """Reads to the end and counts. Not by read_all, which turns a cancelled stream into a SIGINT for this process."""
    return sum(chunk.data.num_rows for chunk in reader)


def in_thread(work):
    """Runs work aside; what it raises is kept."""
    outcome = {}

    def run():
        try:
            outcome["value"] = work()
        except Exception as error:  # the test looks at it
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_memory_stays_flat_while_a_client_reads_slowly(own):
    with own.client() as client:
        client.query("select value from generate_series(1, 1000000)")
        before = own.memory()
        reader = client.get(client.info(wire.statement(WIDE)))
        rows = reader.read_chunk().data.num_rows
        eventually(lambda: idle(own), "the query waits for its reader")
        paused = own.memory()
        while rows < 3_000_000:
            rows += reader.read_chunk().data.num_rows
        read = own.memory()
        reader.cancel()
    assert paused - before < 100 * MIB
    assert read - before < 100 * MIB


def test_a_result_far_larger_than_the_memory_limit(start):
    server = start(config='[memory]\nlimit = "64MiB"\n')
    with server.client() as client:
        rows = size = 0
        for chunk in client.get(client.info(wire.statement(WIDE))):
            rows += chunk.data.num_rows
            size += chunk.data.nbytes
    assert rows == 10_000_000
    assert size > 1_500 * MIB


def test_the_first_rows_do_not_wait_for_the_last(own):
    with own.client() as client:
        started = time.monotonic()
        reader = client.get(client.info(wire.statement("select value from generate_series(1, 100000000000)")))
        assert reader.read_chunk().data.num_rows > 0
        assert time.monotonic() - started < 5
        reader.cancel()


# Queries that run for minutes or hours, each held up in another part of the engine.
CANNOT_WAIT = {
    "cross join": ENDLESS,
    "cross join with few matches": (
        "select count(*) from generate_series(1, 300000) a(x) cross join generate_series(1, 300000000) b(y) "
        "where (a.x * b.y) % 1000000007 = 3"
    ),
    "hash join": "select count(*) from numbers a join numbers b on a.k = b.k join numbers c on b.k = c.k",
    "grouped join": (
        "select a.k, count(*) from numbers a join numbers b on a.k = b.k join numbers c on b.k = c.k "
        "join numbers d on c.k = d.k group by a.k"
    ),
    "correlated": "select count(*) from numbers a where exists (select 1 from numbers b where b.half * a.half > 1e300)",
    "unnest": "select count(*) from (select unnest(range(0, 1000)) from generate_series(1, 1000000000))",
    "aggregate": "select sum(value) from generate_series(1, 1000000000000)",
    "distinct": "select count(distinct value % 1000) from generate_series(1, 1000000000000)",
    "recursion": "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t",
    "sort": "select * from generate_series(1, 10000000000) order by value desc limit 10 offset 1000000",
    "window": "select max(s) from (select sum(value) over (order by value) as s from generate_series(1, 10000000000))",
    "many rows": WIDE.replace("10000000", "100000000000"),
}


@contextlib.contextmanager
def freed_within_a_second(server):
    """What is done inside takes a query's reader away. Counted in the processor time that the query still gets, since
    that is what a second means for the other queries, on an idle machine and on a busy one."""
    eventually(lambda: busy(server), "the query runs")
    yield
    used = server.cpu_seconds()
    eventually(lambda: idle(server), "the query ends", 10)
    assert server.cpu_seconds() - used < os.cpu_count()


@pytest.mark.parametrize("sql", CANNOT_WAIT.values(), ids=CANNOT_WAIT.keys())
def test_a_cancelled_call_frees_its_query(start, data, sql):
    server = start(mounts={"numbers": data.mounts["numbers"]})
    with server.client() as client:
        reader = client.get(client.info(wire.statement(sql)))
        thread, outcome = in_thread(lambda: drain(reader))
        with freed_within_a_second(server):
            reader.cancel()
        thread.join()
        assert "value" not in outcome, "it was cancelled, not done"
        assert client.value("select 1") == 1


def test_a_closed_connection_frees_its_query(own):
    raw = own.raw()
    (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(ENDLESS)))
    stream = raw.start("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
    with freed_within_a_second(own):
        raw.channel.close()
    assert stream.code() is not None


CHILD = """
import sys
import adbc_driver_flightsql.dbapi as flightsql
uri, user, password, sql = sys.argv[1:]
connection = flightsql.connect(uri, db_kwargs={"username": user, "password": password}, autocommit=True)
cursor = connection.cursor()
cursor.execute(sql)
cursor.fetchall()
"""


def test_a_killed_client_frees_its_query(own):
    child = subprocess.Popen([sys.executable, "-c", CHILD, own.uri, USER, PASSWORD, ENDLESS])
    try:
        with freed_within_a_second(own):
            child.kill()
    finally:
        child.kill()
        child.wait()


def test_cancel_flight_info(own):
    with own.client() as client, own.raw(client.headers[0][1].decode()) as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(ENDLESS)))
        ticket = wire.fields(wire.fields(info)[3][0])[1][0]
        thread, outcome = in_thread(lambda: raw.call("DoGet", ticket))
        with freed_within_a_second(own):
            (answer,) = client.action("CancelFlightInfo", wire.message(info))
        assert wire.fields(answer)[1] in ([1], [2]), "cancelled, or being cancelled"
        thread.join()
        assert outcome["error"].code == "CANCELLED"


def test_timeout(start):
    server = start(config='[query]\ntimeout = "1s"\n')
    with server.raw() as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(ENDLESS)))
        with pytest.raises(Failure, match=r"query\.timeout") as failure:
            raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
    assert failure.value.code == "DEADLINE_EXCEEDED"
    eventually(lambda: idle(server), "the query ends")


def test_what_does_not_fit_spills(start):
    server = start(config='[memory]\nlimit = "64MiB"\n[query]\ntarget_partitions = 1\n')
    with server.client() as client:
        reader = client.get(client.info(wire.statement(
            "select value, repeat('x', 50) || value as text from generate_series(1, 3000000) order by text desc"
        )))
        texts = [chunk.data["text"][0].as_py() for chunk in reader]
    assert texts == sorted(texts, reverse=True)
    spilled = server.data_dir / "spill"
    assert not any(path.is_file() for path in spilled.rglob("*")), "nothing is left behind"


def test_what_does_not_fit_anywhere_is_refused(start):
    server = start(config='[memory]\nlimit = "32MiB"\nspill_limit = "1MiB"\n')
    sql = "select count(distinct value || repeat('x', 50)) from generate_series(1, 5000000)"
    with server.raw() as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
        with pytest.raises(Failure, match=r"memory\.(limit|query_limit|spill_limit)") as failure:
            raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
        assert failure.value.code == "RESOURCE_EXHAUSTED"
        assert raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1"))) == "OK"


def test_a_stopping_server_lets_queries_end(start):
    server = start(config='[shutdown]\ngrace = "60s"\n')
    client = server.client()
    reader = client.get(client.info(wire.statement("select value from generate_series(1, 3000000)")))
    rows = reader.read_chunk().data.num_rows
    server.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            with server.client() as late:
                late.query("select 1")
        except pa.ArrowException:
            return True

    eventually(refused, "no new work is taken")
    for chunk in reader:
        rows += chunk.data.num_rows
    assert rows == 3_000_000
    assert server.process.wait(30) == 0


def test_a_stopping_server_does_not_wait_for_ever(start):
    server = start(config='[shutdown]\ngrace = "1s"\n')
    client = server.client()
    reader = client.get(client.info(wire.statement(ENDLESS)))
    thread, outcome = in_thread(lambda: drain(reader))
    eventually(lambda: busy(server), "the query runs")
    assert server.stop(signal.SIGTERM, limit=10) == 0
    thread.join()
    assert isinstance(outcome["error"], (flight.FlightError, pa.ArrowException))


def test_a_second_signal_ends_it_at_once(start):
    server = start(config='[shutdown]\ngrace = "10m"\n')
    client = server.client()
    reader = client.get(client.info(wire.statement(ENDLESS)))
    thread, _ = in_thread(lambda: drain(reader))
    eventually(lambda: busy(server), "the query runs")
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: "stop" in server.log().lower() or "drain" in server.log().lower(), "it has seen the signal")
    assert server.stop(signal.SIGTERM, limit=10) in (0, 130, 143)
    thread.join()


def test_many_clients_at_once(own):
    def work(number):
        with own.client() as client:
            return [client.value(f"select sum(value) + {number} from generate_series(1, 10000)") for _ in range(10)]

    running = [in_thread(lambda number=number: work(number)) for number in range(20)]
    for number, (thread, outcome) in enumerate(running):
        thread.join()
        assert outcome.get("value") == [50_005_000 + number] * 10, outcome.get("error")

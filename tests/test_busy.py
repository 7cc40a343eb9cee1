"""While every core is busy with queries, what is no query answers as if there were none."""

import statistics
import threading
import time
import urllib.request

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import wire
from godwit_server import eventually
from rawgrpc import Failure
from test_poll_flight_info import poll, start_query
from test_streaming import ENDLESS

CLIENTS = 8
ROUNDS = 15
# What operators are promised, in seconds; what is seen is a few milliseconds.
SLOW = 0.1


@pytest.fixture
def busy(start):
    """A server that runs eight queries which take all they get."""
    server = start(config="[query]\nmax_running = 64\n", args=("--http-listen", "127.0.0.1:0"))
    clients, threads = [], []

    def run(client, info):
        try:
            # Not by read_all, which turns a cancelled stream into a SIGINT for this process.
            for _ in client.get(info):
                pass
        except Exception:  # they are cancelled
            pass

    for _ in range(CLIENTS):
        client = server.client()
        info = client.info(wire.statement(ENDLESS))
        thread = threading.Thread(target=run, args=[client, info])
        thread.start()
        clients.append((client, info))
        threads.append(thread)
    yield server
    for client, info in clients:
        client.action("CancelFlightInfo", wire.message(info.serialize()))
    for thread, (client, _) in zip(threads, clients):
        thread.join(30)
        client.__exit__()


def median(work):
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        work()
        took.append(time.monotonic() - began)
    return statistics.median(took)


def test_calls_that_are_no_queries_are_quick(busy):
    with busy.client() as client:
        took = {
            "GetSqlInfo": median(lambda: client.read(wire.packed("CommandGetSqlInfo"))),
            "GetTables": median(lambda: client.read(wire.packed("CommandGetTables"))),
            "describe": median(lambda: client.info(wire.statement("select 1"))),
        }
    print(took)
    assert all(seconds < SLOW for seconds in took.values()), took


def test_health_and_metrics_answer(busy):
    def page(path):
        with urllib.request.urlopen(busy.http + path, timeout=30) as answer:
            assert answer.status == 200
            answer.read()

    with grpc.insecure_channel(busy.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        took = {path: median(lambda path=path: page(path)) for path in ("/livez", "/readyz", "/metrics")}
        took["Check"] = median(lambda: stub.Check(health_pb2.HealthCheckRequest(service=""), timeout=30))
    print(took)
    assert all(seconds < SLOW for seconds in took.values()), took


def test_a_query_is_cancelled_at_once(busy):
    took = []
    for _ in range(ROUNDS):
        client = busy.client()
        info = client.info(wire.statement(ENDLESS))
        reader = client.get(info)
        began = time.monotonic()
        (answer,) = client.action("CancelFlightInfo", wire.message(info.serialize()))
        took.append(time.monotonic() - began)
        assert wire.fields(answer)[1] in ([1], [2])
        with pytest.raises(Exception, match="cancelled"):
            for _ in reader:
                pass
        client.__exit__()
    print(sorted(took))
    assert statistics.median(took) < SLOW


# Each computes for hours in its own way; what they give, if anything, is read.
HOURS = (
    ENDLESS,
    "select value % 1000 as k, count(*) from generate_series(1, 100000000000) group by k",
    "select count(*) from generate_series(1, 100000000000) where md5(cast(value as varchar)) like 'zz%'",
    "select value from generate_series(1, 100000000000) order by value % 1000003 desc limit 5",
    "select count(*) from generate_series(1, 100000000000) where regexp_like(cast(value as varchar), '^(1|2)*3$')",
    "select a.value * b.value as v from generate_series(1, 1000) a, generate_series(1, 1000000000) b",
)


class Working(threading.Thread):
    """Has a session work, and keeps how that ended."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error = work, None
        self.start()

    def run(self):
        try:
            self.work()
        except (pa.ArrowException, flight.FlightError) as error:
            self.error = error


def reading(client, sql):
    def work():
        for _ in client.get(client.info(wire.statement(sql))):
            pass

    return Working(work)


@pytest.mark.parametrize("how", ["sql", "action"])
def test_a_killed_session_ends_with_all_of_its_work(start, how):
    """Readers and a change, while another session's queries go on."""
    server = start(config="[query]\nmax_running = 64\n")
    with server.client() as client, server.client() as other, server.client() as watch:
        client.run("create table filled (n bigint)")
        works = [reading(client, sql) for sql in HOURS]
        works.append(Working(lambda: client.run("insert into filled select value from generate_series(1, 100000000000)")))
        going_on = reading(other, ENDLESS)
        stream = other.get(other.info(wire.statement(HOURS[-1])))
        stream.read_chunk()
        running = "select session_id, count(*) from system.queries where state = 'running' and sql not like '%system.queries%' group by 1"
        counted = eventually(lambda: (now := dict(watch.rows(running))) and sorted(now.values()) == [2, len(works)] and now, "all run")
        (session,) = [id for id, count in counted.items() if count == len(works)]
        before = server.cpu_seconds()
        eventually(lambda: server.cpu_seconds() - before > 2, "they compute")
        since = time.monotonic()
        if how == "sql":
            watch.run(f"kill session '{session}'")
        else:
            assert watch.action("KillSession", session.encode()) == []
        left = f"select count(*) from system.queries where session_id = '{session}' and ended is null"
        eventually(lambda: watch.value(left) == 0, "none of its work runs")
        ended = time.monotonic() - since
        for work in works:
            work.join(30)
            assert not work.is_alive()
        told = time.monotonic() - since
        print(ended, told)
        assert ended < 1 and told < 1, (ended, told)
        for work in works:
            assert isinstance(work.error, flight.FlightCancelledError) and "killed by its own user" in str(work.error), work.error
        killed = watch.rows(f"select state, count(*) from system.queries where session_id = '{session}' and state <> 'finished' group by 1")
        assert killed == [("killed", len(works))]
        (rest,) = watch.rows(running)
        assert rest[1] == 2, "the other session's queries go on"
        assert stream.read_chunk().data.num_rows > 0
        assert going_on.is_alive() and going_on.error is None
        assert watch.value("select count(*) from filled") == 0
        watch.run(f"kill session '{rest[0]}'")
        going_on.join(30)
        assert "killed" in str(going_on.error)


def test_a_killed_session_waits_for_nothing_any_more(start):
    """What waits for a place ends with what has one, which others get."""
    server = start(config="[query]\nmax_running = 1\nmax_queued = 8\n")
    with server.client() as client, server.client() as other, server.client() as watch:
        works = [reading(client, HOURS[0])]
        states = "select state, count(*) from system.queries where ended is null and sql not like '%system.queries%' group by 1"
        eventually(lambda: dict(watch.rows(states)) == {"running": 1}, "one runs")
        works += [reading(client, sql) for sql in HOURS[1:4]]
        eventually(lambda: dict(watch.rows(states)) == {"running": 1, "queued": 3}, "three wait")
        short = Working(lambda: other.query("select count(*) from generate_series(1, 10)"))
        eventually(lambda: dict(watch.rows(states)) == {"running": 1, "queued": 4}, "four wait")
        (session,) = {id for (id,) in watch.rows("select session_id from system.queries where state = 'running' and sql not like '%system%'")}
        since = time.monotonic()
        watch.action("KillSession", session.encode())
        for work in [*works, short]:
            work.join(30)
            assert not work.is_alive()
        assert time.monotonic() - since < 1
        assert short.error is None
        for work in works:
            assert isinstance(work.error, flight.FlightCancelledError) and "killed by its own user" in str(work.error), work.error


def test_a_killed_session_leaves_no_result_that_is_being_made(start):
    """Which nobody waits for: its client asks now and then how far it is."""
    server = start()
    with server.raw() as raw, server.client() as watch:
        told = start_query(raw, ENDLESS)
        ours = "select session_id, query_id from system.queries where ended is null and sql like '%3000000%' and sql not like '%system.%'"
        ((session, _),) = set(eventually(lambda: watch.rows(ours), "it runs"))
        since = time.monotonic()
        watch.run(f"kill session '{session}'")
        eventually(lambda: watch.rows(ours) == [], "it has ended")
        assert time.monotonic() - since < 1
        with pytest.raises(Failure, match="killed by its own user"):
            while True:
                told = poll(raw, told.descriptor)

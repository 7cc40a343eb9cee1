"""More work than there is room for: who runs, who waits, who is refused, and that looking around stays quick."""

import re
import threading
import time
import urllib.request

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, eventually, hashed
from rawgrpc import Failure
from test_streaming import ENDLESS


def in_thread(work):
    """Runs work aside; what it raises is kept."""
    outcome = {}

    def begin():
        try:
            outcome["value"] = work()
        except Exception as error:  # the test looks at it
            outcome["error"] = error

    thread = threading.Thread(target=begin)
    thread.start()
    return thread, outcome


def drain(reader):
    """Reads to the end. Not by read_all, which turns a cancelled stream into a SIGINT for this process."""
    for _ in reader:
        pass


class Held:
    """A query that runs, or waits, until it is let go."""

    def __init__(self, server, sql=ENDLESS, **login):
        self.client = server.client(**login)
        self.info = self.client.info(wire.statement(sql))
        self.thread, self.outcome = in_thread(lambda: drain(self.client.get(self.info)))

    def cancel(self):
        (answer,) = self.client.action("CancelFlightInfo", wire.message(self.info.serialize()))
        return wire.fields(answer)[1]

    def end(self):
        if self.thread.is_alive():
            self.cancel()
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.client.__exit__()


@pytest.fixture
def hold():
    """Begins queries; all are ended with the test."""
    held = []

    def begin(*arguments, **login):
        held.append(Held(*arguments, **login))
        return held[-1]

    yield begin
    for each in reversed(held):
        each.end()


def queries(client):
    """What runs and what waits, without the question itself."""
    return client.rows("select sql from system.queries where ended is null and sql not like '%system.queries%'")


def fill(server, hold, count, **login):
    """Begins that many, and waits until the server has all of them."""
    with server.client() as client:
        before = len(queries(client))
        held = [hold(server, **login) for _ in range(count)]
        eventually(lambda: len(queries(client)) == before + count, "they are there")
    return held


@pytest.fixture
def full(start, hold):
    """A server that runs as many as it may, and lets none wait."""
    server = start(config='[query]\nmax_running = 2\nmax_queued = 0\n')
    fill(server, hold, 2)
    return server


def refusal(server, sql="select 1"):
    """How the server refuses a query."""
    with server.client() as client, server.raw(client.headers[0][1].decode()) as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
        began = time.monotonic()
        with pytest.raises(Failure) as failure:
            raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
        return failure.value, time.monotonic() - began


def places(server):
    """{metric without its prefix: number} of the lane of what runs."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(r'^godwit_admission_(\w+)\{lane="running"\} (\d+)$', text, re.MULTILINE)
    return {name: int(number) for name, number in found}


def test_places_are_in_the_metrics(start, hold):
    server = start(config="[query]\nmax_running = 2\nmax_queued = 1\n", args=("--http-listen", "127.0.0.1:0"))
    assert places(server) == {"places": 2, "places_taken": 0, "waiting": 0, "refused_total": 0}
    fill(server, hold, 3)
    refusal(server)
    assert places(server) == {"places": 2, "places_taken": 2, "waiting": 1, "refused_total": 1}


def test_what_there_is_no_room_for_is_refused_at_once_with_a_hint(full):
    refused, took = refusal(full)
    assert refused.code == "RESOURCE_EXHAUSTED"
    for part in ["query.max_running", "query.max_queued", "try again in 1 s"]:
        assert part in refused.message
    assert took < 2
    # google.rpc.RetryInfo with a delay of one second.
    details = dict(refused.metadata[1])["grpc-status-details-bin"]
    assert b"google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01" in details


def test_tools_can_look_around_while_the_server_is_full(full):
    took = []
    with full.client() as client:
        for _ in range(10):
            began = time.monotonic()
            tables = client.read(wire.packed("CommandGetTables"))
            client.info(wire.statement("select 1"))
            client.close_prepared(client.prepare("select 1").handle)
            took.append(time.monotonic() - began)
            assert tables.num_rows > 0
            assert len(queries(client)) == 2
    assert sorted(took)[len(took) // 2] < 2, took


def test_who_waits_begins_when_a_place_is_free(start, hold):
    server = start(config='[query]\nmax_running = 1\nmax_queued = 10\nqueue_timeout = "60s"\n')
    (first,) = fill(server, hold, 1)
    done = []

    def ask(name):
        with server.client() as client:
            assert client.value("select 42") == 42
        done.append(name)

    waiting = [in_thread(lambda name=name: ask(name)) for name in range(3)]
    with server.client() as client:
        eventually(lambda: len(queries(client)) == 4, "they wait")
    assert done == []
    first.cancel()
    for thread, outcome in waiting:
        thread.join(30)
        assert "error" not in outcome
    assert sorted(done) == [0, 1, 2]


def test_who_waits_too_long_is_refused(start, hold):
    server = start(config='[query]\nmax_running = 1\nqueue_timeout = "300ms"\n')
    fill(server, hold, 1)
    refused, took = refusal(server)
    assert refused.code == "RESOURCE_EXHAUSTED"
    assert "query.queue_timeout" in refused.message
    assert took >= 0.3


def test_a_query_that_waits_can_be_cancelled(start, hold):
    server = start(config='[query]\nmax_running = 1\nqueue_timeout = "60s"\n')
    (first,), (second,) = fill(server, hold, 1), fill(server, hold, 1)
    second.cancel()
    second.thread.join(10)
    assert isinstance(second.outcome["error"], flight.FlightCancelledError)
    assert first.thread.is_alive()


def test_a_user_has_a_share(start, hold):
    server = start(config=(
        '[query]\nmax_running = 3\nmax_running_per_user = 1\nmax_queued = 0\n'
        f"[users.other]\npassword_hash = '{hashed('correct horse battery')}'\n"
    ))
    fill(server, hold, 1)
    refused, _ = refusal(server)
    assert "1 of one user" in refused.message
    with server.client("other", "correct horse battery") as client:
        assert client.value("select 1") == 1


def test_changes_wait_too_and_settings_do_not(start, hold):
    server = start(config='[query]\nmax_running = 1\nqueue_timeout = "300ms"\n')
    fill(server, hold, 1)
    with server.client() as client:
        with pytest.raises(pa.ArrowException, match=r"query\.queue_timeout"):
            client.run("create temp table waits as select 1 as a")
        client.run("set timezone = 'UTC'")
        client.run("begin")
        client.run("rollback")


def test_only_so_many_are_planned_at_once(start):
    server = start(config='[query]\nmax_planning = 1\nmax_queued = 1000\n')
    outcomes = []

    def ask():
        with server.client() as client:
            outcomes.append(client.value("select 1"))

    threads = [in_thread(ask)[0] for _ in range(12)]
    for thread in threads:
        thread.join(60)
    assert outcomes == [1] * 12

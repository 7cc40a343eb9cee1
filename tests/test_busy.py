"""While every core is busy with queries, what is no query answers as if there were none."""

import statistics
import threading
import time
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import wire
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

"""What operators ask of a server whose every core is busy: health over gRPC and HTTP, metrics, and the end of a query."""

import threading
import time

import grpc
import pyarrow as pa
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import wire
from godwit_server import eventually
from test_busy import HEAVY, SLOW, busy, median  # noqa: F401
from test_observability import get

SERVING = health_pb2.HealthCheckResponse.SERVING


def test_health_and_metrics_are_quick(busy):  # noqa: F811
    eventually(lambda: busy.load(0.5) > 1, "the cores are busy")
    with grpc.insecure_channel(busy.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        def check():
            assert health.Check(health_pb2.HealthCheckRequest(), timeout=10).status == SERVING

        def page(path):
            assert get(busy, path)[0] == 200

        took = {"health": median(check)}
        for path in ("/livez", "/readyz", "/metrics"):
            took[path] = median(lambda: page(path))
    assert all(seconds < SLOW for seconds in took.values()), took


def test_a_kill_is_quick(busy):  # noqa: F811
    """KILL QUERY comes back when the work has ended, which it does within a second."""
    took = []
    with busy.client() as admin:
        for at in range(5):
            sql = f"{HEAVY} and {at} = {at}"
            reading = threading.Thread(target=read, args=[busy, sql])
            reading.start()
            ask = f"select query_id from system.queries where sql = '{sql}' and state = 'running'"
            (row,) = eventually(lambda: admin.query(ask).to_pylist(), "it runs")
            began = time.monotonic()
            admin.run(f"kill query '{row['query_id']}'")
            took.append(time.monotonic() - began)
            reading.join(30)
            assert not reading.is_alive()
    assert sorted(took)[len(took) // 2] < 1, took


def read(server, sql):
    """Reads a query to its end, which is none of its own."""
    with server.client() as client:
        with pytest.raises(pa.ArrowException, match="killed"):
            for _ in client.get(client.info(wire.statement(sql))):
                pass

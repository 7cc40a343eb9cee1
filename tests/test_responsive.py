"""KILL QUERY while every core is busy: the work has ended within a second, and those who ask do not wait for theirs."""

import statistics
import threading
import time

import pyarrow as pa
import pytest

import wire
from godwit_server import eventually
from test_busy import busy  # noqa: F401
from test_streaming import ENDLESS

ROUNDS = 5


def read(server, sql):
    """Reads a query until it is killed."""
    with server.client() as client, pytest.raises(pa.ArrowException, match="killed"):
        for _ in client.get(client.info(wire.statement(sql))):
            pass


def test_a_kill_ends_the_work_within_a_second(busy):  # noqa: F811
    took = []
    with busy.client() as admin:
        for at in range(ROUNDS):
            sql = f"{ENDLESS} and {at} = {at}"
            reading = threading.Thread(target=read, args=[busy, sql])
            reading.start()
            ask = f"select query_id from system.queries where sql = '{sql}' and state = 'running'"
            (row,) = eventually(lambda: admin.query(ask).to_pylist(), "it runs")
            began = time.monotonic()
            admin.run(f"kill query '{row['query_id']}'")
            took.append(time.monotonic() - began)
            reading.join(30)
            assert not reading.is_alive()
    assert statistics.median(took) < 1, took

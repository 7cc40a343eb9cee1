"""An upload without end, and an answer that has one."""

import threading

from test_do_exchange import SCHEMA, feed, generate, open_exchange


def test_a_limit_ends_an_endless_upload(client):
    all_read = threading.Event()

    def endless():
        yield from generate(3_000, 1000)
        # The server waits a moment for a client that still sends to read its answer, not longer.
        assert all_read.wait(60)
        while True:
            yield from generate(10_000, 1000)

    writer, reader = open_exchange(client, "select seq from input limit 2500", SCHEMA)
    thread = feed(writer, endless())
    assert [row for chunk in reader for row in chunk.data["seq"].to_pylist()] == list(range(2500))
    all_read.set()
    thread.join(60)
    assert not thread.is_alive(), "the server takes rows that nobody wants"

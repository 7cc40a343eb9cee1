"""Uploads that go on when their answer is complete, without end or for a while."""

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


def test_an_answer_is_whole_while_its_client_still_sends(client):
    """A client whose write fails, because the call has ended, throws away what it has not read of the answer."""
    sent = threading.Event()

    def more():
        yield from generate(300_000, 1000)
        sent.set()
        yield from generate(100_000, 1000)

    for sql in ("select 42 as n", "select 42 as n from input limit 1"):
        sent.clear()
        writer, reader = open_exchange(client, sql, SCHEMA)
        thread = feed(writer, more())
        assert sent.wait(60), "the call ended while the client was writing"
        assert reader.read_all().to_pylist() == [{"n": 42}]
        thread.join(60)
        writer.close()

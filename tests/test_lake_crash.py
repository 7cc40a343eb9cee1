"""kill -9 at random moments under writers: what was acknowledged is there, whole, and nothing is half there.

`make crash` runs 200 rounds; GODWIT_CRASH_ROUNDS says how many, GODWIT_CRASH_SEED with which random numbers."""

import os
import random
import signal
import time

import lakes
from crash import ERRORS, SETUP, Writer, problems
from godwit_server import eventually

ROUNDS = int(os.environ.get("GODWIT_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("GODWIT_CRASH_SEED", "20261121"))
WRITERS = 3


def wait(server, seconds):
    """Lets the writers write for a moment in which the server must not end by itself."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        server.load(left)


def kill_under(server, writers, seconds, all_write):
    """Starts writers and kills the server so much later; with `all_write`, not before each of them has written."""
    for writer in writers:
        writer.start()
    for writer in writers if all_write else []:
        assert writer.started_writing.wait(30), f"lane {writer.lane} wrote nothing: {writer.error}"
    wait(server, seconds)
    server.stop(signal.SIGKILL)
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive() and writer.error is not None


def test_kill_at_random_moments(start, tmp_path):
    print(f"seed {SEED}, {ROUNDS} rounds")
    chance = random.Random(SEED)
    home = tmp_path / "home"
    server = start(home=home)
    with server.client() as client:
        for sql in SETUP:
            client.run(sql)
    acknowledged, tried, first = set(), set(), 0
    for number in range(ROUNDS):
        writers = [Writer(server, lane, first, chance.random()) for lane in range(WRITERS)]
        kill_under(server, writers, chance.uniform(0.01, 0.6), all_write=number % 3 != 0)
        acknowledged |= {batch for writer in writers for batch in writer.acknowledged}
        tried |= {batch for writer in writers for batch in writer.tried}
        first = max(writer.next for writer in writers)
        server = start(home=home)
        with server.client() as client:
            assert problems(client, acknowledged, tried) == [], f"round {number} of seed {SEED}"
            if number % 20 == 0 or number == ROUNDS - 1:
                with lakes.beside(server, read_only=True) as judge:
                    assert lakes.disagreements(client, judge) == []
            if number % 25 == 24:
                client.run("call compact()")
    assert len(acknowledged) >= ROUNDS
    print(f"{len(acknowledged)} commits acknowledged, {len(tried) - len(acknowledged)} not")


class Single(Writer):
    """Rows of their own, each in a statement and a commit of its own, so that several clients' commits become durable together."""

    def run(self):
        try:
            with self.server.client() as client:
                while True:
                    number = self.batch()
                    client.run(f"insert into singles values ({number}, 'row {number}')")
                    self.acknowledge(number)
        except ERRORS as error:
            self.error = error


def test_kill_under_single_rows(start, tmp_path):
    """Of commits that were made together, too, each is there or not, with a snapshot and a row id of its own."""
    chance = random.Random(SEED)
    home = tmp_path / "home"
    server = start(home=home)
    with server.client() as client:
        client.run("create table singles (n bigint, pad varchar)")
        begin = client.value("select max(snapshot_id) from system.snapshots")
    acknowledged, tried, first = set(), set(), 0
    for _ in range(ROUNDS):
        writers = [Single(server, lane, first, 0) for lane in range(8)]
        kill_under(server, writers, chance.uniform(0.01, 0.3), all_write=True)
        acknowledged |= {number for writer in writers for number in writer.acknowledged}
        tried |= {number for writer in writers for number in writer.tried}
        first = max(writer.next for writer in writers)
        server = start(home=home)
        with server.client() as client:
            there = [number for number, pad in client.rows("select n, pad from singles") if pad == f"row {number}"]
            assert len(there) == len(set(there)) == client.value("select count(*) from singles")
            assert acknowledged <= set(there) <= tried
            assert client.value("select max(snapshot_id) from system.snapshots") == begin + len(there)
    with server.client() as client, lakes.beside(server, read_only=True) as judge:
        assert lakes.disagreements(client, judge) == []
        row_ids = judge.rows("select count(distinct rowid), max(rowid) from singles")
        assert row_ids == [(len(there), len(there) - 1)]


def test_kill_during_a_long_commit(start, tmp_path):
    """One that writes files for a while: it is not there, its files go after the grace period, and it can be done again."""
    home = tmp_path / "home"
    config = '[lake]\norphan_grace = "1s"\nmaintenance_interval = "1s"\n'
    server = start(home=home, config=config)
    with server.client() as client:
        client.run("create table t (n bigint, pad varchar)")
        client.run("insert into t select value, 'kept' from generate_series(1, 1000) g(value)")
    data = home / "data" / "lake" / "data"

    def files():
        """All that stands there, under whatever name while it is written."""
        return {path for path in data.rglob("*") if path.is_file()}

    before = files()
    writer = Long(server)
    writer.start()
    eventually(lambda: files() - before, "it has begun to write a file")
    server.stop(signal.SIGKILL)
    writer.join(60)
    assert writer.error is not None
    server = start(home=home, config=config)
    with server.client() as client:
        assert client.rows("select count(*), max(pad) from t") == [(1000, "kept")]
        eventually(lambda: files() == before, "the files of the dead writer are removed")
        assert client.run("insert into t values (0, 'again')") == 1
        with lakes.beside(server, read_only=True) as judge:
            assert lakes.disagreements(client, judge) == []


class Long(Writer):
    """One statement that takes a while."""

    def __init__(self, server):
        super().__init__(server, 0, 0, 0)

    def by_actions(self):
        with self.server.client() as client:
            client.run("insert into t select value, repeat('y', 50) || value from generate_series(1, 30000000) g(value)")


def test_two_servers_on_one_directory(start, tmp_path):
    """The second refuses, DuckDB beside the first does not mind, and after a kill the next one starts."""
    home = tmp_path / "home"
    server = start(home=home)
    try:
        start(home=home)
    except RuntimeError as error:
        assert "another" in str(error) or "in use" in str(error) or "already" in str(error), error
    else:
        raise AssertionError("a second server started")
    with server.client() as client, lakes.beside(server) as judge:
        client.run("create table t (a int)")
        judge.run("insert into t values (1)")
        assert client.value("select a from t") == 1
    server.stop(signal.SIGKILL)
    with start(home=home).client() as client:
        assert client.value("select a from t") == 1

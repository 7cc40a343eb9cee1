"""Clients of every kind for a while, some killed at random; then quiet. What the server holds must be what it held before.

    run.py [--seconds 600] [--json FILE]
"""

import argparse
import itertools
import json
import multiprocessing
import os
import pathlib
import random
import re
import sys
import tempfile
import threading
import time
import urllib.request
from multiprocessing import forkserver

TESTS = str(pathlib.Path(__file__).parent.parent)
sys.path.insert(0, TESTS)

import pyarrow as pa

import wire
from godwit_server import PASSWORD, USER, Server, eventually
from soak import client as clients

KINDS = ("small", "ingest", "slow", "cancelled", "spilling", "changing")
CLIENTS = 8
# Clients are made from a process that has read the libraries and done nothing else.
PROCESSES = multiprocessing.get_context("forkserver")
# How long idle threads of the runtimes live (ten seconds), and a little.
QUIET = 12.0
CONFIG = """
[http]
listen = "127.0.0.1:0"
[memory]
limit = "{limit}MiB"
[sessions]
idle_timeout = "{idle}s"
[statements]
idle_timeout = "{idle}s"
[results]
ttl = "{idle}s"
[lake]
maintenance_interval = "2s"
orphan_grace = "2s"
max_snapshots = 20
transaction_idle_timeout = "{idle}s"
[history]
max_rows = 1000
[log]
filter = "warn"
"""
# What dead clients leave is given up after so many seconds. A living one may be kept from its turn for longer than the shortest
# of them on a machine that does other work for an hour.
IDLE = (4, 20)
MIB = 1 << 20
# In MiB: `memory.limit`, and what docs/operations.md says to leave beside it.
LIMIT, HEADROOM = 96, 768
# From how many seconds on the process has to keep within both.
LONG = 60.0
# What may be there afterwards beyond what was there before. The allocator keeps some of what was used, and the catalog a
# connection of three files for each of the nine that may read and write at the same time. Threads for calls that block take
# turns at what maintenance does now and then, so that those of a busy time do not end after their ten idle seconds.
SLACK = {"memory": 192 * MIB, "descriptors": 27, "threads": 48}
FIGURES = ("memory", "descriptors", "threads", "temporary files", "files of tables", "sessions", "connections", "calls",
           "statements", "prepared", "transactions", "kept results", "reserved memory")
GAUGES = {
    "sessions": "godwit_sessions", "connections": "godwit_connections", "calls": "godwit_calls_running",
    "statements": "godwit_statements_running", "prepared": "godwit_prepared_statements", "transactions": "godwit_transactions",
    "kept results": "godwit_kept_results", "reserved memory": "godwit_memory_reserved_bytes",
}


class Soak:
    """A server and its clients. `seconds` is how long they work after a warm-up."""

    def __init__(self, server, seconds, seed=20261122, say=print):
        self.server, self.seconds, self.say = server, seconds, say
        self.random = random.Random(seed)
        self.clients = []
        # One of each before another of any.
        self.kinds = itertools.cycle(self.random.sample(KINDS, len(KINDS)))
        self.count = {"started": 0, "killed": 0, "ended": 0}
        self.failed = []
        self.highest = dict.fromkeys(FIGURES, 0)

    def run(self):
        """Everything; the report."""
        with self.server.client() as client:
            client.run("create table if not exists events (n bigint, s varchar)")
            spill(client)
        self.until(time.monotonic() + max(5.0, self.seconds / 20))
        before = self.quiet()
        self.say(f"warm, and quiet again; clients for {self.seconds:.0f} s")
        began = time.monotonic()
        self.until(began + self.seconds)
        worked = time.monotonic() - began
        after = self.quiet()
        return self.report(before, after, worked)

    def begin(self):
        kind = next(self.kinds)
        arguments = (kind, self.server.uri, USER, PASSWORD, self.random.random(), self.random.uniform(3, 20))
        client = PROCESSES.Process(target=clients.work, args=arguments, daemon=True)
        client.start()
        client.kind = kind
        self.count["started"] += 1
        self.clients.append(client)

    def until(self, deadline):
        """Keeps as many clients as there are to be; a second or so after each other one of them is killed."""
        pause = threading.Event()
        next_kill = time.monotonic() + 1
        while time.monotonic() < deadline:
            self.collect()
            while len(self.clients) < CLIENTS:
                self.begin()
            if time.monotonic() > next_kill:
                next_kill = time.monotonic() + self.random.uniform(0.5, 2)
                # Not the one that has just begun.
                self.end(self.random.choice(self.clients[:-1]))
            self.note(self.figures())
            pause.wait(min(0.5, self.seconds / 20))

    def end(self, client):
        client.kill()
        client.join()
        self.clients.remove(client)
        self.count["killed"] += 1

    def collect(self):
        for client in [client for client in self.clients if client.exitcode is not None]:
            if client.exitcode:
                self.failed.append(f"a client ({client.kind}) ended with {client.exitcode}, see its traceback")
            self.clients.remove(client)
            self.count["ended"] += 1

    def quiet(self):
        """Ends all clients, removes their rows, and waits; the figures then."""
        for client in list(self.clients):
            self.end(client)
        rest = time.monotonic() + QUIET
        try:
            # What a dead client began may still commit, and its transaction holds a snapshot until it is given up.
            eventually(lambda: not any(map(self.figures().get, ("statements", "transactions"))), "nothing of theirs runs", 60)
            with self.server.client() as client:
                client.run("truncate table events")
                client.query("call expire_snapshots(keep => 1)")
            eventually(lambda: self.is_quiet(self.figures()) and time.monotonic() > rest, "the server is idle", 60)
        except AssertionError as why:
            self.say(f"{why}: {self.figures()}")
        return self.figures()

    @staticmethod
    def is_quiet(figures):
        # The catalog's own maintenance goes on, and holds nothing between its rounds.
        return all(figures[name] == 0 for name in FIGURES if name not in SLACK)

    def note(self, figures):
        self.highest = {name: max(figures[name], self.highest[name]) for name in FIGURES}

    def figures(self):
        process = pathlib.Path(f"/proc/{self.server.pid}")
        metrics = self.metrics()
        data = self.server.data_dir
        return {
            "memory": self.server.memory(),
            "descriptors": len(list((process / "fd").iterdir())),
            "threads": len(list((process / "task").iterdir())),
            "temporary files": files(data / "spill"),
            "files of tables": files(data / "lake" / "data"),
            **{name: metrics.get(gauge, 0) for name, gauge in GAUGES.items()},
        }

    def metrics(self):
        """The sum of each metric over its labels."""
        with urllib.request.urlopen(f"{self.server.http}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        sums = {}
        for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? ([\d.e+-]+)$", text, re.MULTILINE):
            sums[name] = sums.get(name, 0) + float(value)
        self.broken = sum(float(value) for value in re.findall(r'code="(?:INTERNAL|UNKNOWN)"[^}]*\} (\S+)', text))
        return sums

    def report(self, before, after, worked):
        metrics = self.metrics()
        base = {name: before[name] if name in SLACK else 0 for name in FIGURES}
        left = [f"{name}: {after[name]:.0f} after, {base[name]:.0f} before" for name in FIGURES
                if after[name] > base[name] + SLACK.get(name, 0)]
        if worked > LONG and self.highest["memory"] > (LIMIT + HEADROOM) * MIB:
            left += [f"memory: {self.highest['memory']:.0f} at its highest, {LIMIT + HEADROOM} MiB are allowed"]
        left += self.failed
        if self.broken:
            left += [f"{self.broken:.0f} calls ended with INTERNAL or UNKNOWN"]
            left += [line for line in self.server.log().splitlines() if " ERROR " in line][-20:]
        return {
            "seconds": round(worked, 1),
            "clients": self.count,
            "calls": metrics.get("godwit_call_duration_seconds_count", 0),
            "statements": metrics.get("godwit_statements_total", 0),
            "sent_bytes": metrics.get("godwit_sent_bytes_total", 0),
            "spilled_bytes": metrics.get("godwit_statement_spilled_bytes_total", 0),
            "figures": {name: {"before": before[name], "highest": self.highest[name], "after": after[name],
                               "slack": SLACK.get(name, 0)} for name in FIGURES},
            "left": left,
        }


def spill(client):
    """Once undisturbed, so that something is spilled for certain; whether it fits in the end is not what this is about."""
    try:
        for _ in client.get(client.info(wire.statement(clients.SORTED.replace("600000", "2000000")))):
            pass
    except pa.ArrowException as error:
        if "memory.limit" not in str(error):
            raise


def prepare_processes():
    """Starts that process, which looks for the libraries only where it is told to when it begins."""
    PROCESSES.set_forkserver_preload([clients.__name__])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = TESTS
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        os.environ.update({"PYTHONPATH": before} if before is not None else {})


def files(directory):
    """How many files are below a directory that others change."""
    count = 0
    try:
        for path in directory.iterdir():
            count += files(path) if path.is_dir() else 1
    except OSError:
        pass
    return count


def table(report):
    """The report for people."""
    lines = [f"{report['seconds']} s, {report['clients']}, {report['calls']:.0f} calls, {report['statements']:.0f} statements, "
             f"{report['sent_bytes'] / 1e9:.2f} GB sent, {report['spilled_bytes'] / 1e9:.2f} GB spilled",
             f"{'':18}{'before':>14}{'highest':>14}{'after':>14}"]
    for name, figure in report["figures"].items():
        lines.append(f"{name:18}" + "".join(f"{figure[when]:14,.0f}" for when in ("before", "highest", "after")))
    return "\n".join([*lines, *(f"LEFT {each}" for each in report["left"])])


def soak(home, seconds, say=print):
    """Starts a server in a directory and soaks it."""
    prepare_processes()
    idle = min(max(IDLE[0], round(seconds / 20)), IDLE[1])
    with Server(home, config=CONFIG.format(idle=idle, limit=LIMIT)) as server:
        return Soak(server, seconds, say=say).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="godwit-soak-") as home:
        report = soak(pathlib.Path(home), options.seconds)
    print(table(report))
    text = json.dumps(report)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    sys.exit(bool(report["left"]))


if __name__ == "__main__":
    main()

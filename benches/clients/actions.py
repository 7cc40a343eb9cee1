"""What a client can be told to do. An action gets the client and the specification, and gives what it counted."""

import itertools
import time

from harness import stats


def stream(client, spec):
    """Reads the whole result of a query, batch by batch, and keeps none."""
    rows = size = 0
    for batch in client.batches(spec["sql"]):
        rows += batch.num_rows
        size += batch.nbytes
    return {"rows": rows, "bytes": size}


def slow_stream(client, spec):
    """Reads as long as it is told and waits after each batch, as a client does that has other work."""
    rows = size = 0
    deadline = time.monotonic() + spec["seconds"]
    for batch in client.batches(spec["sql"]):
        rows += batch.num_rows
        size += batch.nbytes
        if time.monotonic() > deadline:
            break
        time.sleep(spec["pause"])
    return {"rows": rows, "bytes": size}


def queries(client, spec):
    """Runs a list of queries, each once; the seconds of each."""
    seconds, rows = {}, 0
    for name, sql in spec["queries"]:
        begin = time.monotonic()
        rows += sum(batch.num_rows for batch in client.batches(sql))
        seconds[name] = time.monotonic() - begin
    return {"rows": rows, "seconds": seconds}


def _for_a_while(seconds, step):
    """Repeats a step; how often, and how long it took at the median and at the slowest hundredth."""
    took, deadline, now = [], time.monotonic() + seconds, time.monotonic()
    while now < deadline:
        step()
        then, now = now, time.monotonic()
        took.append(now - then)
    took.sort()
    return {"count": len(took), "p50": stats.percentile(took, 0.5), "p99": stats.percentile(took, 0.99)}


def rate(client, spec):
    """The same small query again and again."""
    return _for_a_while(spec["seconds"], client.small)


def inserts(client, spec):
    """Rows of their own, each in a statement and a commit of its own."""
    return _for_a_while(spec["seconds"], lambda: client.run(spec["sql"].format(next(spec["numbers"]))))


def put(client, spec):
    """Sends the batches of a file that is in memory."""
    client.put(spec["into"], client.held)
    return {"rows": client.held.num_rows, "bytes": client.held.nbytes}


def ingest(client, spec):
    """Takes a table that is in memory into a new durable one."""
    client.ingest(spec["into"], client.held)
    return {"rows": client.held.num_rows, "bytes": client.held.nbytes}


def _hold(client, spec):
    client.hold(spec["file"])


def _make_table(client, spec):
    """The first client makes the table; all others insert only after it is ready."""
    if spec["number"] == 0:
        client.run("drop table if exists inserted")
        client.run(spec["create"])
    spec["numbers"] = itertools.count(spec["number"] * 10_000_000)


ACTIONS = {"stream": stream, "slow_stream": slow_stream, "queries": queries, "rate": rate, "inserts": inserts, "put": put,
           "ingest": ingest}
# What is done once before the client is ready, and what before each round, neither of which is timed.
PREPARE = {"rate": lambda client, spec: client.prepare_small(spec["sql"], spec.get("parameter")), "put": _hold, "ingest": _hold,
           "inserts": _make_table}
BEFORE = {"put": lambda client, spec: client.forget(spec["into"]), "ingest": lambda client, spec: client.forget(spec["into"]),
          "inserts": lambda client, spec: getattr(client, "look_again", lambda: None)()}

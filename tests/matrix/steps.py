"""What every client of the matrix is asked to do, and what it should see."""

import contextlib

import pyarrow as pa

import arrow_types
from godwit_server import eventually

QUERY = "select id, name, active from people order by id"
ROWS = [(1, "Ada", True), (2, "Grace", False), (3, "Étienne", None), (4, None, True), (5, "Zoë 🐦", False)]

PREPARED = "select name from people where id = ?"

# What a client ingests.
TRIPS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "town": pa.array(["Lisboa", None, "Faro"])})
TRIP_ROWS = [(1, "Lisboa"), (2, None), (3, "Faro")]
COUNT_ORDERS = "select count(*) from orders"

# Nothing equals a null.
INCOMPARABLE = {"null"}

# Types that cannot be compared with a column of their own, but with a literal.
LITERALS = {
    "list_view": "[1, 2]",
    "large_list_view": "[1, 2]",
    "dense_union": "'one'",
    "dense_union_of_view": "'one'",
    "sparse_union": "'one'",
}


def endless(mark):
    """A query that would run for days and gives rows from the start; the mark finds it among the running ones."""
    numbers = "generate_series(1, 1000000)"
    return f"select a.value, b.value as other from {numbers} a cross join {numbers} b /* {mark} */"


def running(observer, mark):
    """How many queries with this mark the server runs."""
    # The question must not find itself.
    half = len(mark) // 2
    like = f"'%{mark[:half]}' || '{mark[half:]}%'"
    return observer.value(f"select count(*) from system.queries where ended is null and sql like {like}")


@contextlib.contextmanager
def freed(observer, mark):
    """What is done inside stops the query with this mark, which must be in mid-stream, and the server lets go of it."""
    eventually(lambda: running(observer, mark) == 1, f"{mark} runs", 10)
    yield
    eventually(lambda: running(observer, mark) == 0, f"{mark} has ended", 10)


def typed_values():
    """One value of every type that can be compared, as {name: array of one value}."""
    return {name: array.slice(0, 1) for name, array in arrow_types.cases().items() if name not in INCOMPARABLE}


def typed_query(name):
    """Counts the rows that have the bound value, of which there are one or more."""
    if literal := LITERALS.get(name):
        return f"select count(*) as n from people where ? = {literal}"
    return f"select count(*) as n from types.t_{name} where v = ?"


def write_typed_values(directory):
    """For programs: a file NAME.arrow with the value of each type, and with its query in the schema's metadata."""
    for name, array in typed_values().items():
        schema = pa.schema([("v", array.type)], metadata={"sql": typed_query(name)})
        with pa.ipc.new_file(str(directory / f"{name}.arrow"), schema) as sink:
            sink.write_batch(pa.record_batch([array], schema=schema))

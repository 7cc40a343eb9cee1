"""What must be reached: ratios in one run, each against a peer and with what is aimed at beyond it."""

import dataclasses

from harness import stats
from harness.measures import UNITS, value


@dataclasses.dataclass(frozen=True)
class Target:
    """A measure held against a peer: Godwit is at least so many times better; or, without a peer, at most so large."""

    line: str
    measure: str
    peer: str | None
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None
    # The figure of the samples that is compared, where it is not the measure's own.
    of: str | None = None


def _gets(client, at_least, aim, aim_of_two=None):
    for kind in ("numeric", "strings"):
        for streams in (1, 2):
            yield Target(f"DoGet of tables in memory, {client}", f"get-{kind}-{client.lower()}-{streams}", "reference", at_least,
                         aim=aim_of_two if streams == 2 and aim_of_two else aim)


TARGETS = (
    *_gets("pyarrow", 1.0, 1.0, 1.1),
    *_gets("ADBC", 0.95, 1.05),
    Target("`select * from lineitem`", "lineitem", "sail", 1.6),
    Target("`select * from lineitem`", "lineitem", "duckdb", 1.0),
    Target("TPC-H, sum", "tpch", "sail", 1.5),
    Target("TPC-H, geometric mean", "tpch", "sail", 1.5, of="geometric"),
    Target("TPC-H, sum", "tpch", "duckdb-flight", aim=1.0),
    Target("TPC-H, geometric mean", "tpch", "duckdb-flight", aim=1.0, of="geometric"),
    Target("TPC-H, sum", "tpch", "duckdb", aim=1.0),
    *(Target(line, f"{name}-{clients}", peer, 2.5)
      for line, name in (("`select 1`", "select-1"), ("prepared point query", "point"))
      for clients in (1, 4, 16) for peer in ("roapi", "sail")),
    *(Target("GetFlightInfo and DoGet of 10 rows", f"ten-rows-{clients}", "reference", 1.7) for clients in (1, 8, 32)),
    Target("DoPut", "put-1", "reference", 1.25),
    Target("DoPut", "put-2", "reference", 1.15),
    Target("bulk ingest of lineitem", "ingest-lineitem", "quack", 2.0),
    Target("bulk ingest of lineitem", "ingest-lineitem", "duckdb", aim=1.0),
    Target("single-row inserts", "insert-1", "quack", 3.0),
    Target("single-row inserts", "insert-8", "quack", 8.0),
    Target("peak memory of the server", "memory-1", None, at_most=250.0),
    Target("peak memory of the server", "memory-10", None, at_most=600.0),
)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a target stands. `figure` is the ratio, or the size in MB; `reached` is None where nothing was measured. `best` is the
    ratio of a server that takes no time: as often as the clients' own processor time allows on all cores."""

    target: Target
    title: str
    unit: str
    figure: float | None
    reached: bool | None
    why: str = ""
    best: float | None = None


def verdict(target, found):
    """How a target stands in these results."""
    record = next((each for each in found["measures"] if each["name"] == target.measure), None)
    if record is None:
        return Verdict(target, f"{target.line} ({target.measure})", "", None, None, "not measured in this run")
    why = _absent(found, record, "godwit") or (target.peer and _absent(found, record, target.peer)) or ""
    if why:
        return Verdict(target, title(record, target.of), record["unit"], None, None, why)
    ours = values(record, "godwit", target.of)
    if target.peer is None:
        figure = stats.median(ours)
        return Verdict(target, title(record, target.of), record["unit"], figure, figure <= target.at_most)
    figure = stats.ratio(ours, values(record, target.peer, target.of), higher_is_better=UNITS[record["unit"]])
    reached = figure >= (target.at_least or target.aim)
    busy = None if target.of else clients_share(record, found["machine"]["cores"])
    return Verdict(target, title(record, target.of), record["unit"], figure, reached, best=figure / busy if busy else None)


def clients_share(record, cores):
    """How much of all cores Godwit's clients took themselves."""
    return stats.median([sample.get("client_cpu", 0) / sample["wall"] / cores for sample in record["samples"]["godwit"]])


def title(record, of=None):
    """What a measure is called, with what of its samples is compared."""
    words = {"total": ", sum", "geometric": ", geometric mean"}
    return record["title"] + words.get(of or record["of"], "")


def values(record, peer, of=None):
    """The figures of a peer, one a round."""
    return [value(record["unit"], of or record["of"], sample) for sample in record["samples"].get(peer, [])]


def _absent(found, record, peer):
    """Why there are no figures of a peer, if there are none."""
    if record["samples"].get(peer):
        return None
    return record["failed"].get(peer) or found["missing"].get(peer) or "not measured"


def verdicts(found):
    """Every target of the table, in its order, as far as something of it was measured or should have been."""
    return [verdict(target, found) for target in TARGETS]

"""`make bench-profile`: what a server does during a measure: its system calls, and where its processor time goes.

    profiles.py --binary GODWIT --cache DIRECTORY [--peers PEER…] [MEASURE…]

Both are counted by the operation, so that they say the same on a busy machine as on an idle one. It needs strace and perf,
Debian's packages strace and linux-perf. The tables go to results/profile.md.
"""

import argparse
import collections
import dataclasses
import datetime
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import cases
import run
from harness import processes, tables, targets
from harness.rounds import say
from harness.specs import specs
from harness.titles import TITLES
from harness.workers import Crew
from peers import ALL

USUAL = ("ten-rows-8", "select-1-4", "point-4", "insert-1", "insert-8", "put-1", "get-strings-pyarrow-1", "get-strings-adbc-1",
         "lineitem", "tpch")
SYMBOLS = 15
# What a function belongs to, by the first of these that its name begins with or has; what was inlined into it counts to it.
PARTS = (
    ("the kernel", r"^kernel: "),
    ("the allocator", r"^_?mi_|mimalloc"),
    ("copies, comparisons", r"^_?_?mem(move|cpy|set|cmp)"),
    ("SQLite", r"^sqlite3|rusqlite|^pcache1|^wal[A-Z]|^unix[A-Z]"),
    ("Godwit's own", r"\bgodwit"),
    ("HTTP/2, gRPC, protobuf", r"\b(h2|hyper|hyper_util|tonic|tonic_\w+|tower|tower_\w+|http|http_body\w*|prost)::"),
    ("tokio", r"\b(tokio|tokio_\w+|mio|futures_\w+)::"),
    ("decompression", r"^ZSTD_|^HUF_|^FSE_|snap::|lz4|brotli"),
    ("DataFusion, Arrow, Parquet", r"\b(datafusion\w*|arrow\w*|parquet|sqlparser|object_store)::"),
)
# Seconds until a tool watches all threads.
ATTACHING = 1.0
# A line of `strace -c`: share, seconds, microseconds a call, calls, sometimes errors, name.
COUNTED = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")


@dataclasses.dataclass
class Watched:
    """A round with a tool on the server; operations are queries, rows inserted, or megabytes."""

    operations: float
    unit: str
    output: str


def watch(crew, tool, output):
    """Two rounds of a crew's work while the tool watches the server, after one that nobody looks at."""
    crew.round()
    with subprocess.Popen([*map(str, tool), str(crew.peer.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as watcher:
        time.sleep(ATTACHING)
        samples = [crew.round() for _ in range(2)]
        processes.stop(watcher, signal.SIGINT)
    output = pathlib.Path(output).read_text(errors="replace")
    if "seconds" in samples[0]:
        return Watched(len(samples), "round", output)
    operations = sum(each.get("count") or each["bytes"] / 1e6 for each in samples)
    return Watched(operations, "operation" if "count" in samples[0] else "MB", output)


def system_calls(crew, home):
    """How often each system call is made for an operation: [(name, count)], the most frequent first."""
    seen = watch(crew, ["strace", "-f", "-c", "-o", home / "strace", "-p"], home / "strace")
    found = [(line[2], int(line[1]) / seen.operations) for line in map(COUNTED.match, seen.output.splitlines()) if line]
    return seen.unit, [each for each in sorted(found, key=lambda each: -each[1]) if each[0] != "total" and each[1] >= 0.005]


def processor_time(crew, home):
    """The functions that processor time is spent in: [(percent, thread, function)], those that take most first."""
    (home / "perf").touch()
    watch(crew, ["perf", "record", "-q", "-F", "997", "-o", home / "perf", "-p"], home / "strace")
    said = subprocess.run(["perf", "report", "-i", home / "perf", "--stdio", "-F", "overhead,comm,symbol"],
                          capture_output=True, text=True, check=False).stdout
    lines = (re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[(.)\] (.*\S)", line) for line in said.splitlines())
    return [(float(line[1]), line[2], ("kernel: " if line[3] == "k" else "") + line[4]) for line in lines if line]


def part(function):
    """What a function belongs to."""
    return next((title for title, pattern in PARTS if re.search(pattern, function)), "the rest")


def shares(symbols, of):
    """How the processor time is divided by what `of` says of a thread and a function, in a line."""
    sums = collections.Counter()
    for percent, thread, function in symbols:
        sums[of(thread, function)] += percent
    return ", ".join(f"{name} {percent:.0f} %" for name, percent in sums.most_common() if percent >= 1)


def measure(place, size, names, peers):
    """Sections of Markdown, one a measure and peer."""
    for subject in run.SUBJECTS:
        for group in subject.groups(size):
            for each in (each for each in group.measures if each.name in names and not group.fresh):
                for name in (name for name in each.peers if name in peers):
                    yield section(place, group, each, name)


def section(place, group, measure, name):
    say(f"{measure.name}, {TITLES[name]}")
    peer = ALL[name](place)
    try:
        peer.start(**group.starts.get(name, group.starts.get("*", {})))
        crew = Crew(peer, specs(measure, peer), measure.limit)
        try:
            unit, calls = system_calls(crew, peer.home)
            symbols = processor_time(crew, peer.home)
        finally:
            crew.close()
    finally:
        peer.stop()
    record = {"title": measure.title, "of": measure.of}
    listed = ", ".join(f"{call} {tables.number(count)}" for call, count in calls[:12])
    rows = [[thread, f"{percent:.2f} %", f"`{what[:118]}`"] for percent, thread, what in symbols[:SYMBOLS]]
    return "\n\n".join([
        f"## {targets.title(record)}: {TITLES[name]}", f"System calls for each {unit}: {listed}.",
        f"Processor time by thread: {shares(symbols, lambda thread, _: thread)}.",
        f"By what the functions belong to: {shares(symbols, lambda _, function: part(function))}.",
        tables.table(["thread", "share", "function"], rows)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--peers", nargs="*", default=["godwit"])
    parser.add_argument("measures", nargs="*", default=USUAL)
    asked = parser.parse_args()
    for tool in ("strace", "perf"):
        if shutil.which(tool) is None:
            sys.exit(f"there is no {tool}")
    home = pathlib.Path(tempfile.mkdtemp(prefix="profile-", dir=asked.cache))
    try:
        place, size = run.place(asked, cases.QUICK, home), cases.QUICK
        parts = list(measure(place, size, set(asked.measures), set(asked.peers)))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    head = f"# What the servers do\n\nMade by `make bench-profile` on {day}, with the data of `make bench-quick`."
    (HERE / "results" / "profile.md").write_text("\n\n".join([head, *parts]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

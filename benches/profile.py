"""`make bench-profile`: what a server does during a measure: its system calls, and where its processor time goes.

    profile.py --binary GODWIT --cache DIRECTORY [--peers PEER…] [MEASURE…]

Both are counted by the operation, so that they say the same on a busy machine as on an idle one. It needs strace and perf,
Debian's packages strace and linux-perf. The tables go to results/profile.md.
"""

import argparse
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

USUAL = ("ten-rows-8", "select-1-4", "point-4", "insert-8", "put-1", "get-strings-pyarrow-1", "get-strings-adbc-1", "lineitem")
SYMBOLS = 15
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
    operations = sum(each.get("count") or each["bytes"] / 1e6 for each in samples)
    return Watched(operations, "operation" if "count" in samples[0] else "MB", pathlib.Path(output).read_text(errors="replace"))


def system_calls(crew, home):
    """How often each system call is made for an operation: [(name, count)], the most frequent first."""
    seen = watch(crew, ["strace", "-f", "-c", "-o", home / "strace", "-p"], home / "strace")
    found = [(line[2], int(line[1]) / seen.operations) for line in map(COUNTED.match, seen.output.splitlines()) if line]
    return seen.unit, [each for each in sorted(found, key=lambda each: -each[1]) if each[0] != "total" and each[1] >= 0.005]


def processor_time(crew, home):
    """The functions that processor time is spent in: [(share, thread, function)]."""
    (home / "perf").touch()
    watch(crew, ["perf", "record", "-q", "-F", "997", "-o", home / "perf", "-p"], home / "strace")
    said = subprocess.run(["perf", "report", "-i", home / "perf", "--stdio", "-F", "overhead,comm,symbol", "--percent-limit", "0.5"],
                          capture_output=True, text=True, check=False).stdout
    lines = (re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[(.)\] (.*\S)", line) for line in said.splitlines())
    return [(f"{line[1]} %", line[2], ("kernel: " if line[3] == "k" else "") + line[4][:110]) for line in lines if line][:SYMBOLS]


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
    functions = tables.table(["thread", "share", "function"], [[thread, share, f"`{what}`"] for share, thread, what in symbols])
    return f"## {targets.title(record)}: {TITLES[name]}\n\nSystem calls for each {unit}: {listed}.\n\n{functions}"


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

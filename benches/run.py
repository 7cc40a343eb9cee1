"""`make bench`: measures Godwit and its peers side by side, and writes what came out.

    run.py --binary GODWIT --cache DIRECTORY [--quick] [--only WORD…] [--out DIRECTORY]

The figures go to OUT/bench.json, or OUT/quick.json, with a table (.md) and a chart (.svg) made from it.
"""

import argparse
import datetime
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import cases
from cases import durable, memory_peaks, memory_tables, queries, small_queries
from harness import data, machine, results
from harness.rounds import Run, say
from peers.base import Place

SUBJECTS = (memory_tables, small_queries, queries, durable, memory_peaks)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, required=True, help="the server")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="where benches/install has put the peers")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--only", nargs="*", help="measures whose name has one of these words in it")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    return parser.parse_args()


def place(asked, size, home):
    """Where things are, with the data made if it is not there."""
    cache, binary = asked.cache.resolve(), asked.binary.resolve()
    say(f"data: TPC-H scale {size.scale}, {size.megabytes} MiB of numbers and of strings")
    return Place(binary, cache, home, data.tpch(binary, cache, size.scale), data.memory(cache, size.megabytes), size.scale)


def measure(asked, size, home):
    """Runs everything that is asked for."""
    run = Run(place(asked, size, home), asked.only)
    for subject in SUBJECTS:
        for group in subject.groups(size):
            run.group(group)
    return run


def main():
    asked = arguments()
    size, began = (cases.QUICK if asked.quick else cases.FULL), time.monotonic()
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=asked.cache))
    try:
        run = measure(asked, size, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    found = {
        "made": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "size": size.name, "seconds": round(time.monotonic() - began),
        "machine": machine.describe(), "versions": run.versions, "missing": run.missing, "groups": run.seconds,
        "measures": run.measures,
    }
    path = asked.out / ("bench.json" if size.name == "full" and not asked.only else "quick.json")
    results.write(path, found)
    say(f"{found['seconds']} s; {path}")


if __name__ == "__main__":
    main()

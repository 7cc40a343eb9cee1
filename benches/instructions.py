"""`make bench-instructions`: how many instructions the server spends on a small query, counted by valgrind's callgrind.

    instructions.py --binary GODWIT [--functions]

No clock is in it, so a busy machine counts the same as an idle one, to about one in a hundred. The counts are written to
results/instructions.json, with which tests/test_instructions.py compares; `--functions` shows where they go instead.
"""

import argparse
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as parquet

from harness import processes

STORED = HERE / "results" / "instructions.json"
USER, PASSWORD = "admin", "a long-distance flier"
# Each is asked with GetFlightInfo and DoGet.
QUERIES = {
    "select 1": "select 1",
    "a row of a Parquet file by its key": "select name, amount from rows where id = 700",
}
WARM, TIMES, ROUNDS = 20, 25, 2


class Server:
    """Godwit under callgrind, which counts nothing until it is told to."""

    def __init__(self, binary, home):
        self.home, self.port = pathlib.Path(home), processes.free_port()
        ids = list(range(1000))
        rows = pa.table({"id": ids, "name": [f"name {each}" for each in ids], "amount": [each / 4 for each in ids]})
        parquet.write_table(rows, self.home / "rows.parquet")
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self.home / 'counts'}",
                   binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", self.home / "data",
                   "--mount", f"rows={self.home / 'rows.parquet'}"]
        # One thread runs queries, so that counts do not depend on who is idle.
        settings = processes.environment(GODWIT_ADMIN_PASSWORD=PASSWORD, GODWIT_QUERY_WORKER_THREADS="1",
                                         GODWIT_QUERY_TARGET_PARTITIONS="1")
        self.process = processes.start(command, self.home / "log", cwd=self.home, env=settings)
        try:
            processes.wait_for_port(self.process, self.port, self.home / "log", 300)
            self.client = flight.connect(f"grpc://127.0.0.1:{self.port}")
            header = self.client.authenticate_basic_token(USER, PASSWORD)
        except BaseException:
            self.stop()
            raise
        self.options, self.dumps = flight.FlightCallOptions(headers=[header]), 0

    def stop(self):
        processes.stop(self.process, signal.SIGKILL)

    def ask(self, sql):
        info = self.client.get_flight_info(flight.FlightDescriptor.for_command(sql.encode()), self.options)
        return self.client.do_get(info.endpoints[0].ticket, self.options).read_all()

    def control(self, *arguments):
        subprocess.run(["callgrind_control", *arguments, str(self.process.pid)], capture_output=True, check=True)

    def count(self, sql):
        """The instructions of one query, the fewest of some rounds: what else the server does now and then is not in it."""
        for _ in range(WARM):
            assert self.ask(sql).num_rows == 1
        return min(self._round(sql) for _ in range(ROUNDS)) // TIMES

    def _round(self, sql):
        self.control("-i", "on")
        for _ in range(TIMES):
            self.ask(sql)
        self.control("-i", "off")
        self.control("-d")
        self.dumps += 1
        return sum(map(int, re.findall(r"^totals: (\d+)", self.dump().read_text(encoding="utf-8"), re.MULTILINE)))

    def dump(self):
        """The file of the last round."""
        return self.home / f"counts.{self.dumps}"


def count(binary):
    """The instructions of each query, {what it is called: how many}."""
    with tempfile.TemporaryDirectory(prefix="bench-instructions-", dir="/var/tmp") as home:
        server = Server(binary, home)
        try:
            return {name: server.count(sql) for name, sql in QUERIES.items()}
        finally:
            server.stop()


def functions(binary):
    """Prints where the instructions of each query go: those of a function and all that it calls."""
    with tempfile.TemporaryDirectory(prefix="bench-instructions-", dir="/var/tmp") as home:
        server = Server(binary, home)
        try:
            for name, sql in QUERIES.items():
                print(f"\n{name}: {server.count(sql):,} instructions", flush=True)
                said = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", server.dump()],
                                      capture_output=True, text=True, check=True)
                print("\n".join(said.stdout.splitlines()[:220]), flush=True)
        finally:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--functions", action="store_true")
    asked = parser.parse_args()
    if asked.functions:
        functions(asked.binary.resolve())
    else:
        found = count(asked.binary.resolve())
        STORED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

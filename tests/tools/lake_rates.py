"""How fast durable tables take rows: bulk ingest with peak memory, and single-row inserts with 1 and 8 clients.

`python tests/tools/lake_rates.py` prints a small table; it uses the binary that the tests use."""

import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import pyarrow as pa

from godwit_server import Server
from test_do_put import ingest_command

MIB = 1 << 20
BULK_ROWS = 20_000_000
BATCH = 65_536
SECONDS = 5.0


def peak(server):
    """The most memory that the server ever held, in MiB."""
    for line in pathlib.Path(f"/proc/{server.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not say")


def bulk(server):
    """Rows and bytes a second of one ingest of four columns."""
    ids = range(BATCH)
    batch = pa.record_batch({
        "id": pa.array(ids, pa.int64()),
        "price": pa.array([at / 100 for at in ids], pa.float64()),
        "name": [f"customer {at % 1000}" for at in ids],
        "day": pa.array([at % 20_000 for at in ids], pa.int32()).cast(pa.date32()),
    })
    count = BULK_ROWS // BATCH
    with server.client() as client:
        command = ingest_command("create", table="bulk", temporary=False)
        started = time.monotonic()
        client.put(command, (batch for _ in range(count)), batch.schema)
        took = time.monotonic() - started
        assert client.value("select count(*) from bulk") == count * BATCH
    return count * BATCH / took, count * batch.nbytes / took / MIB


def singles(server, clients):
    """Single-row inserts a second, each its own commit, of so many clients at once."""
    table = f"singles{clients}"
    with server.client() as client:
        client.run(f"create table {table} (client int, n bigint, text varchar)")
    done = [0] * clients
    ready, go = threading.Barrier(clients + 1), threading.Event()

    def write(at):
        with server.client() as client:
            client.value("select 1")
            ready.wait()
            go.wait()
            while time.monotonic() < deadline:
                done[at] += client.run(f"insert into {table} values ({at}, {done[at]}, 'some text')")

    threads = [threading.Thread(target=write, args=(at,)) for at in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    deadline = time.monotonic() + SECONDS
    go.set()
    for thread in threads:
        thread.join()
    with server.client() as client:
        assert client.value(f"select count(*) from {table}") == sum(done)
    return sum(done) / SECONDS


def line(what, rows, more=""):
    print(f"{what:<40} | {rows:>12,.0f} rows/s{more}")


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-rates-") as home, Server(home) as server:
        rows, mib = bulk(server)
        line(f"bulk ingest, {BULK_ROWS:,} rows, 4 columns", rows, f" ({mib:,.0f} MiB/s), peak {peak(server):,.0f} MiB")
        line("single-row inserts, 1 client", singles(server, 1))
        line("single-row inserts, 8 clients", singles(server, 8))


if __name__ == "__main__":
    main()

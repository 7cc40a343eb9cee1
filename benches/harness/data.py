"""The data, made once and kept in the cache: TPC-H as `godwit demo` makes it, and tables for memory."""

import queue
import shutil
import subprocess
import threading

import duckdb
import numpy
import pyarrow as pa
from duckdb_extensions import import_extension

from harness import processes

BATCH_ROWS = 65_536
NUMERIC = pa.schema([pa.field(name, kind, nullable=False) for name, kind in (
    ("a", pa.int64()), ("b", pa.int64()), ("c", pa.float64()), ("d", pa.float64()))])
STRINGS = pa.schema([pa.field(name, kind, nullable=False) for name, kind in (
    ("id", pa.int64()), ("s1", pa.string()), ("s2", pa.string()))])


def tpch(binary, cache, scale):
    """The directory of TPC-H's tables at a scale, as Parquet files."""
    data_dir = cache / f"tpch-{scale}"
    if not (data_dir / "done").exists():
        shutil.rmtree(data_dir, ignore_errors=True)
        command = [binary, "demo", "--scale", str(scale), "--listen", "127.0.0.1:0", "--data-dir", data_dir]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=processes.environment(), preexec_fn=processes.die_with_parent) as demo:
            _wait_until_ready(demo)
            processes.stop(demo)
        (data_dir / "done").touch()
    return data_dir / "tpch"


def _wait_until_ready(demo):
    lines = queue.Queue()

    def pump():
        for line in demo.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=pump, daemon=True).start()
    while True:
        line = lines.get(timeout=600)
        if line is None:
            raise RuntimeError(f"`godwit demo` ended with code {demo.wait()}")
        if line.startswith("godwit ready"):
            return


def memory(cache, megabytes):
    """The directory of Arrow files `numeric`, `strings` (of so many MiB each) and `small`, which has ten rows."""
    directory = cache / f"memory-{megabytes}"
    if not (directory / "done").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        size, rows = megabytes << 20, BATCH_ROWS
        _write(directory / "numeric.arrow", NUMERIC, (_numeric(rows, turn) for turn in range(size // (rows * 32))))
        _write(directory / "strings.arrow", STRINGS, (_strings(rows, turn) for turn in range(size // (rows * 48))))
        _write(directory / "small.arrow", NUMERIC, [_numeric(10, 0)])
        (directory / "done").touch()
    return directory


def _write(path, schema, batches):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _numeric(rows, turn):
    random = numpy.random.default_rng(turn)
    ids = numpy.arange(turn * rows, (turn + 1) * rows)
    columns = [ids, random.integers(0, 1 << 48, rows), ids * 0.5, random.random(rows)]
    return pa.record_batch([pa.array(column) for column in columns], schema=NUMERIC)


def _strings(rows, turn):
    """A number, eight hexadecimal digits, and a text of 24 bytes."""
    random = numpy.random.default_rng(turn)
    digits = numpy.frombuffer(b"0123456789abcdef", dtype="uint8")
    ids = numpy.arange(turn * rows, (turn + 1) * rows)
    first = digits[random.integers(0, 16, (rows, 8))]
    second = numpy.empty((rows, 24), dtype="uint8")
    second[:, :9] = numpy.frombuffer(b"customer#", dtype="uint8")
    second[:, 9:] = digits[random.integers(0, 10, (rows, 15))]
    return pa.record_batch([pa.array(ids), _text(first), _text(second)], schema=STRINGS)


def _text(letters):
    rows, width = letters.shape
    offsets = pa.py_buffer(numpy.arange(0, (rows + 1) * width, width, dtype="int32"))
    return pa.StringArray.from_buffers(rows, offsets, pa.py_buffer(letters.tobytes()))


def queries():
    """TPC-H's 22 queries as DuckDB's extension has them, [(name, SQL)]."""
    connection = duckdb.connect()
    import_extension("tpch", con=connection)
    connection.execute("load tpch")
    found = connection.execute("select query_nr, query from tpch_queries() order by 1").fetchall()
    return [(f"q{number:02}", sql.strip().rstrip(";")) for number, sql in found]

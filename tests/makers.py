"""Makes the files that the server mounts: small, the same on every run, one of every kind."""

import dataclasses
import datetime
import json
import pathlib

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

import arrow_types


@dataclasses.dataclass
class Data:
    """Where the files are, what is mounted by which name (`schemas` as such, `mounts` as the server sees fit), and what is
    in some of them."""

    root: pathlib.Path
    mounts: dict = dataclasses.field(default_factory=dict)
    schemas: dict = dataclasses.field(default_factory=dict)
    tables: dict = dataclasses.field(default_factory=dict)


def make_all(root):
    """Every file that the shared server mounts."""
    data = Data(root)
    data.tables = {"people": people(), "numbers": numbers(), "trips": trips()}
    write_parquet(data, "people", data.tables["people"])
    write_parquet(data, "numbers", data.tables["numbers"], row_group_size=20_000)
    write_text_files(data)
    write_ipc_files(data)
    write_avro(data)
    write_directories(data)
    arrow_types.write(data)
    return data


def mount(data, name, path):
    data.mounts[name] = path
    return path


def people():
    """Five rows with nulls, and a column that cannot be null."""
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("name", pa.string()),
            pa.field("score", pa.float64()),
            pa.field("born", pa.date32()),
            pa.field("active", pa.bool_()),
        ]
    )
    day = datetime.date
    rows = [
        (1, "Ada", 9.5, day(1815, 12, 10), True),
        (2, "Grace", 8.25, day(1906, 12, 9), False),
        (3, "Étienne", None, day(1997, 3, 1), None),
        (4, None, 1.0, None, True),
        (5, "Zoë 🐦", -0.5, day(2000, 2, 29), False),
    ]
    return pa.table([pa.array(column, field.type) for column, field in zip(zip(*rows), schema)], schema=schema)


def numbers(rows=100_000):
    """0, 1, 2 … with values derived from them."""
    n = pa.array(range(rows), pa.int64())
    return pa.table(
        {
            "n": n,
            "k": pc.cast(pc.subtract(n, pc.multiply(pc.divide(n, 100), 100)), pa.int32()),
            "half": pc.divide(pc.cast(n, pa.float64()), 2.0),
            "s": pc.binary_join_element_wise(pa.scalar("row"), pc.cast(n, pa.string()), "-"),
        }
    )


def trips():
    """What the text files hold."""
    return pa.table(
        {
            "trip": pa.array([10, 20, 30], pa.int64()),
            "town": pa.array(["Lisboa", "Porto, Norte", 'say "hi"'], pa.string()),
            "km": pa.array([1.5, 2.0, -3.25], pa.float64()),
        }
    )


def course(rows):
    """The table of the course chapters, id, valor, categoria, in this many rows."""
    chance = np.random.default_rng(5)
    return pa.table(
        {
            "id": range(rows),
            "valor": chance.standard_normal(rows),
            "categoria": chance.choice(["A", "B", "C"], rows),
        }
    )


def write_parquet(data, name, table, **options):
    path = mount(data, name, data.root / f"{name}.parquet")
    pq.write_table(table, path, **options)


def write_compressed(path, content, codec):
    """The content in a file, packed by `codec` (gzip, zstd) unless that is None."""
    with pa.OSFile(str(path), "wb") as sink:
        if codec is None:
            sink.write(content)
        else:
            with pa.CompressedOutputStream(sink, codec) as stream:
                stream.write(content)


def write_text_files(data):
    """CSV, TSV and NDJSON, plain and packed."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(trips(), sink)
    csv = sink.getvalue().to_pybytes()
    ndjson = "".join(json.dumps(row) + "\n" for row in trips().to_pylist()).encode()
    for suffix, codec in [("", None), (".gz", "gzip"), (".zst", "zstd")]:
        name = {None: "plain", "gzip": "gz", "zstd": "zst"}[codec]
        write_compressed(mount(data, f"csv_{name}", data.root / f"trips.csv{suffix}"), csv, codec)
        write_compressed(mount(data, f"ndjson_{name}", data.root / f"trips.ndjson{suffix}"), ndjson, codec)
    tsv = "trip\ttown\tkm\n10\tLisboa\t1.5\n20\tPorto, Norte\t2.0\n"
    mount(data, "tsv", data.root / "trips.tsv").write_text(tsv, encoding="utf-8")
    mount(data, "jsonl", data.root / "trips.jsonl").write_bytes(ndjson)


def write_ipc_files(data):
    table = trips()
    for name, suffix, writer in [
        ("ipc_file", ".arrow", pa.ipc.new_file),
        ("ipc_stream", ".arrows", pa.ipc.new_stream),
        ("feather", ".feather", pa.ipc.new_file),
    ]:
        with writer(str(mount(data, name, data.root / f"trips{suffix}")), table.schema) as sink:
            sink.write_table(table, max_chunksize=2)


def write_avro(data):
    schema = fastavro.parse_schema(
        {
            "type": "record",
            "name": "trip",
            "fields": [
                {"name": "trip", "type": "long"},
                {"name": "town", "type": ["null", "string"]},
                {"name": "km", "type": "double"},
            ],
        }
    )
    for name, codec in [("avro", "null"), ("avro_deflate", "deflate")]:
        with open(mount(data, name, data.root / f"{name}.avro"), "wb") as sink:
            fastavro.writer(sink, schema, trips().to_pylist(), codec=codec)


def write_directories(data):
    """A directory of parts, a glob, a hive tree, a schema."""
    parts = data.root / "parts"
    parts.mkdir()
    for part in range(3):
        rows = pa.table({"part": pa.array([part] * 4, pa.int32()), "row": pa.array(range(4), pa.int64())})
        pq.write_table(rows, parts / f"part-{part}.parquet")
    mount(data, "parts", parts)
    mount(data, "some_parts", parts / "part-[01].parquet")

    tree = data.root / "tree"
    for year in (2025, 2026):
        for month in (1, 11):
            leaf = tree / f"year={year}" / f"month={month}"
            leaf.mkdir(parents=True)
            pq.write_table(pa.table({"amount": pa.array([year, month], pa.int64())}), leaf / "part-0.parquet")
    mount(data, "tree", tree)

    shop = data.root / "shop"
    (shop / "lines").mkdir(parents=True)
    customers = pa.table({"id": pa.array([1, 2], pa.int64()), "name": ["Ann", "Bob"]})
    orders = pa.table({"id": pa.array([7, 8, 9], pa.int64()), "customer": pa.array([1, 1, 2], pa.int64())})
    pyarrow.csv.write_csv(customers, shop / "customers.csv")
    pq.write_table(orders, shop / "orders.parquet")
    for part in range(2):
        lines = pa.table({"order": pa.array([7 + part], pa.int64()), "price": pa.array([part + 0.5], pa.float64())})
        pq.write_table(lines, shop / "lines" / f"{part}.parquet")
    mount(data, "shop", shop)

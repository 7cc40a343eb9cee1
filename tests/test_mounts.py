"""Files as tables: every form a mount can have, names, broken files, files that come and go, and what is refused."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flightsql
import wire

TRIPS = [(10, "Lisboa", 1.5), (20, "Porto, Norte", 2.0), (30, 'say "hi"', -3.25)]


@pytest.mark.parametrize(
    "table",
    [
        "csv_plain",
        "csv_gz",
        "csv_zst",
        "ndjson_plain",
        "ndjson_gz",
        "ndjson_zst",
        "jsonl",
        "ipc_file",
        "ipc_stream",
        "feather",
        "avro",
        "avro_deflate",
    ],
)
def test_formats(session_client, table):
    assert session_client.rows(f"select trip, town, km from {table} order by trip") == TRIPS


def test_tsv(session_client):
    assert session_client.rows("select trip, town, km from tsv order by trip") == TRIPS[:2]


def test_directory_and_glob(session_client):
    assert session_client.value("select count(*) from parts") == 12
    assert session_client.value("select count(distinct part) from parts") == 3
    assert session_client.rows("select distinct part from some_parts order by part") == [(0,), (1,)]


def test_hive_tree(session_client):
    rows = session_client.rows("select cast(year as int), cast(month as int), amount from tree order by 1, 2, 3")
    expected = [(year, month, amount) for year in (2025, 2026) for month in (1, 11) for amount in sorted((year, month))]
    assert rows == expected
    plan = "\n".join(str(row) for row in session_client.rows("explain select * from tree where year = 2026 and month = 1"))
    assert "year=2026/month=1/" in plan
    assert "year=2025" not in plan, "directories that cannot match are not read"


def test_schema_directory(session_client):
    rows = session_client.rows(
        "select c.name, l.price from shop.lines l join shop.orders o on o.id = l.order "
        "join shop.customers c on c.id = o.customer order by l.price"
    )
    assert rows == [("Ann", 0.5), ("Ann", 1.5)]


def test_names_and_search_path(client):
    for name in ("people", "files.people", "godwit.files.people", '"people"', "PEOPLE"):
        assert client.value(f"select count(*) from {name}") == 5, name
    client.query("set schema = 'shop'")
    assert client.value("select count(*) from orders") == 3
    assert client.value("select count(*) from people") == 5, "files is searched after the session's schema"
    for missing in ("no_such_table", "shop.people", "no_such_schema.people", "no_such_catalog.files.people"):
        with pytest.raises(KeyError):
            client.query(f"select * from {missing}")


def test_a_wrong_name_gets_a_hint(session_client):
    with pytest.raises(KeyError, match="people"):
        session_client.query("select * from poeple")


def test_system_mounts(session_client):
    rows = {name: (kind, fmt, error) for name, kind, fmt, error in session_client.rows(
        "select name, kind, format, error from system.mounts"
    )}
    assert rows["people"] == ("table", "parquet", None)
    assert rows["shop"][0] == "schema"
    assert all(error is None for _, _, error in rows.values())


def test_new_changed_and_removed_files_are_seen(start, tmp_path):
    folder = tmp_path / "growing"
    folder.mkdir()
    first = folder / "1.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), first)
    with start(mounts={"growing": folder}).client() as client:
        count = "select count(*), sum(a) from growing"
        assert client.rows(count) == [(2, 3)]
        pq.write_table(pa.table({"a": [10]}), folder / "2.parquet")
        assert client.rows(count) == [(3, 13)]
        pq.write_table(pa.table({"a": [5, 6, 7]}), first)
        assert client.rows(count) == [(4, 28)]
        first.unlink()
        assert client.rows(count) == [(1, 10)]


def test_new_table_in_a_mounted_schema(start, tmp_path):
    folder = tmp_path / "stock"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.csv").write_text("completely,other\n1,2\n")
    with start(config=f'[mounts.stock]\npath = "{folder}"\nkind = "schema"\n').client() as client:
        assert client.value("select count(*) from stock.a") == 1
        (folder / "c.csv").write_text("y\n1\n2\n")
        assert client.value("select count(*) from stock.c") == 2
        names = client.rows("select table_name from information_schema.tables where table_schema = 'stock' order by 1")
        assert names == [("a",), ("b",), ("c",)]


@pytest.fixture
def broken(start, tmp_path):
    """A server of which most mounts are broken, each in its own way."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name in ["good.parquet", "better.parquet"]:
        pq.write_table(pa.table({"a": [1]}), folder / name)
    (tmp_path / "alone.csv").write_text("a\n1\n")
    (tmp_path / "garbage.parquet").write_bytes(b"PAR1 this is no parquet file")
    (tmp_path / "half.parquet").write_bytes((folder / "good.parquet").read_bytes()[:50])
    (tmp_path / "garbage.arrow").write_bytes(b"ARROW1\0\0 but then nothing")
    (tmp_path / "garbage.avro").write_bytes(b"Obj\x01 no more")
    (tmp_path / "garbage.ndjson").write_text('{"a": 1}\n{"a": \n')
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"a\n" + b"".join(b"%d\n" % (n * n) for n in range(10_000)))[:-200])
    (folder / "other.parquet").write_bytes(b"not parquet either, but long enough to have a footer")
    names = ["garbage.parquet", "half.parquet", "garbage.arrow", "garbage.avro", "garbage.ndjson", "cut.csv.gz"]
    mounts = {name.replace(".", "_"): tmp_path / name for name in names}
    mounts.update(alone=tmp_path / "alone.csv", mixed=folder, missing=tmp_path / "missing.parquet")
    return start(mounts=mounts)


@pytest.mark.parametrize(
    ("table", "file"),
    [
        ("garbage_parquet", "garbage.parquet"),
        ("half_parquet", "half.parquet"),
        ("garbage_arrow", "garbage.arrow"),
        ("garbage_avro", "garbage.avro"),
        ("garbage_ndjson", "garbage.ndjson"),
        ("cut_csv_gz", "cut.csv.gz"),
        ("mixed", "other.parquet"),
        ("missing", "missing.parquet"),
    ],
)
def test_a_broken_file_is_named_and_stops_nothing_else(broken, table, file):
    with broken.client() as client:
        with pytest.raises(pa.ArrowException, match=file.replace(".", r"\.")):
            client.query(f"select * from {table}")
        assert client.value("select count(*) from alone") == 1


def test_broken_mounts_in_the_metadata(broken):
    with broken.client() as client:
        errors = dict(client.rows("select name, error from system.mounts"))
        assert errors["alone"] is None
        assert "missing.parquet" in errors["missing"]
        tables = client.read(wire.tables(schema="files", include_schema=True)).to_pylist()
        names = {row["table_name"] for row in tables}
        assert {"alone", "garbage_parquet"} <= names
        for row in tables:
            assert flightsql.read_schema(row["table_schema"]) is not None
        paths = [info.descriptor.path[-1] for info in client.flight.list_flights(options=client.options)]
        assert b"alone" in paths
        assert client.value("select count(*) from information_schema.columns where table_name = 'alone'") == 1


def test_a_file_that_breaks_later(start, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with start(mounts={"t": path}).client() as client:
        assert client.rows("select * from t") == [(1, 2)]
        path.write_text("a,b\n1,2\n3\n")
        with pytest.raises(pa.ArrowException, match=r"t\.csv"):
            client.query("select * from t")
        path.write_text("a,b\n5,6\n")
        assert client.rows("select * from t") == [(5, 6)]


def test_a_table_that_changes_between_planning_and_reading(start, tmp_path):
    """The stream is what was promised or there is none."""
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    with start(mounts={"t": path}).client() as client:
        info = client.info(wire.statement("select * from t"))
        path.write_text("a,b\nx,y\n")
        with pytest.raises(pa.ArrowException):
            client.get(info).read_all()


def test_csv_options(start, tmp_path):
    (tmp_path / "odd.txt").write_text("1;x\n2;y\n")
    config = f'[mounts.odd]\npath = "{tmp_path}/odd.txt"\nformat = "csv"\nheader = false\ndelimiter = ";"\n'
    with start(config=config).client() as client:
        table = client.query("select * from odd")
        assert [tuple(row.values()) for row in table.to_pylist()] == [(1, "x"), (2, "y")]


def test_files_of_one_table_may_differ_in_columns(start, tmp_path):
    folder = tmp_path / "drift"
    folder.mkdir()
    pq.write_table(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), folder / "1.parquet")
    pq.write_table(pa.table({"b": ["y"], "a": pa.array([2], pa.int64()), "c": [True]}), folder / "2.parquet")
    config = f'[mounts.drift]\npath = "{folder}"\nkind = "table"\n'
    with start(config=config).client() as client:
        rows = client.rows("select a, b, c from drift order by a")
        assert rows == [(1, "x", None), (2, "y", True)]


REFUSED = [
    ("insert into people values (6, 'x', 1, null, true)", "(?i)read-only"),
    ("insert into files.people select * from people", "(?i)read-only"),
    ("update people set name = 'x'", "(?i)read-only"),
    ("delete from people", "(?i)read-only"),
    ("delete from people where false", "(?i)read-only"),
    ("truncate table people", "(?i)read-only|truncate"),
    ("explain delete from people", "(?i)read-only|delete"),
    ("merge into people using shop.orders o on people.id = o.id when matched then delete", "(?i)read-only|merge"),
    ("create table files.t (a int)", "(?i)files"),
    ("create table shop.t as select 1 as a", "(?i)shop"),
    ("create view files.v as select 1 as a", "(?i)files"),
    ("create external table t stored as csv location '/etc/passwd'", "(?i)create external table"),
    ("create schema files", "(?i)files"),
    ("create schema shop", "(?i)shop"),
    ("create function f(int) returns int return $1", "(?i)create function"),
    ("drop table people", "(?i)drop"),
    ("alter table people add column c int", "(?i)alter"),
    ("copy (select 1 as a) to '/tmp/godwit-must-not-write.csv'", "copy.allowed"),
    ("begin immediate", "(?i)transaction"),
    ("commit and chain", "(?i)chain"),
    ("prepare p as select 1", "(?i)prepare"),
    ("select * from people tablesample bernoulli (10)", "(?i)tablesample"),
    ("select * from numbers tablesample (10 rows)", "(?i)tablesample"),
    ("select * from people for system_time as of '2026-01-01'", "(?i)version|system_time|system time"),
    ("set datafusion.runtime.memory_limit = '1G'", "(?i)memory_limit"),
    ("set datafusion.catalog.location = '/'", "(?i)location"),
    ("select * from '/etc/passwd'", "(?i)passwd"),
]


@pytest.mark.parametrize(("sql", "says"), REFUSED)
def test_what_is_refused(session_client, sql, says):
    with pytest.raises((pa.ArrowException, KeyError), match=says):
        session_client.query(sql)
    with pytest.raises((pa.ArrowException, KeyError), match=says):
        session_client.prepare(sql)
    with pytest.raises((pa.ArrowException, KeyError), match=says):
        session_client.update(wire.update(sql))
    assert session_client.value("select count(*) from people") == 5

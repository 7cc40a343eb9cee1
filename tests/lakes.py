"""DuckDB as the judge of lakes: it attaches what Godwit wrote, and both are asked for the same rows."""

import collections
import datetime
import decimal
import functools
import importlib.resources
import math
import pathlib
import shutil
import tempfile
import uuid

import duckdb
import pyarrow as pa

# The extension's name, and the package and the file in it that bring it.
EXTENSIONS = {
    "ducklake": ("duckdb_extension_ducklake", "ducklake"),
    "sqlite_scanner": ("duckdb_extension_sqlite", "sqlite"),
    "postgres_scanner": ("duckdb_extension_postgres_scanner", "postgres_scanner"),
    "httpfs": ("duckdb_extension_httpfs", "httpfs"),
}
IDLE = collections.defaultdict(list)


@functools.cache
def extensions():
    """A directory with the extensions, each under the name by which DuckDB knows it."""
    directory = tempfile.TemporaryDirectory(prefix="godwit-duckdb-")
    for name, (package, file) in EXTENSIONS.items():
        found = importlib.resources.files(package) / "extensions" / f"v{duckdb.__version__}" / f"{file}.duckdb_extension"
        shutil.copyfile(str(found), pathlib.Path(directory.name) / f"{name}.duckdb_extension")
    return directory


def loaded(names):
    """A DuckDB with extensions; one that is not in use any more, if there is one, since loading takes a while."""
    if IDLE.get(names):
        return IDLE[names].pop()
    connection = duckdb.connect()
    for name in names:
        connection.execute(f"load '{extensions().name}/{name}.duckdb_extension'")
    connection.execute("set timezone = 'UTC'")
    return connection


class Duck:
    """A DuckDB with a lake attached as `lake`, which it uses."""

    def __init__(self, catalog, data, *, read_only=False, s3=None, options=""):
        self.names = ("ducklake", "sqlite_scanner", "postgres_scanner", *(["httpfs"] if s3 else []))
        self.connection = loaded(self.names)
        if s3:
            self.connection.execute(
                f"create or replace secret (type s3, key_id '{s3.key}', secret '{s3.secret}', region '{s3.region}',"
                f" endpoint '{s3.endpoint.removeprefix('http://')}', use_ssl false, url_style 'path')"
            )
        given = ["read_only"] if read_only else []
        given += [f"data_path '{data}'"] if data else []
        given += [options] if options else []
        self.connection.execute(f"attach 'ducklake:{catalog}' as lake ({', '.join(given)})")
        self.connection.execute("use lake")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return self.connection.close()
        self.connection.execute("use memory")
        self.connection.execute("detach lake")
        IDLE[self.names].append(self.connection)

    def run(self, *statements):
        for sql in statements:
            self.connection.execute(sql)

    def table(self, sql):
        """A result as an Arrow table."""
        return self.connection.execute(sql).to_arrow_table()

    def rows(self, sql):
        return self.connection.execute(sql).fetchall()

    def value(self, sql):
        ((value,),) = self.rows(sql)
        return value

    def tables(self, version=None):
        """All tables of the lake as (schema, table), at a snapshot or now."""
        at = version if version is not None else self.newest()
        return self.rows(
            "select s.schema_name, t.table_name from __ducklake_metadata_lake.ducklake_table t"
            " join __ducklake_metadata_lake.ducklake_schema s on s.schema_id = t.schema_id"
            f" and s.begin_snapshot <= {at} and (s.end_snapshot is null or s.end_snapshot > {at})"
            f" where t.begin_snapshot <= {at} and (t.end_snapshot is null or t.end_snapshot > {at})"
            " order by all"
        )

    def snapshots(self):
        """The numbers of all snapshots, oldest first."""
        return [row[0] for row in self.rows("select snapshot_id from ducklake_snapshots('lake') order by all")]

    def newest(self):
        return self.snapshots()[-1]


def duck(lake_dir, **options):
    """Attaches the lake of a server's data directory, whose catalog is SQLite."""
    lake_dir = pathlib.Path(lake_dir)
    return Duck(f"sqlite:{lake_dir / 'catalog.sqlite'}", f"{lake_dir / 'data'}/", **options)


def beside(server, **options):
    """Attaches the lake of a server that keeps it where it does by default."""
    return duck(server.data_dir / "lake", **options)


def plain(value):
    """A value in a form that compares and sorts whatever library it came from."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    if isinstance(value, decimal.Decimal):
        return f"{value.normalize():f}" if value else "0"
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, dict):
        return tuple((name, plain(each)) for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(plain(each) for each in value)
    return value


def bag(table):
    """The rows of an Arrow table, how often each occurs, whatever their order."""
    return collections.Counter(repr(tuple(plain(value) for value in row.values())) for row in table.to_pylist())


def quoted(*names):
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def different(client, judge, table, version=None):
    """What Godwit and DuckDB do not agree on in a table, or nothing."""
    at = "" if version is None else f" at (version => {version})"
    ours = client.query(f"select * from {quoted(*table)}{at}")
    theirs = judge.table(f"select * from lake.{quoted(*table)}{at}")
    found = unlike(ours, theirs)
    return f"{table}{at}: {found}" if found else None


def same_when_sorted(ours, theirs):
    """A fast yes for tables of plain columns; a no means nothing."""
    if any(pa.types.is_nested(field.type) for field in ours.schema) or ours.num_rows != theirs.num_rows:
        return False
    try:
        ours = ours.cast(theirs.schema)
    except pa.ArrowException:
        return False
    order = [(name, "ascending") for name in ours.column_names]
    return ours.sort_by(order).equals(theirs.sort_by(order))


def as_stored(ours, theirs):
    """Our times and durations as the numbers or plain timestamps that DuckDB sees: the table's tag says what they are, and
    DuckDB knows nothing of that."""
    for at, (here, there) in enumerate(zip(ours.schema, theirs.schema)):
        if pa.types.is_temporal(here.type) and here.type != there.type:
            column = ours.column(at)
            narrow = pa.int32() if here.type.bit_width == 32 else pa.int64()
            column = column.cast(narrow) if pa.types.is_integer(there.type) else column
            ours = ours.set_column(at, here.name, column.cast(there.type))
    return ours


def unlike(ours, theirs):
    """What two Arrow tables do not have in common, ours and DuckDB's, or nothing."""
    if ours.column_names != theirs.column_names:
        return f"columns {ours.column_names} here, {theirs.column_names} in DuckDB"
    ours = as_stored(ours, theirs)
    if same_when_sorted(ours, theirs):
        return None
    ours, theirs = bag(ours), bag(theirs)
    if ours == theirs:
        return None
    here, there = list((ours - theirs).items())[:3], list((theirs - ours).items())[:3]
    return f"{ours.total()} rows here, {theirs.total()} in DuckDB; only here {here}, only there {there}"


def durable_tables(client):
    """The tables of the lake that Godwit knows, as (schema, table)."""
    return client.rows(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
        " and table_schema in (select schema_name from information_schema.schemata)"
        " and table_schema not in ('files', 'system', 'temp', 'information_schema') order by 1, 2"
    )


def disagreements(client, judge, *, history=False, schema=None):
    """Where Godwit and DuckDB disagree about the lake's tables; with their history, about every snapshot of them."""
    wanted = [table for table in judge.tables() if schema in (None, table[0])]
    found = [different(client, judge, table) for table in wanted]
    if schema is None:
        ours = durable_tables(client)
        found.append(None if ours == wanted else f"tables {ours} here, {wanted} in DuckDB")
    for version in judge.snapshots() if history else ():
        tables = [table for table in judge.tables(version) if schema in (None, table[0])]
        found += [different(client, judge, table, version) for table in tables]
    return [each for each in found if each]

"""The 22 queries of TPC-H at scale 0.1 on the demo's own data, through ADBC, held against DuckDB on the same files."""

import decimal
import math

import duckdb
import duckdb_extensions
import pytest

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


@pytest.fixture(scope="module")
def oracle(demo):
    """DuckDB with the demo's files as its tables."""
    connection = duckdb.connect()
    duckdb_extensions.import_extension("tpch", con=connection)
    connection.execute("load tpch")
    for table in TABLES:
        (path,) = demo.data_dir.rglob(f"{table}.parquet")
        connection.execute(f"create view {table} as from read_parquet('{path}')")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def connection(demo):
    with demo.adbc() as connection:
        connection.adbc_current_db_schema = "tpch"
        yield connection


def same(ours, theirs):
    """Whether two values are equal; what one of both computes in floating point only nearly so."""
    if isinstance(ours, (float, decimal.Decimal)) or isinstance(theirs, (float, decimal.Decimal)):
        if ours is None or theirs is None:
            return ours is theirs
        if isinstance(ours, float) or isinstance(theirs, float):
            return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-6)
        return decimal.Decimal(ours) == decimal.Decimal(theirs)
    return ours == theirs


@pytest.mark.parametrize("number", range(1, 23))
def test_query(connection, oracle, number):
    ((sql,),) = oracle.execute("select query from tpch_queries() where query_nr = ?", [number]).fetchall()
    expected = oracle.execute(sql).fetchall()
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found = cursor.fetchall()
    assert expected, "a query without rows would prove nothing"
    assert len(found) == len(expected)
    # Every ORDER BY of the 22 is total on this data, so rows are compared in the order in which they came.
    for index, (our_row, their_row) in enumerate(zip(found, expected)):
        assert len(our_row) == len(their_row)
        assert all(map(same, our_row, their_row)), f"row {index}: {our_row} is not {their_row}"


@pytest.mark.parametrize("table", TABLES)
def test_tables(connection, oracle, table):
    """Each table as a whole, by its count and by sums over what its columns hold."""
    columns = [row[0] for row in oracle.execute(f"describe {table}").fetchall()]
    sums = ", ".join(f"sum(length(cast({column} as varchar))), count(distinct {column})" for column in columns)
    sql = f"select count(*), {sums} from {table}"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.fetchone() == oracle.execute(sql).fetchone()

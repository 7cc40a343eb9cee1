"""The session option `endpoints`: a result over several endpoints, which are read side by side."""

import concurrent.futures

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import flightsql
import wire
from godwit_server import PASSWORD, USER, eventually

ROWS = 500_000
UNORDERED = f"select value, value % 7 as k, 'text ' || value as t from generate_series(1, {ROWS})"
ORDERED = UNORDERED + " order by value % 1000, value"


@pytest.fixture
def own(start):
    return start()


def read(server, ticket):
    """An endpoint over a connection of its own."""
    with flightsql.Client(server.uri, USER, PASSWORD) as client:
        return client.flight.do_get(ticket, client.options).read_all()


def files(server):
    return [path for path in (server.data_dir / "spill").rglob("*") if path.is_file()]


@pytest.mark.parametrize("sql", [UNORDERED, ORDERED], ids=["unordered", "ordered"])
def test_the_union_is_the_single_stream(own, sql):
    with own.client() as client:
        single = client.query(sql)
        client.set_options({"endpoints": 4})
        info = client.info(wire.statement(sql))
        assert len(info.endpoints) == 4
        assert all(endpoint.locations == [] for endpoint in info.endpoints)
        assert info.ordered == (sql is ORDERED)
        assert info.schema == single.schema
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda endpoint: read(own, endpoint.ticket), info.endpoints))
        assert all(part.schema == single.schema for part in parts)
        assert all(part.num_rows > 0 for part in parts)
        union = pa.concat_tables(parts)
        if sql is UNORDERED:
            union, single = union.sort_by("value"), single.sort_by("value")
        assert union.equals(single)
        eventually(lambda: files(own) == [], "what was read is gone")
        with pytest.raises(pa.ArrowKeyError, match="run the statement again"):
            read(own, info.endpoints[0].ticket)


def test_an_endpoint_can_be_read_twice(own):
    with own.client() as client:
        client.set_options({"endpoints": 2})
        info = client.info(wire.statement("select value from generate_series(1, 10) order by value"))
        first, second = (endpoint.ticket for endpoint in info.endpoints)
        for _ in range(3):
            assert read(own, first)["value"].to_pylist() == [1, 2, 3, 4, 5]
        assert read(own, second)["value"].to_pylist() == [6, 7, 8, 9, 10]


def test_an_empty_result_has_its_endpoints(own):
    with own.client() as client:
        client.set_options({"endpoints": 3})
        info = client.info(wire.statement("select value from generate_series(1, 10) where value < 0"))
        parts = [read(own, endpoint.ticket) for endpoint in info.endpoints]
        assert [part.num_rows for part in parts] == [0, 0, 0]
        assert all(part.schema == info.schema for part in parts)


def test_prepared_statements_with_rows(own):
    with own.client() as client:
        client.set_options({"endpoints": 2})
        prepared = client.prepare("select ? + value as v from generate_series(1, 3)")
        client.bind(prepared.handle, pa.record_batch({"p": pa.array([10, 20], pa.int64())}))
        info = client.info(wire.prepared(prepared.handle))
        values = [value for endpoint in info.endpoints for value in read(own, endpoint.ticket)["v"].to_pylist()]
        assert sorted(values) == [11, 12, 13, 21, 22, 23]


def test_the_session_may_end_before_its_results(own):
    with own.client() as client:
        client.set_options({"endpoints": 2})
        info = client.info(wire.statement("select value from generate_series(1, 10)"))
    values = [value for endpoint in info.endpoints for value in read(own, endpoint.ticket)["value"].to_pylist()]
    assert sorted(values) == list(range(1, 11))


def test_a_renewed_endpoint_lives_on(start):
    server = start(config='[results]\nttl = "2s"\n')
    with server.client() as client:
        client.set_options({"endpoints": 2})
        info = client.info(wire.statement("select value from generate_series(1, 10)"))
        other = client.info(wire.statement("select 1"))
        endpoint = info.endpoints[0].serialize()
        eventually(lambda: len(files(server)) == 2, "both results are kept")

        def other_is_gone():
            client.action("RenewFlightEndpoint", wire.message(endpoint))
            return len(files(server)) == 1

        eventually(other_is_gone, "what is not renewed is forgotten")
        with pytest.raises(pa.ArrowKeyError, match="run the statement again"):
            read(server, other.endpoints[0].ticket)
        values = [value for each in info.endpoints for value in read(server, each.ticket)["value"].to_pylist()]
        assert sorted(values) == list(range(1, 11))


def test_a_failing_query_fails_at_every_endpoint(own):
    with own.client() as client:
        client.set_options({"endpoints": 2})
        info = client.info(wire.statement("select 1 / (value - 3) from generate_series(1, 10)"))
        for endpoint in info.endpoints:
            with pytest.raises((pa.ArrowInvalid, flight.FlightError), match="zero"):
                read(own, endpoint.ticket)


def test_the_option_is_bounded(own):
    with own.client() as client:
        assert client.set_options({"endpoints": 64}) == {}
        for value in (0, 65, -1):
            assert client.set_options({"endpoints": value}) != {}, value
        assert len(client.info(wire.statement("select 1")).endpoints) == 64
        client.set_options({"endpoints": None})
        assert len(client.info(wire.statement("select 1")).endpoints) == 1


def test_adbc_reads_all_endpoints(own):
    with own.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("set endpoints = 4")
        cursor.execute(UNORDERED)
        assert cursor.fetch_arrow_table().num_rows == ROWS
        partitions, schema = cursor.adbc_execute_partitions(UNORDERED)
        assert len(partitions) == 4 and schema.names == ["value", "k", "t"]
        rows = 0
        for partition in partitions:
            cursor.adbc_read_partition(partition)
            rows += cursor.fetch_arrow_table().num_rows
        assert rows == ROWS
        cursor.adbc_statement.set_options(**{"adbc.statement.exec.incremental": "true"})
        partitions, _ = cursor.adbc_execute_partitions(ORDERED)
        values = []
        for partition in partitions:
            cursor.adbc_read_partition(partition)
            values += cursor.fetch_arrow_table()["value"].to_pylist()
        assert values == sorted(range(1, ROWS + 1), key=lambda value: (value % 1000, value))

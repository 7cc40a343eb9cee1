"""GetFlightInfo: what is told of a result before it is fetched, and that all of it is true."""

import pyarrow.flight as flight
import pytest

import flightsql
import wire


def test_flight_info_is_of_the_shape_that_every_client_takes(session_client):
    command = wire.statement("select id, name from people")
    info = session_client.info(command)
    (endpoint,) = info.endpoints
    assert endpoint.locations == []
    assert info.schema.names == ["id", "name"]
    assert info.descriptor.command == command
    assert info.total_records == 5


@pytest.mark.parametrize("path", [("people",), ("files", "people"), ("godwit", "files", "people")])
def test_path_descriptor(session_client, path):
    descriptor = flight.FlightDescriptor.for_path(*path)
    options = session_client.options
    info = session_client.flight.get_flight_info(descriptor, options)
    assert session_client.flight.get_schema(descriptor, options).schema == info.schema
    table = session_client.get(info).read_all()
    assert table.num_rows == 5
    assert flightsql.same(table.schema) == flightsql.same(info.schema)


def test_path_of_no_table(session_client):
    with pytest.raises(KeyError, match="nobody"):
        session_client.flight.get_flight_info(flight.FlightDescriptor.for_path("nobody"), session_client.options)


def test_a_statement_with_an_effect_runs_once(client):
    info = client.info(wire.statement("set schema = 'shop'"))
    assert client.options_of_session()["schema"] == {1: [b"shop"]}, "it runs before DoGet"
    client.query("reset schema")
    assert client.get(info).read_all().num_rows == 1
    assert client.options_of_session()["schema"] == {1: [b"main"]}, "and DoGet does not run it again"


TOTALS = [
    ("select id, name from people", 5),
    ("select * from people limit 3", 3),
    ("select name from people order by score limit 100 offset 4", 1),
    ("select id from people union all select id from people", 10),
    ("select n, row_number() over (order by n) from numbers", 100_000),
    ("select count(*) from numbers where n < 10", 1),
    ("values (1), (2)", 2),
    ("select 1 where false", None),
    ("select * from people where id > 2", None),
    ("select distinct active from people", None),
    ("select k, count(*) from numbers group by k", None),
    ("select a.id from people a join people b on a.id = b.id", None),
    ("select unnest([1, 2, 3])", None),
    ("select * from system.settings", None),
]


@pytest.mark.parametrize(("sql", "rows"), TOTALS)
def test_totals_are_exact_or_not_told(session_client, sql, rows):
    info = session_client.info(wire.statement(sql))
    table = session_client.get(info).read_all()
    assert info.total_records in ((table.num_rows,) if rows is not None else (-1, table.num_rows))
    if rows is not None:
        assert info.total_records == rows


def test_totals_of_every_listed_table(session_client):
    """Those of a path and those of ListFlights are the same, and those of the stream."""
    options = session_client.options
    known = 0
    for listed in session_client.flight.list_flights(options=options):
        asked = session_client.flight.get_flight_info(listed.descriptor, options)
        assert (asked.total_records, asked.total_bytes) == (listed.total_records, listed.total_bytes)
        if listed.total_records >= 0:
            known += 1
            assert session_client.get(asked).read_all().num_rows == listed.total_records
    assert known > 10, "Parquet files say how many rows they have"


def test_bytes_are_those_of_the_columns(session_client):
    info = session_client.info(wire.statement("select n, cast(n as int) as i from numbers"))
    assert info.total_bytes == 100_000 * (8 + 4)
    assert session_client.info(wire.statement("select name from people")).total_bytes == -1, "text has no fixed width"


def test_totals_of_the_wire_form(server):
    """A half float is sent as a float, unless the client wants it as it is."""
    sql = wire.statement("values (arrow_cast(1.5, 'Float16'))")
    with server.client() as client:
        assert client.info(sql).total_bytes == 4
        assert client.set_options({"wire_profile": "native"}) == {}
        assert client.info(sql).total_bytes == 2


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("select id from people order by id", True),
        ("select id from people order by score limit 2", True),
        ("select name from people order by id desc limit 2 offset 1", True),
        ("select id from people union all select id from people order by id", True),
        ("select distinct id from people order by id", True),
        ("select id from people", False),
        ("select id from people limit 2", False),
        ("select id, row_number() over (order by id) from people", False),
        ("(select id from people order by id limit 1) union all select id from people", False),
        ("select count(*) from (select id from people order by id limit 2)", False),
    ],
)
def test_ordered(server, sql, ordered):
    with server.raw() as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
    assert bool(wire.fields(info).get(6, [0])[0]) == ordered

"""Wire profiles and compression: the same values in each, one schema everywhere, and fewer bytes where that was asked for."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import arrow_types
import flightsql
import queries
import test_schema_property
import wire
from rawgrpc import Failure

CASES = arrow_types.cases()
CODECS = ["none", "lz4", "zstd"]
PROFILE, COMPRESSION = "x-godwit-wire-profile", "x-godwit-compression"
REPEATED = "select 'the same text again and again' as t, value % 3 as v from generate_series(1, 100000)"


@pytest.fixture(scope="module")
def native(server):
    with server.client() as client:
        assert client.set_options({"wire_profile": "native"}) == {}
        yield client


def with_headers(server, headers):
    """A client of the administrator that sends more headers on every call."""
    client = server.client()
    client.headers += [(name.encode(), value.encode()) for name, value in headers.items()]
    return client


@pytest.mark.parametrize("name", CASES)
def test_native_types_are_those_of_the_file(native, name):
    command = wire.statement(f"select v from types.t_{name} order by row")
    info = native.info(command)
    assert info.schema.field("v").type == CASES[name].type
    result = native.get(info).read_all()
    result.validate(full=True)
    assert flightsql.same(result.schema) == flightsql.same(info.schema)
    assert result["v"].to_pylist() == CASES[name].to_pylist()


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize("profile", ["compat", "native", "compact"])
def test_every_type_compressed(server, profile, codec):
    with with_headers(server, {PROFILE: profile, COMPRESSION: codec}) as client:
        for name, expected in CASES.items():
            result = client.query(f"select v from types.t_{name} order by row")
            result.validate(full=True)
            kind = expected.type if profile == "native" else arrow_types.plain(expected.type)
            assert profile == "compact" or result.schema.field("v").type == kind, name
            assert result["v"].to_pylist() == expected.to_pylist(), name


@pytest.mark.parametrize("sql", queries.ALL)
def test_one_schema_everywhere(native, sql):
    """FlightInfo, GetSchema, prepare and the stream, as for the other profile."""
    test_schema_property.test_queries(native, sql)


def test_parameters_have_native_types(native):
    statement = native.prepare("select name from people where name = ?")
    try:
        rows = pa.record_batch([pa.array(["Ada"], kind) for kind in statement.parameter_schema.types], ["any"])
        native.bind(statement.handle, rows)
        assert native.read(wire.prepared(statement.handle))["name"].to_pylist() == ["Ada"]
    finally:
        native.close_prepared(statement.handle)


@pytest.mark.parametrize("profile", ["compat", "native", "compact"])
def test_many_rows_are_the_same(server, session_client, profile):
    sql = "select n, n % 7 as k, arrow_cast(repeat('long enough ', n % 5) || n, 'Utf8View') as t from numbers order by n"
    expected = session_client.query(sql)
    for codec in CODECS:
        with with_headers(server, {PROFILE: profile, COMPRESSION: codec}) as client:
            assert client.query(sql).to_pylist() == expected.to_pylist()


def test_dictionaries_are_sent_as_such(native):
    sql = "select arrow_cast('colour ' || (value % 10), 'Dictionary(Int32, Utf8)') as c from generate_series(1, 300000)"
    result = native.query(sql)
    assert result.schema.field("c").type == pa.dictionary(pa.int32(), pa.string())
    texts = result["c"].cast(pa.string()).to_pylist()
    assert sorted(texts) == sorted(f"colour {n % 10}" for n in range(1, 300_001))


def body_bytes(raw, sql, codec):
    """The size of a result on the wire. The ticket alone carries the format to the second call."""
    (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)), [(COMPRESSION, codec)])
    messages = raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
    assert max(len(each) for each in messages) < 4 * 1024 * 1024
    return sum(len(wire.fields(each).get(1000, [b""])[0]) for each in messages)


def test_compressed_bodies_are_smaller(server):
    with server.raw() as raw:
        sizes = {codec: body_bytes(raw, REPEATED, codec) for codec in CODECS}
    assert sizes["lz4"] * 5 < sizes["none"]
    assert sizes["zstd"] * 5 < sizes["none"]


def test_what_does_not_compress_stays_below_the_limit(server):
    with server.raw() as raw:
        sql = "select sha256(cast(value as varchar)) as hash from generate_series(1, 400000)"
        sizes = [body_bytes(raw, sql, codec) for codec in CODECS]
    assert max(sizes) < min(sizes) * 1.2


def test_headers_win_over_the_session(server):
    with with_headers(server, {PROFILE: "compat"}) as client:
        assert client.set_options({"wire_profile": "native", "compression": "zstd"}) == {}
        assert client.query("select arrow_cast('a', 'Utf8View') as t").schema.field("t").type == pa.string()
        client.headers[-1] = (PROFILE.encode(), b"Native")
        assert client.query("select arrow_cast('a', 'Utf8View') as t").schema.field("t").type == pa.string_view()


@pytest.mark.parametrize("method", ["GetFlightInfo", "GetSchema", "DoGet", "ListFlights", "DoAction", "ListActions"])
@pytest.mark.parametrize(
    ("header", "value", "allowed"),
    [(PROFILE, "arrow", "compat, native, compact"), (COMPRESSION, "gzip", "none, lz4, zstd"), (COMPRESSION, "", "none, lz4, zstd")],
)
def test_wrong_headers_are_refused(server, method, header, value, allowed):
    with server.raw() as raw, pytest.raises(Failure, match=allowed) as failure:
        raw.call(method, b"", [(header, value)])
    assert failure.value.code == "INVALID_ARGUMENT"
    assert header in failure.value.message


def test_session_options(client):
    def now():
        options = client.options_of_session()
        return options["wire_profile"][1][0].decode(), options["compression"][1][0].decode()

    assert now() == ("compat", "none")
    client.query("set wire_profile = 'native'")
    assert client.set_options({"compression": "LZ4"}) == {}
    assert now() == ("native", "lz4")
    assert client.rows("show wire_profile")[0][-1] == "native"
    assert client.set_options({"compression": "gzip", "wire_profile": "small"}) == {"compression": 2, "wire_profile": 2}
    with pytest.raises(pa.ArrowInvalid, match="none, lz4, zstd"):
        client.query("set compression = 'brotli'")
    assert now() == ("native", "lz4")
    client.query("reset wire_profile")
    assert client.set_options({"compression": None}) == {}
    assert now() == ("compat", "none")


def test_defaults_of_the_configuration(start):
    server = start(config='[wire]\nprofile = "native"\ncompression = "zstd"\n')
    with server.client() as client:
        assert client.query("select arrow_cast('a', 'Utf8View') as t").schema.field("t").type == pa.string_view()
        assert client.options_of_session()["compression"] == {1: [b"zstd"]}
    with server.raw() as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(REPEATED)))
        messages = raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
        assert sum(map(len, messages)) * 3 < body_bytes(raw, REPEATED, "none")


@pytest.mark.parametrize("command", [wire.tables(include_schema=True), wire.sql_info(), wire.xdbc_type_info()])
def test_metadata_is_for_every_client(server, session_client, command):
    """It has the same bytes whatever the caller wants for its rows."""
    with server.raw() as raw:
        plain, other = [], []
        for answers, headers in [(plain, []), (other, [(PROFILE, "native"), (COMPRESSION, "zstd")])]:
            (info,) = raw.call("GetFlightInfo", wire.descriptor(command), headers)
            answers += raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0], headers)
    assert plain == other


def test_a_renewed_ticket_keeps_its_format(native):
    (endpoint,) = native.info(wire.statement("select arrow_cast('a', 'Utf8View') as t")).endpoints
    (renewed,) = native.action("RenewFlightEndpoint", wire.message(wire.message(wire.ticket(endpoint.ticket.ticket))))
    ticket = flight.Ticket(wire.fields(wire.fields(renewed)[1][0])[1][0])
    assert native.flight.do_get(ticket, native.options).read_all().schema.field("t").type == pa.string_view()


def test_listed_flights_are_native(native):
    infos = list(native.flight.list_flights(b"types.%", options=native.options))
    assert len(infos) == len(CASES)
    for info in infos:
        name = info.descriptor.path[-1].decode().removeprefix("t_")
        assert info.schema.field("v").type == CASES[name].type
        assert flightsql.same(native.get(info).read_all().schema) == flightsql.same(info.schema)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("profile", ["compat", "native"])
def test_adbc(server, profile, codec):
    prefix = "adbc.flight.sql.rpc.call_header."
    headers = {prefix + PROFILE: profile, prefix + COMPRESSION: codec}
    with server.adbc(db_kwargs=headers) as connection, connection.cursor() as cursor:
        cursor.execute("select n, arrow_cast('text number ' || n, 'Utf8View') as t from numbers where n < 1000 order by n")
        table = cursor.fetch_arrow_table()
        assert table.schema.field("t").type == (pa.string_view() if profile == "native" else pa.string())
        assert table["t"].to_pylist() == [f"text number {n}" for n in table["n"].to_pylist()]
        assert table.num_rows > 900

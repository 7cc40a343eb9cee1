"""sqlalchemy-adbc: SQLAlchemy 2 over the ADBC driver, with its reflection."""

import datetime
import decimal

import pytest
import sqlalchemy as sa

import steps
from godwit_server import PASSWORD, USER
from rawgrpc import basic

TYPES = {
    "int64": (2**63 - 1, sa.BigInteger),
    "boolean": (True, sa.Boolean),
    "double": (-0.1, sa.Float),
    "decimal128": (decimal.Decimal("-1.0000000000"), sa.Numeric),
    "string": ("a word that is longer than twelve bytes 🐦", sa.String),
    "binary": (b"\x00\xffbytes that are longer than twelve", sa.LargeBinary),
    "date32": (datetime.date(2026, 11, 21), sa.Date),
    "time64_us": (datetime.time(23, 59, 58), sa.Time),
    "timestamp_us": (datetime.datetime(2026, 11, 21, 4, 5, 6), sa.DateTime),
}


def url(server, **query):
    query = {"tls": "false", "adbc.flight.sql.rpc.with_cookie_middleware": "true", **query}
    return sa.URL.create("adbc+flightsql", host="127.0.0.1", port=server.port, query=query)


@pytest.fixture
def engine(server):
    engine = sa.create_engine(url(server, username=USER, password=PASSWORD))
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine):
    with engine.connect() as connection:
        yield connection


def test_connect(server):
    """With a password, with the header, and with the token of another login as the URL's password."""
    with server.client() as other:
        token = other.headers[0][1].decode().removeprefix("Bearer ")
        for where in (
            url(server, username=USER, password=PASSWORD),
            url(server, authorization=basic(USER, PASSWORD)),
            url(server).set(username="token", password=token),
        ):
            engine = sa.create_engine(where)
            with engine.connect() as connection:
                assert connection.scalar(sa.text("select 1")) == 1
            engine.dispose()


def test_query(connection):
    assert [tuple(row) for row in connection.execute(sa.text(steps.QUERY))] == steps.ROWS


@pytest.mark.parametrize("name", TYPES)
def test_parameters(connection, name):
    value, _ = TYPES[name]
    assert connection.scalar(sa.text(f"select count(*) from types.t_{name} where v = :v"), {"v": value}) == 1


@pytest.mark.parametrize("name", TYPES.keys() - {"boolean", "binary"})
def test_parameters_of_typed_columns(connection, name):
    """Not booleans, which the dialect writes as 1 and 0, and not bytes, which it finds no constructor for."""
    value, kind = TYPES[name]
    table = sa.table(f"t_{name}", sa.column("v", kind), schema="types")
    query = sa.select(sa.func.count()).select_from(table).where(table.c.v == value)
    assert connection.scalar(query) == 1


def test_parameters_in_lists_and_limits(connection):
    people = sa.table("people", sa.column("id"), sa.column("name"), schema="files")
    query = sa.select(people.c.name).where(people.c.id.in_([1, 2, 5])).order_by(people.c.id).limit(2)
    assert connection.scalars(query).all() == ["Ada", "Grace"]


def test_metadata(engine):
    """Reflection of a named table; every column has a type."""
    inspector = sa.inspect(engine)
    assert {"files", "shop", "system", "temp"} <= set(inspector.get_schema_names())
    assert inspector.has_table("people", schema="files")
    assert not inspector.has_table("nobody", schema="files")
    assert inspector.get_pk_constraint("people", schema="files")["constrained_columns"] == []
    people = sa.Table("people", sa.MetaData(), schema="files", autoload_with=engine)
    kinds = {column.name: type(column.type) for column in people.columns}
    assert kinds == {"id": sa.BigInteger, "name": sa.String, "score": sa.Float, "born": sa.Date, "active": sa.Boolean}
    with engine.connect() as connection:
        query = sa.select(people.c.name).where(people.c.born > datetime.date(1990, 1, 1)).order_by(people.c.id)
        assert connection.scalars(query).all() == ["Étienne", "Zoë 🐦"]


def test_metadata_lists_no_tables(engine):
    """The dialect looks for tables of the type `table`, where Flight SQL says TABLE."""
    assert sa.inspect(engine).get_table_names(schema="files") == []


def test_ingest(connection):
    """SQLAlchemy has no bulk load; its connection's cursor has."""
    with connection.connection.cursor() as cursor:
        assert cursor.adbc_ingest("towns", steps.TRIPS, mode="create", temporary=True) == 3
    towns = sa.table("towns", sa.column("id"), sa.column("town"), schema="temp")
    assert [tuple(row) for row in connection.execute(sa.select(towns).order_by(towns.c.id))] == steps.TRIP_ROWS


def test_session(connection):
    connection.execute(sa.text("set schema = 'shop'"))
    assert connection.scalar(sa.text(steps.COUNT_ORDERS)) == 3


def test_cancel(connection, session_client):
    result = connection.execution_options(stream_results=True, max_row_buffer=10)
    result = result.execute(sa.text(steps.endless("sqlalchemy")))
    assert len(result.fetchmany(10)) == 10
    with steps.freed(session_client, "sqlalchemy"):
        result.close()


def test_close(server):
    engine = sa.create_engine(url(server, username=USER, password=PASSWORD))
    with engine.connect() as connection:
        connection.execute(sa.text("set schema = 'shop'"))
    engine.dispose()

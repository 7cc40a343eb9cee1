"""pandas over ADBC: read_sql and to_sql."""

import pandas as pd
import pytest

import steps

@pytest.fixture
def connection(server):
    with server.adbc() as connection:
        yield connection


def test_connect(server):
    with server.adbc() as connection:
        assert pd.read_sql("select 1 as one", connection)["one"].tolist() == [1]


def test_query(connection):
    frame = pd.read_sql(steps.QUERY, connection, dtype_backend="pyarrow")
    assert frame["name"].tolist()[:3] == ["Ada", "Grace", "Étienne"]
    assert frame["id"].tolist() == [1, 2, 3, 4, 5]


def test_no_parameters(connection):
    with pytest.raises(NotImplementedError, match="params"):
        pd.read_sql(steps.PREPARED, connection, params=(1,))


def test_metadata(connection):
    frame = pd.read_sql("select * from people limit 0", connection, dtype_backend="pyarrow")
    assert str(frame.dtypes["born"]) == "date32[day][pyarrow]"


def test_ingest(connection):
    """pandas asks for the tables of the schema, drops the table that it replaces, then ingests."""
    frame = pd.DataFrame({"id": [1, 2, 3], "town": ["Lisboa", None, "Faro"]})
    assert frame.to_sql("towns", connection, schema="temp", index=False) == 3
    back = pd.read_sql("select * from towns order by id", connection, dtype_backend="pyarrow")
    assert back["id"].tolist() == [1, 2, 3]
    assert back["town"].isna().tolist() == [False, True, False]
    frame.to_sql("towns", connection, schema="temp", index=False, if_exists="append")
    assert pd.read_sql("select count(*) as n from towns", connection)["n"].tolist() == [6]
    frame.to_sql("towns", connection, schema="temp", index=False, if_exists="replace")
    assert pd.read_sql("select count(*) as n from towns", connection)["n"].tolist() == [3]
    with pytest.raises(ValueError, match="towns"):
        frame.to_sql("towns", connection, schema="temp", index=False, if_exists="fail")


def test_session(connection):
    connection.adbc_current_db_schema = "shop"
    assert pd.read_sql("select count(*) as n from orders", connection)["n"].tolist() == [3]


def test_no_cancel(connection):
    """A frame is whole or not there: chunks are refused, so there is no middle of a stream."""
    with pytest.raises(NotImplementedError, match="chunksize"):
        next(pd.read_sql("select n from numbers", connection, chunksize=1000))


def test_close(server):
    connection = server.adbc()
    pd.read_sql("select 1 as one", connection)
    connection.close()

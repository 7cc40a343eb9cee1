"""DoGet: from a ticket to the rows, batch by batch. Forged and expired tickets are in test_bad_input.py, what a slow or
vanished reader does to a query in test_streaming.py."""

import pyarrow.flight as flight

import wire


def test_do_get(session_client):
    people = session_client.query("select * from people order by id")
    assert people.column_names == ["id", "name", "score", "born", "active"]
    assert people.num_rows == 5
    assert people["name"].to_pylist() == ["Ada", "Grace", "Étienne", None, "Zoë 🐦"]


def test_empty_result_has_its_schema(session_client):
    table = session_client.query("select id, name from people where id > 100")
    assert table.num_rows == 0
    assert table.schema.names == ["id", "name"]


def test_raw_sql_descriptor(session_client):
    table = session_client.read(b"select count(*) as people from people")
    assert table.to_pylist() == [{"people": 5}]
    assert session_client.schema("select 'é' as text".encode()).names == ["text"]


def test_raw_sql_ticket(session_client):
    reader = session_client.flight.do_get(flight.Ticket(b"select 7 as seven"), session_client.options)
    assert reader.read_all().to_pylist() == [{"seven": 7}]


def test_streaming_batch_by_batch(session_client):
    reader = session_client.get(session_client.info(wire.statement("select n from numbers order by n")))
    batches, seen = 0, 0
    for chunk in reader:
        assert chunk.data.column(0)[0].as_py() == seen
        seen += chunk.data.num_rows
        batches += 1
    assert seen == 100_000
    assert batches > 1


def test_messages_stay_below_the_usual_limit(server, session_client):
    """4 MiB is what gRPC clients take by default; one value of a row may not push a message over it."""
    ticket = session_client.info(
        wire.statement("select value, repeat('x', 50000) as wide from generate_series(1, 400)")
    ).endpoints[0].ticket
    with server.raw() as raw:
        messages = raw.call("DoGet", wire.ticket(ticket.ticket))
    assert len(messages) > 5
    assert max(len(each) for each in messages) < 4 * 1024 * 1024


def test_a_stream_can_be_left_early(session_client):
    reader = session_client.get(session_client.info(wire.statement("select * from generate_series(1, 100000000)")))
    assert reader.read_chunk().data.num_rows > 0
    reader.cancel()
    assert session_client.value("select 1") == 1


def test_a_ticket_can_be_read_twice(session_client):
    info = session_client.info(wire.statement("select id from people order by id"))
    first, second = (session_client.get(info).read_all() for _ in range(2))
    assert first == second


def test_batch_rows_is_an_upper_bound(client):
    assert client.set_options({"batch_rows": 10}) == {}
    for sql in ("select value from generate_series(1, 45)", "select 1 as v union all select 2", "select id from people"):
        batches = client.query(sql).to_batches()
        assert max(batch.num_rows for batch in batches) <= 10, sql
    assert client.query("select value from generate_series(1, 45)").num_rows == 45


def test_errors_while_reading(server):
    """What goes wrong in the middle of a stream ends it with a code as well."""
    for sql in ("select 1 / (value - 5000) from generate_series(1, 10000)", "select cast('x' || value as int) from range(3)"):
        with server.raw() as raw:
            (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
            assert raw.code("DoGet", wire.fields(wire.fields(info)[3][0])[1][0]) == "INVALID_ARGUMENT"

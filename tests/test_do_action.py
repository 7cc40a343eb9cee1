"""DoAction: endpoints that are renewed, options of the session and its end. Prepared statements are in test_prepared.py,
cancelling in test_streaming.py, bodies that are wrong in test_bad_input.py."""

import pyarrow.flight as flight
import pytest

import wire


def test_renewed_endpoint_works(session_client):
    info = session_client.info(wire.statement("select 5 as five"))
    (endpoint,) = info.endpoints
    request = wire.message(wire.message(wire.ticket(endpoint.ticket.ticket)))
    (renewed,) = session_client.action("RenewFlightEndpoint", request)
    ticket = wire.fields(wire.fields(renewed)[1][0])[1][0]
    reader = session_client.flight.do_get(flight.Ticket(ticket), session_client.options)
    assert reader.read_all().to_pylist() == [{"five": 5}]


def test_session_options(client):
    assert client.options_of_session()["catalog"] == {1: [b"godwit"]}
    assert client.set_options({"schema": "shop"}) == {}
    assert client.value("select count(*) from orders") == 3
    errors = client.set_options({"schema": "no_such_schema", "no_such_option": "x"})
    assert errors == {"schema": 2, "no_such_option": 1}
    assert client.set_options({"schema": None}) == {}
    assert client.options_of_session()["schema"] == {1: [b"main"]}


def test_close_session(server):
    with server.client() as client:
        handle = client.prepare("select 1").handle
        client.query("set schema = 'shop'")
        (answer,) = client.action("CloseSession")
        assert wire.fields(answer)[1] == [1]
        with pytest.raises(KeyError):
            client.info(wire.prepared(handle))


def test_options_have_types(client):
    """Field 1 of a value is text, 2 a boolean, 3 an integer."""
    options = client.options_of_session()
    kinds = {name: next(iter(value)) for name, value in options.items()}
    assert kinds["schema"] == kinds["timeout"] == kinds["wire_profile"] == kinds["compression"] == 1
    assert kinds["ansi_mode"] == kinds["repartition_joins"] == 2
    assert kinds["batch_rows"] == kinds["target_partitions"] == 3
    assert set(kinds.values()) == {1, 2, 3}
    assert client.set_options({"ansi_mode": True, "batch_rows": 77}) == {}
    options = client.options_of_session()
    assert options["ansi_mode"] == {2: [1]}
    assert int.from_bytes(options["batch_rows"][3][0], "little") == 77


@pytest.mark.parametrize("value", [4096, "4096", 4096.0])
def test_options_are_taken_in_any_type_that_says_the_same(client, value):
    failed = client.set_options({"batch_rows": value})
    assert failed in ({}, {"batch_rows": 2})
    stored = int.from_bytes(client.options_of_session()["batch_rows"][3][0], "little")
    assert (stored == 4096) == (failed == {})


def test_one_wrong_option_does_not_hold_up_the_others(client):
    assert client.set_options({"batch_rows": "many", "schema": "shop", "compression": ["lz4"]}) == {
        "batch_rows": 2,
        "compression": 2,
    }
    assert client.options_of_session()["schema"] == {1: [b"shop"]}

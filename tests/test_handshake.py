"""Handshake: credentials for a token, whatever the client sends with them, or that it sends nothing."""

import threading

import pyarrow.flight as flight
import pytest

import flightsql
import wire
from godwit_server import PASSWORD, USER
from rawgrpc import Failure, basic


def test_basic_token(server):
    with flight.connect(server.uri) as client:
        name, value = client.authenticate_basic_token(USER, PASSWORD)
        assert name == b"authorization"
        assert value.startswith(b"Bearer ")
        assert value.count(b".") == 2, "the token is a JWT"
        options = flight.FlightCallOptions(headers=[(name, value)])
        info = client.get_flight_info(flight.FlightDescriptor.for_command(wire.statement("select 1 as one")), options)
        assert client.do_get(info.endpoints[0].ticket, options).read_all().to_pylist() == [{"one": 1}]


def test_each_login_is_a_session_of_its_own(server):
    with server.client() as one, server.client() as other:
        one.query("set schema = 'system'")
        assert one.options_of_session()["schema"] == {1: [b"system"]}
        assert other.options_of_session()["schema"] == {1: [b"main"]}


@pytest.mark.parametrize("padded", [True, False])
def test_basic_on_every_call(server, padded):
    header = (b"authorization", basic(USER, PASSWORD, padded).encode())
    with flightsql.Client(server.uri, headers=[header]) as client:
        assert client.value("select 41 + 1") == 42


@pytest.mark.parametrize("requests", [[], [b""], [wire.message(0, b"whatever")], [b"", b""]])
def test_handshake_takes_any_payload(server, requests):
    with server.raw() as raw:
        _, headers = raw.call_with_headers("Handshake", requests)
    assert headers["authorization"].startswith("Bearer ")


def test_handshake_with_a_token(server):
    with server.client() as client, server.raw(client.headers[0][1].decode()) as raw:
        raw.call("Handshake", [b""])
        assert raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1"))) == "OK"


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic !", basic(USER, "wrong"), basic("nobody", PASSWORD)])
def test_wrong_credentials(server, authorization):
    with server.raw(authorization) as raw, pytest.raises(Failure) as failure:
        raw.call("Handshake", [b""])
    assert failure.value.code == "UNAUTHENTICATED"
    assert "authorization" not in dict([*failure.value.metadata[0], *failure.value.metadata[1]])


def test_the_answer_does_not_wait_for_the_end_of_the_request(server):
    """Some clients end their stream only when they have the token."""
    with server.client() as client:
        assert client.headers[0][0] == b"authorization"
    done = threading.Event()

    def never_ends():
        yield b""
        done.wait(30)

    with server.raw() as raw:
        call = raw.start("Handshake", never_ends())
        assert "authorization" in dict(call.initial_metadata())
        done.set()

"""Sessions as clients see them: what they are keyed by, what they keep, when they end, how many there may be."""

import pyarrow as pa
import pytest

import flightsql
import wire
from godwit_server import PASSWORD, USER, eventually
from rawgrpc import basic

# Each option with another value than its default, and the field of SessionOptionValue that it comes back in.
TEXT, FLAG, NUMBER = 1, 2, 3
OPTIONS = [
    ("schema", "system", TEXT, [b"system"]),
    ("time_zone", "Europe/Berlin", TEXT, [b"Europe/Berlin"]),
    ("batch_rows", 17, NUMBER, [(17).to_bytes(8, "little")]),
    ("timeout", "90s", TEXT, [b"90s"]),
    ("wire_profile", "native", TEXT, [b"native"]),
    ("compression", "zstd", TEXT, [b"zstd"]),
    ("endpoints", 3, NUMBER, [(3).to_bytes(8, "little")]),
    ("target_partitions", 1, NUMBER, [(1).to_bytes(8, "little")]),
    ("prefer_hash_join", False, FLAG, [0]),
]


@pytest.mark.parametrize("name, value, kind, stored", OPTIONS, ids=[option[0] for option in OPTIONS])
def test_an_option_is_typed_read_back_and_erased(server, name, value, kind, stored):
    with server.client() as client, server.client() as other:
        default = other.options_of_session()[name]
        assert client.set_options({name: value}) == {}
        assert client.options_of_session()[name] == {kind: stored}
        assert other.options_of_session()[name] == default, "another session does not see it"
        assert client.set_options({name: None}) == {}
        assert client.options_of_session()[name] == default


@pytest.mark.parametrize(
    "name, value",
    [
        ("schema", "nowhere"),
        ("catalog", "elsewhere"),
        ("time_zone", "Mars/Olympus"),
        ("batch_rows", 0),
        ("batch_rows", "many"),
        ("timeout", "soon"),
        ("wire_profile", "fancy"),
        ("compression", "gzip"),
        ("endpoints", 0),
        ("endpoints", 1000),
        ("prefer_hash_join", "perhaps"),
        ("schema", ["a", "list"]),
    ],
)
def test_a_wrong_value_is_named_and_changes_nothing(client, name, value):
    before = client.options_of_session()
    assert client.set_options({name: value}) == {name: 2}, "INVALID_VALUE"
    assert client.options_of_session() == before


def test_unknown_options_are_named_and_the_others_are_set(client):
    assert client.set_options({"batch_rows": 5, "no_such_option": 1}) == {"no_such_option": 1}, "INVALID_NAME"
    assert client.options_of_session()["batch_rows"] == {NUMBER: [(5).to_bytes(8, "little")]}


def test_two_logins_of_a_user_share_nothing(server):
    with server.client() as one, server.client() as other:
        one.query("set time_zone = 'Asia/Tokyo'")
        handle = one.prepare("select 1").handle
        assert other.options_of_session()["time_zone"] == {TEXT: [b"UTC"]}
        with pytest.raises(KeyError):
            other.info(wire.prepared(handle))


def test_calls_without_token_or_cookie_have_no_session(server):
    header = (b"authorization", basic(USER, PASSWORD).encode())
    with flightsql.Client(server.uri, headers=[header]) as client:
        with pytest.raises(pa.ArrowInvalid, match="handshake"):
            client.query("set schema = 'system'")
        with pytest.raises(pa.ArrowInvalid, match="handshake"):
            client.set_options({"schema": "system"})
        assert client.options_of_session()["schema"] == {TEXT: [b"main"]}


def test_an_idle_session_ends(start):
    server = start(config='[sessions]\nidle_timeout = "1s"\n')
    with server.client() as client, server.client() as watcher:
        client.query("set schema = 'system'")
        handle = client.prepare("select 1").handle
        sessions = "select count(*) from system.sessions"
        eventually(lambda: watcher.value(sessions) == 1, "only the watcher's session is left")
        assert client.options_of_session()["schema"] == {TEXT: [b"main"]}, "a call with the token begins a new one"
        with pytest.raises(KeyError, match="session"):
            client.info(wire.prepared(handle))


def test_a_user_may_have_only_so_many(start):
    server = start(config="[sessions]\nmax_per_user = 3\n")
    clients = [server.client() for _ in range(3)]
    for client in clients:
        client.query("set schema = 'system'")
    with server.client() as one_more:
        with pytest.raises(pa.ArrowException, match="sessions.max_per_user"):
            one_more.query("set schema = 'system'")
        clients.pop().__exit__()
        one_more.query("set schema = 'system'")
    for client in clients:
        assert client.options_of_session()["schema"] == {TEXT: [b"system"]}, "the others live on"
        client.__exit__()


def test_a_session_in_which_nothing_was_set_makes_room(start):
    server = start(config="[sessions]\nmax = 2\n")
    with server.client() as keeps:
        keeps.query("set schema = 'system'")
        for _ in range(5):
            assert server.client().value("select 1") == 1
        assert keeps.options_of_session()["schema"] == {TEXT: [b"system"]}


def test_a_closed_session_is_gone_and_the_token_stays_good(server):
    with server.client() as client:
        client.query("set batch_rows = 7")
        (answer,) = client.action("CloseSession")
        assert wire.fields(answer)[1] == [1], "CLOSED"
        assert client.value("select 1") == 1
        assert client.options_of_session()["batch_rows"] != {NUMBER: [(7).to_bytes(8, "little")]}

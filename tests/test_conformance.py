"""`godwit conformance`: the card of this server, the cards of crooked ones, and what it says where there is no card."""

import json
import socket
import threading

import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, USER, run

# Rows that may be refused, since nothing in Godwit does them yet; every other row must be "yes".
MAY_BE_REFUSED = {
    "get-flight-info-substrait",
    "create-substrait",
}
# Together with the user's name it needs base64 padding, which clients write or leave out.
PADDED = "correct horse 12"


def conformance(*arguments, timeout="60", **options):
    """Asks for a card; a probe may take as long as a busy machine makes it."""
    return run("conformance", "--against", *arguments, "--timeout", timeout, timeout=170, **options)


def rows(ran):
    """The rows of a JSON card by their id."""
    assert ran.returncode == 0, ran.stderr
    return {row["id"]: row for row in json.loads(ran.stdout)["rows"]}


@pytest.fixture(scope="module")
def password_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("secret") / "password"
    path.write_text(PASSWORD + "\n")
    return path


@pytest.fixture(scope="module")
def card(server, password_file):
    """The card of a server with many tables."""
    return conformance(server.uri, "--user", USER, "--password-file", password_file, "--format", "json")


def test_every_row_is_yes_or_is_known_to_be_refused(card):
    found = rows(card)
    needs_padding = {"handshake-padded", "handshake-unpadded"}
    wrong = {
        name: (row["mark"], row["reason"])
        for name, row in found.items()
        if row["mark"] != "yes" and not (row["mark"] == "refused" and name in MAY_BE_REFUSED) and name not in needs_padding
    }
    assert wrong == {}
    assert found.keys() > MAY_BE_REFUSED | needs_padding
    assert card.stderr == ""


def test_the_card_says_who_it_is_of(card, server):
    value = json.loads(card.stdout)
    assert value["server"] == server.uri
    assert value["name"].startswith("Godwit ")
    assert value["login"] == "Basic handshake"
    assert sum(value["counts"].values()) == len(value["rows"])


def test_both_forms_of_base64(start, tmp_path):
    server = start(password=PADDED)
    (tmp_path / "password").write_text(PADDED)
    found = rows(
        conformance(server.uri, "--user", USER, "--password-file", tmp_path / "password", "--format", "json")
    )
    assert found["handshake-padded"]["mark"] == "yes"
    assert found["handshake-unpadded"]["mark"] == "yes"


def test_a_token_logs_in(server):
    with server.client() as client:
        _, token = client.headers[0]
        bearer = token.decode().removeprefix("Bearer ")
        ran = conformance(server.uri, "--format", "json", env={"GODWIT_CONFORMANCE_TOKEN": bearer})
    found = rows(ran)
    assert json.loads(ran.stdout)["login"] == "Bearer on each call"
    assert bearer not in ran.stdout + ran.stderr
    assert found["handshake-bearer"]["mark"] == "yes"
    assert found["handshake-padded"]["mark"] == "untested"
    assert found["wrong-token"]["mark"] == "yes"
    assert found["do-get"]["mark"] == "yes"


def test_text_and_markdown(server, password_file):
    login = ["--user", USER, "--password-file", password_file]
    text = conformance(server.uri, *login).stdout
    assert text.startswith("Godwit ")
    assert "\nHandshake\n  Handshake without a message  " in text
    markdown = conformance(server.uri, *login, "--format", "markdown").stdout
    assert "\n| Flights | | |\n| --- | --- | --- |\n| ListFlights | **yes** |" in markdown


def test_nothing_is_left_behind(server, client):
    """In the session that the card shares with this client, since it was given its token."""

    def tables():
        return client.value("select count(*) from information_schema.tables where table_name like 'conformance%'")

    client.update(wire.update("create temp table conformance_mine as select 1 as a"))
    _, token = client.headers[0]
    before = client.action("GetSessionOptions")
    ran = conformance(server.uri, "--token", token.decode().removeprefix("Bearer "), "--format", "json")
    assert rows(ran)["do-put-ingest"]["mark"] == "yes"
    assert rows(ran)["close-session"]["mark"] == "untested"
    assert tables() == 1
    assert client.action("GetSessionOptions") == before


def test_encrypted(start, password_file):
    server = start(args=["--tls-mode", "auto"])
    login = ["--user", USER, "--password-file", password_file, "--format", "json"]
    (certificate,) = server.data_dir.joinpath("tls").glob("*cert*")
    for trust in (["--ca-file", certificate], ["--insecure"]):
        assert rows(conformance(server.uri, *login, *trust))["do-get"]["mark"] == "yes"
    distrusting = conformance(server.uri, *login)
    assert distrusting.returncode == 69
    assert "certificate" in distrusting.stderr.lower()


class Crooked(flight.FlightServerBase):
    """Hangs in one RPC, fails in another, and has none of the rest."""

    def __init__(self):
        self.released = threading.Event()
        super().__init__("grpc://127.0.0.1:0")

    def list_flights(self, context, criteria):
        self.released.wait()
        return iter(())

    def list_actions(self, context):
        raise flight.FlightInternalError("out of feathers")


def test_a_server_that_hangs_and_fails_still_gets_a_card():
    with Crooked() as crooked:
        try:
            ran = conformance(f"grpc://127.0.0.1:{crooked.port}", "--format", "json", timeout="5")
        finally:
            crooked.released.set()
    found = rows(ran)
    assert found["list-flights"]["mark"] == "hangs"
    assert found["list-flights"]["reason"] == "no answer within 5 s"
    assert found["list-actions"]["mark"] == "broken"
    assert "INTERNAL" in found["list-actions"]["reason"] and "feathers" in found["list-actions"]["reason"]
    for name in ("get-flight-info", "do-put-update", "do-exchange", "create-prepared", "get-tables"):
        assert found[name]["mark"] == "refused", found[name]
    assert found["wrong-password"]["mark"] == "untested"


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    ran = conformance(f"grpc://127.0.0.1:{port}")
    assert (ran.returncode, ran.stdout) == (69, "")
    assert f"cannot reach grpc://127.0.0.1:{port}" in ran.stderr


def test_somebody_who_never_speaks():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
        ran = conformance(url, timeout="1")
    assert (ran.returncode, ran.stdout) == (69, "")
    assert "no answer within 1 s" in ran.stderr


def test_wrong_credentials(server, tmp_path):
    (tmp_path / "password").write_text("wrong")
    for login in (["--user", USER, "--password-file", tmp_path / "password"], ["--token", "wrong"], []):
        ran = conformance(server.uri, *login)
        assert (ran.returncode, ran.stdout) == (69, "")
        assert "refuses these credentials" in ran.stderr and "UNAUTHENTICATED" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["localhost:1"], "grpc+tls://HOST:PORT"),
        (["http2://localhost:1"], "unknown scheme"),
        (["grpc://localhost:1", "--user", "ada"], "--password-file"),
        (["grpc://localhost:1", "--user", "ada", "--password-file", "/nowhere"], "/nowhere"),
        (["grpc+tls://localhost:1", "--ca-file", "/nowhere"], "/nowhere"),
        (["grpc+tls://localhost:1", "--ca-file", "/nowhere", "--insecure"], "--insecure"),
        (["grpc://localhost:1", "--format", "html"], "markdown"),
        (["grpc://localhost:1", "--token", "a\nb"], "token"),
    ],
)
def test_mistakes(arguments, says):
    ran = conformance(*arguments)
    assert (ran.returncode, ran.stdout) == (64, "")
    assert says in ran.stderr


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "601", "soon"])
def test_time_limits_that_make_no_sense(timeout):
    ran = run("conformance", "--against", "grpc://localhost:1", f"--timeout={timeout}")
    assert (ran.returncode, ran.stdout) == (64, "")
    assert "--timeout" in ran.stderr


def test_help_tells_the_side_effects():
    text = run("conformance", "--help").stdout
    assert "tables of random names" in text and "removed again" in text

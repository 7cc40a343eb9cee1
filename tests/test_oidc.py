"""Tokens of a real OpenID provider: what it issues opens the server, and what becomes of that as its keys change."""

import contextlib
import http.server
import ssl
import threading

import pyarrow as pa
import pyarrow.flight as flight
import pytest
import requests
from cryptography import x509

import flightsql
import rawgrpc
from certificates import DAY, Authority, now
from godwit_server import eventually, run
from oidc_provider import Provider, new_key

QUICK = 'refresh_interval = "1s"\nrefresh_pause = "100ms"\n'
DEBUG = {"GODWIT_LOG_FILTER": "debug"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with Provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


def code(server, token):
    """The code of a call with a token."""
    with server.raw(f"Bearer {token}") as raw:
        return raw.code("ListActions")


def works(server, token):
    return code(server, token) == "OK"


def bearer(server, token):
    return flightsql.Client(server.uri, headers=[(b"authorization", f"Bearer {token}".encode())])


def user_of(server, token):
    """The name under which the server logs a query."""
    mark = len(server.log())
    with bearer(server, token) as client:
        assert client.value("select 41 + 1") == 42
    told = [line for line in server.log()[mark:].splitlines() if "GetFlightInfo" in line and "user=" in line]
    (user,) = {line.split("user=")[1].split("}")[0].split(" ")[0].strip('"') for line in told}
    return user


def test_client_credentials(start, provider):
    server = start(config=provider.config(), env=DEBUG)
    assert user_of(server, provider.service_token()) == "op:service"


def test_login_of_a_user(start, provider):
    server = start(config=provider.config(more='user_claim = "preferred_username"\nuser_prefix = "corp:"'), env=DEBUG)
    tokens = provider.log_in()
    assert user_of(server, tokens["access_token"]) == "corp:ann.smith"
    # A renewed token of that login goes on with its session; another login begins another.
    with bearer(server, tokens["access_token"]) as client:
        client.query("create temp table mine as select 7 as x")
        renewed = provider.refresh(tokens)
        assert renewed["access_token"] != tokens["access_token"]
        again = bearer(server, renewed["access_token"])
        assert again.value("select x from mine") == 7
        with bearer(server, provider.log_in()["access_token"]) as other, pytest.raises(pa.ArrowException, match="does not exist"):
            other.value("select x from mine")


def test_token_exchange(start, provider):
    server = start(config=provider.config(), env=DEBUG)
    opaque = provider.log_in(resource=None)["access_token"]
    assert not works(server, opaque), "a token for the provider alone"
    assert user_of(server, provider.exchange(opaque)) == "op:ann"


def test_tokens_that_are_not_for_us(start, provider):
    server = start(config=provider.config())
    tokens = provider.log_in()
    assert works(server, tokens["access_token"])
    for token in (tokens["id_token"], tokens["refresh_token"], provider.service_token("urn:other")):
        assert code(server, token) == "UNAUTHENTICATED"
    stranger = start(config=provider.config().replace(provider.issuer, f"{provider.issuer}/realm"))
    assert code(stranger, tokens["access_token"]) == "UNAUTHENTICATED"


def test_every_client_library(start, provider):
    server = start(config=provider.config())
    token = provider.service_token()
    header = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    with server.adbc(user=None, db_kwargs=header) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchall() == [(1,)]
    # A handshake takes it and gives it back.
    with server.raw(f"Bearer {token}") as raw:
        _, headers = raw.call_with_headers("Handshake", [])
    assert headers["authorization"] == f"Bearer {token}"


def test_passwords_go_on_working(start, provider):
    server = start(config=provider.config())
    with server.client() as client:
        assert client.value("select 1") == 1
    with server.raw(rawgrpc.basic("op:service", "x")) as raw:
        assert raw.code("ListActions") == "UNAUTHENTICATED"


def test_users_do_not_meet(start, provider):
    """A ticket of one user is worth nothing to another, whatever they are called at home."""
    server = start(config=provider.config(more='user_prefix = ""'))
    theirs = provider.service_token()
    with server.client() as ours, bearer(server, theirs) as client:
        ticket = ours.info(b"select 1").endpoints[0].ticket
        with pytest.raises(flight.FlightUnauthorizedError):
            client.flight.do_get(ticket, client.options).read_all()


def test_rotation_of_keys(start, tmp_path):
    old, new, other = new_key(), new_key("ES256"), new_key()
    with Provider(tmp_path, [old]) as provider:
        server = start(config=provider.config(more='refresh_interval = "1h"\nrefresh_pause = "100ms"'))
        first = provider.service_token()
        assert works(server, first)
        # The next key is found because a token names it.
        provider.restart([new, old])
        second = provider.service_token()
        assert eventually(lambda: works(server, second), "the new key is known")
        assert works(server, first)
        # One that was never published is not.
        provider.restart([other])
        forged = provider.service_token()
        provider.stop()
        assert code(server, forged) == "UNAUTHENTICATED"


def test_a_withdrawn_key_stops_working(start, tmp_path):
    old, new = new_key(), new_key()
    with Provider(tmp_path, [old]) as provider:
        server = start(config=provider.config(more=QUICK))
        first = provider.service_token()
        assert works(server, first)
        provider.restart([new])
        eventually(lambda: not works(server, first), "the old key is no longer taken")
        assert code(server, first) == "UNAUTHENTICATED"
        assert works(server, provider.service_token())


def test_the_provider_is_away(start, tmp_path):
    with Provider(tmp_path) as provider:
        server = start(config=provider.config(more=QUICK))
        token = provider.service_token()
        assert works(server, token)
        provider.stop()
        eventually(lambda: "keys cannot be fetched" in server.log(), "the server misses the provider")
        assert works(server, token)
        with bearer(server, token) as client:
            assert client.value("select 1") == 1
        # A server that has never seen the keys can say neither yes nor no.
        late = start(config=provider.config(more=QUICK))
        assert code(late, token) == "UNAVAILABLE"
        with late.client() as client:
            assert client.value("select 1") == 1
        provider.start()
        eventually(lambda: works(late, token), "the keys are there in the end")


def test_no_token_in_the_log(start, provider):
    server = start(config=provider.config(), env={"GODWIT_LOG_FILTER": "trace"})
    tokens = provider.log_in()
    good, bad = tokens["access_token"], tokens["id_token"]
    assert works(server, good)
    assert not works(server, bad)
    server.stop()
    log = server.log()
    assert "another audience" in log, "the operator is told why"
    for token in (good, bad):
        for part in token.split("."):
            assert part not in log


class Keys(http.server.BaseHTTPRequestHandler):
    """Passes on what the provider publishes."""

    def do_GET(self):
        body = requests.get(self.server.source, timeout=30).content
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def over_https(provider, pair):
    """The URL of the provider's keys over https."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys) as site:
        site.source = f"{provider.issuer}/jwks"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert_file, pair.key_file)
        site.socket = context.wrap_socket(site.socket, server_side=True)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{site.server_address[1]}/jwks"
        site.shutdown()


def test_keys_over_https(start, provider, tmp_path):
    authority, stranger = Authority(tmp_path, "one"), Authority(tmp_path, "another")
    token = provider.service_token()
    for pair, trusted, answer in [
        (authority.server("good"), authority, "OK"),
        (authority.server("stale", since=now() - 2 * DAY, until=now() - DAY), authority, "UNAVAILABLE"),
        (authority.issue("elsewhere", x509.DNSName("keys.test")), authority, "UNAVAILABLE"),
        (stranger.server("strange"), authority, "UNAVAILABLE"),
        (authority.server("untrusted"), None, "UNAVAILABLE"),
    ]:
        with over_https(provider, pair) as url:
            more = f'jwks_url = "{url}"\n' + (f'ca_file = "{trusted.file}"\n' if trusted else "")
            server = start(config=provider.config(more=more))
            assert code(server, token) == answer, pair.cert_file
            server.stop()


def test_files_are_checked_before_a_start(tmp_path):
    (tmp_path / "keys.json").write_text('{"keys": []}')
    (tmp_path / "c.toml").write_text(
        f'[auth.issuers.ci]\nissuer = "ci"\naudience = ["godwit"]\nkey_file = "{tmp_path / "keys.json"}"\n'
    )
    for command in (["config", "check"], ["serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "data"]):
        refused = run(*command, "--config", tmp_path / "c.toml")
        assert refused.returncode == 64, refused.stderr
        assert "auth.issuers.ci.key_file" in refused.stderr
        assert "holds no public key" in refused.stderr

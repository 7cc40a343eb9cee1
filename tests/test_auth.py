"""Who gets in: passwords, tokens that are checked to the last bit, many users, and no hint for those who are not let in."""

import base64
import hashlib
import hmac
import json
import re

import pyarrow.flight as flight
import pytest

import flightsql
import wire
from godwit_server import PASSWORD, USER, Server, eventually, hashed, run
from rawgrpc import Failure, Raw, basic

SELECT_1 = wire.descriptor(wire.statement("select 1"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that takes as many wrong passwords as these tests send; test_tokens.py is about how they are slowed."""
    with Server(tmp_path_factory.mktemp("auth"), config="[auth]\nfailed_logins = 1000\n") as running:
        yield running


def token_of(server, user=USER, password=PASSWORD):
    with server.raw(basic(user, password)) as raw:
        _, headers = raw.call_with_headers("Handshake", [])
        return headers["authorization"].removeprefix("Bearer ")


def refusal(server, authorization, method="GetFlightInfo", request=SELECT_1):
    """The code and the text with which a call is turned away, without the number that every answer has."""
    with Raw(server.address, authorization) as raw:
        with pytest.raises(Failure) as failure:
            raw.call(method, request)
        return failure.value.code, re.sub(r"\[query [0-9a-f]+\]", "", failure.value.message)


def unpadded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def parts(token):
    """Header and claims of a token."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def unsigned(header, claims, signature=b""):
    return ".".join([unpadded(json.dumps(header).encode()), unpadded(json.dumps(claims).encode()), unpadded(signature)])


def test_the_scheme_is_read_in_any_case(server):
    token = token_of(server)
    for scheme in ("Bearer", "bearer", "BEARER"):
        with server.raw(f"{scheme} {token}") as raw:
            assert raw.code("GetFlightInfo", SELECT_1) == "OK"


def test_token_claims(server):
    header, claims = parts(token_of(server))
    assert header["alg"] == "EdDSA"
    assert claims["sub"] == USER
    assert claims["iss"] == claims["aud"] == "godwit"
    assert claims["exp"] - claims["iat"] == 12 * 3600


def test_a_colon_in_the_password(start):
    server = start(password="a:b:c")
    with server.client(password="a:b:c") as client:
        assert client.value("select 1") == 1


WRONG = {
    "wrong password": basic(USER, "wrong"),
    "no password": basic(USER, ""),
    "almost the password": basic(USER, PASSWORD + " "),
    "unknown user": basic("nobody", PASSWORD),
    "empty user": basic("", PASSWORD),
    "no colon": "Basic " + base64.b64encode(b"admin").decode(),
    "no base64": "Basic !!!",
    "no utf-8": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "null": "Basic null",
    "scheme alone": "Basic",
    "other scheme": "Digest abc",
    "no scheme": "abc",
    "empty": "",
    "bearer alone": "Bearer ",
    "bearer None": "Bearer None",
    "bearer garbage": "Bearer a.b.c",
    "long": "Basic " + "A" * 5000,
    "nothing": None,
}


@pytest.mark.parametrize("authorization", WRONG.values(), ids=WRONG.keys())
def test_wrong_credentials_all_get_the_same_answer(server, authorization):
    expected = refusal(server, basic(USER, "also wrong"))
    assert expected[0] == "UNAUTHENTICATED"
    assert refusal(server, authorization) == expected
    assert refusal(server, authorization, "Handshake", [b""]) == expected


@pytest.mark.parametrize(
    ("method", "request_bytes"),
    [
        ("ListFlights", b""),
        ("GetFlightInfo", SELECT_1),
        ("PollFlightInfo", SELECT_1),
        ("GetSchema", SELECT_1),
        ("DoGet", wire.ticket(b"x")),
        ("DoPut", wire.flight_data(wire.update("select 1"))),
        ("DoExchange", wire.flight_data(b"x")),
        ("DoAction", wire.action("CloseSession")),
        ("ListActions", b""),
        ("NoSuchMethod", b""),
    ],
)
def test_every_method_wants_credentials(server, method, request_bytes):
    code, _ = refusal(server, None, method, request_bytes)
    assert code == "UNAUTHENTICATED" if method != "NoSuchMethod" else code in ("UNAUTHENTICATED", "UNIMPLEMENTED")


def test_no_token_in_a_refusal(server):
    with Raw(server.address, basic(USER, "wrong")) as raw:
        with pytest.raises(Failure) as failure:
            raw.call("Handshake", [b""])
    for metadata in failure.value.metadata:
        assert not any(name == "authorization" for name, _ in metadata)


def tampered(token):
    """Every way to lie with a token that this server once issued."""
    header, claims = parts(token)
    head, body, signature = token.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    later = {**claims, "exp": claims["exp"] + 3600}
    hs256 = unsigned({"alg": "HS256", "typ": "JWT"}, claims).rsplit(".", 1)[0]
    keyed = hmac.new(b"godwit", hs256.encode(), hashlib.sha256).digest()
    return {
        "alg none": unsigned({"alg": "none", "typ": "JWT"}, claims),
        "alg none without a signature part": unsigned({"alg": "none"}, claims).rstrip("."),
        "alg HS256": f"{hs256}.{unpadded(keyed)}",
        "another user": ".".join([head, unpadded(json.dumps({**claims, "sub": "root"}).encode()), signature]),
        "a later end": ".".join([head, unpadded(json.dumps(later).encode()), signature]),
        "another header": ".".join([unpadded(json.dumps({**header, "kid": "x"}).encode()), body, signature]),
        "a flipped bit": ".".join([head, body, unpadded(bytes([raw[0] ^ 1]) + raw[1:])]),
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{token}.{signature}",
        "truncated": token[:-10],
        "doubled": token + token,
    }


def test_tampered_tokens(server):
    token = token_of(server)
    expected = refusal(server, None)
    for name, wrong in tampered(token).items():
        assert refusal(server, f"Bearer {wrong}") == expected, name
    with server.raw(f"Bearer {token}") as raw:
        assert raw.code("GetFlightInfo", SELECT_1) == "OK"


def test_another_servers_token(server, start):
    other = start()
    assert refusal(server, f"Bearer {token_of(other)}")[0] == "UNAUTHENTICATED"


def test_tokens_outlive_a_restart(start, tmp_path):
    first = start(home=tmp_path / "same")
    token = token_of(first)
    first.stop()
    second = start(home=tmp_path / "same")
    with second.raw(f"Bearer {token}") as raw:
        assert raw.code("GetFlightInfo", SELECT_1) == "OK"


def test_an_expired_token(start):
    """Without use of the renewed ones, a token ends when its time is over."""
    server = start(config='[auth]\ntoken_ttl = "2s"\n')
    token = token_of(server)
    expected = refusal(server, None)
    with server.raw(f"Bearer {token}") as raw:
        eventually(lambda: raw.code("GetFlightInfo", SELECT_1) == "UNAUTHENTICATED", "the token expires", 20)
    assert refusal(server, f"Bearer {token}") == expected


def test_a_token_past_half_of_its_life_is_renewed_by_use(start):
    server = start(config='[auth]\ntoken_ttl = "8s"\n')
    token = token_of(server)

    def renewed():
        with server.raw(f"Bearer {token}") as raw:
            _, headers = raw.call_with_headers("GetFlightInfo", SELECT_1)
            return headers.get("authorization")

    assert renewed() is None, "a fresh token is not renewed"
    fresh = eventually(renewed, "the token is renewed", 20).removeprefix("Bearer ")
    (_, old), (_, new) = parts(token), parts(fresh)
    assert new["sid"] == old["sid"], "the session goes on"
    assert new["exp"] > old["exp"]
    with server.raw(f"Bearer {fresh}") as raw:
        assert raw.code("GetFlightInfo", SELECT_1) == "OK"


def test_a_ticket_is_its_users_own(start):
    server = start(config=f'[users.second]\npassword_hash = "{hashed("second")}"\n')
    with server.client() as admin, server.client("second", "second") as second:
        info = admin.info(wire.statement("select 1"))
        with pytest.raises((flight.FlightUnauthorizedError, flight.FlightUnauthenticatedError)):
            second.get(info).read_all()
        assert admin.get(info).read_all().num_rows == 1


# Users and where their passwords come from.


def test_password_file(start, tmp_path):
    path = tmp_path / "password"
    path.write_text("from a file\n")
    server = start(password=None, args=["--admin-user", "chief", "--admin-password-file", str(path)])
    with server.client("chief", "from a file") as client:
        assert client.value("select 1") == 1
    assert refusal(server, basic("admin", "from a file"))[0] == "UNAUTHENTICATED"


def test_many_users(start):
    users = {"ada": "engine no. 1", "grace.h": "Käfer: 🐞"}
    config = ""
    for user, password in users.items():
        of_it = hashed(password)
        assert of_it.startswith("$argon2id$")
        config += f'[users."{user}"]\npassword_hash = "{of_it}"\n'
    server = start(password=None, config=config)
    for user, password in users.items():
        with server.client(user, password) as client:
            assert client.value("select 1") == 1
    assert refusal(server, basic("ada", users["grace.h"]))[0] == "UNAUTHENTICATED"
    assert refusal(server, basic("admin", "admin"))[0] == "UNAUTHENTICATED"


def test_hashes_are_salted():
    one, other = (hashed("same") for _ in range(2))
    assert one != other


def test_first_start_makes_an_admin_and_says_so_once(start, tmp_path):
    home = tmp_path / "new"
    first = start(home=home, password=None)
    (line,) = [line for line in [*first.lines, *first.log().splitlines()] if "first start" in line]
    password = line.split('password "')[1].split('"')[0]
    assert len(password) >= 16
    with first.client(password=password) as client:
        assert client.value("select 1") == 1
    first.stop()
    said = len(first.log())
    second = start(home=home, password=None)
    assert "first start" not in second.log()[said:]
    assert password not in second.log()[said:]
    with second.client(password=password) as client:
        assert client.value("select 1") == 1
    for path in (home / "data").rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path


def test_secrets_on_disk_are_private(start):
    server = start(password=None)
    secrets = list((server.data_dir / "auth").rglob("*"))
    assert any(path.suffix == ".pem" for path in secrets)
    assert (server.data_dir / "auth").stat().st_mode & 0o777 == 0o700
    for path in secrets:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_no_password_in_the_log(start):
    server = start(env={"GODWIT_LOG_FILTER": "trace"})
    with server.client() as client:
        client.query("select 1")
        token = client.headers[0][1].decode().removeprefix("Bearer ")
    server.stop()
    log = server.log()
    assert PASSWORD not in log
    assert basic(USER, PASSWORD).removeprefix("Basic ") not in log
    assert token not in log
    assert token.rsplit(".", 1)[1] not in log


def test_auth_off(start):
    server = start(password=None, config='[auth]\nmode = "off"\n')
    with flightsql.Client(server.uri) as client:
        assert client.value("select 1") == 1
    with flightsql.Client(server.uri, headers=[(b"authorization", b"Bearer None")]) as client:
        assert client.value("select 1") == 1
    with server.adbc(user=None) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchall() == [(1,)]


def test_auth_off_is_for_loopback_only(tmp_path):
    (tmp_path / "c.toml").write_text('listen = "0.0.0.0:0"\n[auth]\nmode = "off"\n[tls]\nmode = "auto"\n')
    refused = run("serve", "--config", tmp_path / "c.toml", "--data-dir", tmp_path / "data")
    assert refused.returncode == 64
    assert "auth.mode" in refused.stderr
    assert not (tmp_path / "data").exists(), "nothing is made before the configuration is right"

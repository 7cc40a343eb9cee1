"""Tokens for services, the keys that sign them, and how those who try passwords are slowed while others are not."""

import base64
import json
import statistics
import threading
import time

import pytest

import wire
from godwit_server import PASSWORD, USER, eventually, hashed, run
from rawgrpc import Failure, Raw, basic
from relay import Relay

SELECT_1 = wire.descriptor(wire.statement("select 1"))
QUICK = '[auth]\nrefresh_interval = "100ms"\n'


def create(data_dir, *arguments, user=USER, code=0):
    made = run("token", "create", "--data-dir", data_dir, "--user", user, *arguments)
    assert made.returncode == code, made.stderr
    return made.stdout.strip() if code == 0 else made.stderr


def inspect(data_dir, token, code=0, *arguments):
    seen = run("token", "inspect", "--data-dir", data_dir, *arguments, stdin=token)
    assert seen.returncode == code, seen.stderr
    return json.loads(seen.stdout) if seen.stdout else None, seen.stderr


def code_of(server, token):
    with Raw(server.address, f"Bearer {token}") as raw:
        return raw.code("GetFlightInfo", SELECT_1)


def login(server, user=USER, password=PASSWORD):
    with Raw(server.address, basic(user, password)) as raw:
        _, headers = raw.call_with_headers("Handshake", [])
        return headers["authorization"].removeprefix("Bearer ")


def part(token, number):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))


def test_a_service_calls_with_a_token_of_its_own(start):
    server = start()
    token = create(server.data_dir, "--ttl", "1h", "--id", "etl-1")
    seen, _ = inspect(server.data_dir, token)
    assert seen["claims"]["jti"] == "etl-1"
    assert seen["claims"]["sub"] == USER
    assert seen["claims"]["exp"] - seen["claims"]["iat"] == 3600
    assert seen == {"header": part(token, 0), "claims": part(token, 1)}
    assert code_of(server, token) == "OK"
    with server.raw(f"Bearer {token}") as raw:
        _, headers = raw.call_with_headers("Handshake", [])
    assert headers["authorization"] == f"Bearer {token}", "no other is to be had for it"
    server.stop()
    later = create(server.data_dir)
    assert part(later, 1)["exp"] - part(later, 1)["iat"] == 30 * 24 * 3600
    again = start(home=server.home)
    assert code_of(again, token) == code_of(again, later) == "OK"


def test_a_token_that_is_not_good(start):
    server = start()
    token = create(server.data_dir)
    for wrong in (token[:-4], token[:-4] + "AAAA", "", "x.y.z", token.split(".", 1)[1]):
        _, said = inspect(server.data_dir, wrong, 65)
        assert "not good" in said
        assert code_of(server, wrong) == "UNAUTHENTICATED"
    short = create(server.data_dir, "--ttl", "1s")
    eventually(lambda: code_of(server, short) == "UNAUTHENTICATED", "the token expires", 20)
    _, said = inspect(server.data_dir, short, 65)
    assert "expired" in said


def test_a_token_for_nobody(start):
    server = start()
    made = run("token", "create", "--data-dir", server.data_dir, "--user", "carol")
    assert made.returncode == 0
    assert 'no user "carol"' in made.stderr
    assert code_of(server, made.stdout.strip()) == "UNAUTHENTICATED"


def test_a_token_of_another_audience_or_issuer(start, tmp_path):
    server = start(config='[auth]\naudience = "reports"\nissuer = "https://godwit.test"\n')
    config = tmp_path / "other.toml"
    good = create(server.data_dir, "--config", server.home / "godwit.toml")
    assert code_of(server, good) == "OK"
    assert part(login(server), 1)["aud"] == "reports"
    for text in ('audience = "reports"', 'issuer = "https://godwit.test"', ""):
        config.write_text(f"[auth]\n{text}\n")
        wrong = create(server.data_dir, "--config", config)
        assert code_of(server, wrong) == "UNAUTHENTICATED"
        inspect(server.data_dir, wrong, 65, "--config", server.home / "godwit.toml")


def test_what_cannot_be_made(start, tmp_path):
    server = start()
    for arguments, why in (
        (["--ttl", "x"], "duration"),
        (["--ttl", "0s"], "lives for 1 s"),
        (["--ttl", "9999d"], "auth.service_token_max_ttl"),
        (["--id", "a b"], "id"),
        (["--id", ""], "id"),
    ):
        assert why in create(server.data_dir, *arguments, code=64)
    assert "name" in create(server.data_dir, user="a:b", code=64)
    assert "no such directory" in create(tmp_path / "missing", code=73)
    assert not (tmp_path / "missing").exists()
    (tmp_path / "off.toml").write_text('[auth]\nmode = "off"\n')
    assert "auth.mode" in create(server.data_dir, "--config", tmp_path / "off.toml", code=64)


def test_keys_change_and_tokens_stay(start):
    server = start(config=QUICK)
    before = login(server)
    service = create(server.data_dir)
    made = run("token", "rotate-key", "--data-dir", server.data_dir)
    assert made.returncode == 0
    eventually(lambda: part(login(server), 0)["kid"] == made.stdout.strip(), "the new key signs", 20)
    after = create(server.data_dir)
    assert part(after, 0)["kid"] == made.stdout.strip() != part(before, 0)["kid"]
    for token in (before, service, after):
        assert code_of(server, token) == "OK"
    server.stop()
    server = start(home=server.home, config=QUICK)
    for token in (before, service, after):
        assert code_of(server, token) == "OK", "after a restart"
    forgotten = run("token", "rotate-key", "--forget-old", "--data-dir", server.data_dir)
    assert forgotten.returncode == 0
    for token in (before, service, after):
        eventually(lambda t=token: code_of(server, t) == "UNAUTHENTICATED", "the key is forgotten", 20)
    assert code_of(server, login(server)) == "OK"
    for path in (server.data_dir / "auth" / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_keys_change_by_themselves(start):
    server = start(config=QUICK + 'key_rotation = "1s"\n')
    token = login(server)
    eventually(lambda: part(login(server), 0)["kid"] != part(token, 0)["kid"], "another key signs", 20)
    assert code_of(server, token) == "OK"


def attempt(address, user, password):
    """The code of a login on a connection of its own, and the time it took."""
    with Raw(address, basic(user, password)) as raw:
        begun = time.monotonic()
        code = raw.code("Handshake", [])
        return code, time.monotonic() - begun


def test_wrong_passwords_are_slowed_for_the_pair_alone(start):
    server = start(config=f'[users.second]\npassword_hash = "{hashed("second")}"\n')
    with Relay(server, "127.0.0.2") as relay:
        codes = [attempt(relay.address, USER, "wrong")[0] for _ in range(7)]
        assert codes == ["UNAUTHENTICATED"] * 5 + ["RESOURCE_EXHAUSTED"] * 2
        with pytest.raises(Failure, match="too many failed logins; try again in 1 s"):
            with Raw(relay.address, basic(USER, PASSWORD)) as raw:
                raw.call("Handshake", [])
        assert attempt(relay.address, "second", "second")[0] == "OK"
        assert attempt(server.address, USER, PASSWORD)[0] == "OK"
        token = login(server)
        with Raw(relay.address, f"Bearer {token}") as raw:
            assert raw.code("GetFlightInfo", SELECT_1) == "OK", "a token is not slowed"
        # Nobody is locked out for good, and what was right forgets what was wrong.
        eventually(lambda: attempt(relay.address, USER, PASSWORD)[0] == "OK", "the delay is over", 20)
        codes = [attempt(relay.address, USER, "wrong")[0] for _ in range(6)]
        assert codes == ["UNAUTHENTICATED"] * 5 + ["RESOURCE_EXHAUSTED"]


def test_a_flood_of_wrong_passwords_slows_nobody_else(start):
    """Sixteen threads try names without end from one address, with one place for checks: each waits for fifteen others.
    Another user's logins from elsewhere, each with a check of its own, wait for one or two, however slow a check is."""
    config = (
        '[auth]\nlogin_concurrency = 1\nlogin_cache_ttl = "0s"\nfailed_logins_per_address = 100000\n'
        f'[users.second]\npassword_hash = "{hashed("second")}"\n'
    )
    server = start(config=config)
    ended = threading.Event()
    tried = []

    def flood(number):
        while not ended.is_set():
            tried.append(attempt(relay.address, f"user {number} {len(tried)}", "wrong"))

    with Relay(server, "127.0.0.2") as relay:
        threads = [threading.Thread(target=flood, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: len(tried) > 50, "the flood has begun")
            taken = []
            for _ in range(7):
                code, seconds = attempt(server.address, "second", "second")
                assert code == "OK"
                taken.append(seconds)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert {code for code, _ in tried} == {"UNAUTHENTICATED"}
    assert statistics.median(taken) * 2 < statistics.median(seconds for _, seconds in tried), taken


def test_an_address_that_tries_many_names_is_slowed(start):
    server = start(config="[auth]\nfailed_logins_per_address = 10\n")
    with Relay(server, "127.0.0.2") as relay:
        assert attempt(relay.address, USER, PASSWORD)[0] == "OK"
        codes = [attempt(relay.address, f"user {number}", "x")[0] for number in range(12)]
        assert codes == ["UNAUTHENTICATED"] * 10 + ["RESOURCE_EXHAUSTED"] * 2
        assert attempt(relay.address, USER, PASSWORD)[0] == "OK", "who has logged in from there is let in"
        assert attempt(server.address, "user 1", "x")[0] == "UNAUTHENTICATED"

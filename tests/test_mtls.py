"""Certificates of clients: who is let in by them, as whom, and how they and the server's own are exchanged while it runs."""

import contextlib
import datetime
import hashlib
import resource
import socket
import ssl
import types

import grpc
import pyarrow.flight as flight
import pytest
from cryptography import x509

import flightsql
import rawgrpc
from certificates import DAY, Authority, now
from godwit_server import PASSWORD, USER, eventually, hashed, run

QUICK = 'reload_interval = "100ms"\n'


class Raw(rawgrpc.Raw):
    """A raw connection over TLS, perhaps with a certificate of its own."""

    def __init__(self, server, roots, client=None, authorization=None):
        super().__init__(server.address, authorization, timeout=20)
        self.channel.close()
        pair = (client.key, client.cert) if client else (None, None)
        self.channel = grpc.secure_channel(server.address, grpc.ssl_channel_credentials(roots.encode(), *pair))


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority for servers and one for clients, and certificates of both."""
    folder = tmp_path_factory.mktemp("pki")
    servers, clients = Authority(folder, "servers"), Authority(folder, "clients")
    return types.SimpleNamespace(
        folder=folder, servers=servers, clients=clients, server=servers.server(), admin=clients.issue(USER)
    )


def config(pki, auth, more="", ca=None, server=None):
    server = server or pki.server
    return (
        f'[tls]\nmode = "files"\ncert_file = "{server.cert_file}"\nkey_file = "{server.key_file}"\n'
        f'client_auth = "{auth}"\nclient_ca = "{ca or pki.clients.file}"\n{more}\n'
    )


@pytest.fixture
def call(pki):
    """The code that a call ends with, for a client with this certificate and these credentials."""

    def call(server, client=None, authorization=None):
        with Raw(server, pki.servers.pem, client, authorization) as raw:
            return raw.code("ListActions")

    return call


def query(server, pki, client, headers=()):
    options = {"tls_root_certs": pki.servers.pem, "cert_chain": client.cert.decode(), "private_key": client.key.decode()}
    with flightsql.Client(server.uri, headers=headers, **options) as connection:
        return connection.value("select 41 + 1")


def test_required(start, pki, call):
    server = start(config=config(pki, "required"))
    assert query(server, pki, pki.admin) == 42
    assert call(server, pki.admin) == "OK"
    # Without one not even a password gets through.
    assert call(server) == "UNAVAILABLE"
    assert call(server, None, rawgrpc.basic(USER, PASSWORD)) == "UNAVAILABLE"


def test_optional(start, pki, call):
    server = start(config=config(pki, "optional"))
    assert query(server, pki, pki.admin) == 42
    assert call(server) == "UNAUTHENTICATED"
    assert call(server, None, rawgrpc.basic(USER, PASSWORD)) == "OK"
    assert call(server, None, rawgrpc.basic(USER, "wrong")) == "UNAUTHENTICATED"


def test_with_credentials_of_the_same_user(start, pki, call):
    server = start(config=config(pki, "optional") + f'[users.bob]\npassword_hash = "{hashed("another")}"\n')
    admin, bob = rawgrpc.basic(USER, PASSWORD), rawgrpc.basic("bob", "another")
    bobs = pki.clients.issue("bob")
    assert call(server, None, bob) == call(server, bobs, bob) == call(server, bobs) == "OK"
    assert call(server, pki.admin, admin) == "OK"
    for client, authorization in [(pki.admin, bob), (bobs, admin)]:
        assert call(server, client, authorization) == "UNAUTHENTICATED"
        # The same at a handshake.
        with Raw(server, pki.servers.pem, client, authorization) as raw:
            assert raw.code("Handshake", []) == "UNAUTHENTICATED"
    # A wrong password is not made good by a certificate, and neither are credentials that make no sense.
    for authorization in (rawgrpc.basic(USER, "wrong"), "Bearer nonsense", "nonsense"):
        assert call(server, pki.admin, authorization) == "UNAUTHENTICATED"


def test_a_handshake_gives_a_token(start, pki, call):
    server = start(config=config(pki, "optional"))
    with Raw(server, pki.servers.pem, pki.admin) as raw:
        _, headers = raw.call_with_headers("Handshake", [])
    token = headers["authorization"]
    assert token.startswith("Bearer ")
    assert call(server, pki.admin, token) == "OK"
    assert call(server, pki.clients.issue("someone"), token) == "UNAUTHENTICATED"


def test_certificates_that_are_none_of_the_authority(start, pki, call, tmp_path):
    server = start(config=config(pki, "optional"))
    strangers = Authority(tmp_path, "clients")
    usage = x509.ExtendedKeyUsageOID
    for what, client in {
        "another authority of the same name": strangers.issue(USER),
        "the server's authority": pki.servers.issue(USER),
        "expired": pki.clients.issue(USER, since=now() - 2 * DAY, until=now() - DAY),
        "not yet valid": pki.clients.issue(USER, since=now() + DAY, until=now() + 2 * DAY),
        "for servers only": pki.clients.issue(USER, usage=usage.SERVER_AUTH),
    }.items():
        assert call(server, client, rawgrpc.basic(USER, PASSWORD)) == "UNAVAILABLE", what
    good = pki.clients.issue(USER, usage=usage.CLIENT_AUTH)
    assert call(server, good) == "OK"


def test_certificates_that_name_no_user_of_ours(start, pki, call):
    server = start(config=config(pki, "required"))
    for common_names in (["nobody"], [USER.upper()], [f" {USER}"], [USER, "bob"], [f"{USER}\0.evil"]):
        client = pki.clients.issue("wrong", x509.DNSName(USER), common_names=common_names)
        assert call(server, client) == "UNAUTHENTICATED", common_names
        assert call(server, client, rawgrpc.basic(USER, PASSWORD)) == "UNAUTHENTICATED", common_names
    assert call(server, pki.clients.issue("twice", common_names=[USER, USER])) == "OK"


NAMES = {
    "dns": x509.DNSName("etl.internal"),
    "uri": x509.UniformResourceIdentifier("spiffe://internal/etl"),
    "email": x509.RFC822Name("etl@internal"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_alternative_names(start, pki, call, kind):
    mapped = f'client_name = "{kind}"\nclient_map = {{ "{NAMES[kind].value}" = "{USER}" }}\n'
    server = start(config=config(pki, "required", mapped))
    others = [name for other, name in NAMES.items() if other != kind]
    assert call(server, pki.clients.issue("nobody", *NAMES.values())) == "OK"
    assert call(server, pki.clients.issue(USER, *others)) == "UNAUTHENTICATED"
    assert call(server, pki.admin) == "UNAUTHENTICATED"


def test_names_as_they_are(start, pki, call):
    server = start(config=config(pki, "required", 'client_name = "dns"\n'))
    assert call(server, pki.clients.issue("x", x509.DNSName(USER))) == "OK"
    assert call(server, pki.clients.issue("x", x509.DNSName(USER), x509.DNSName("other"))) == "UNAUTHENTICATED"


def test_a_map_is_all_there_is(start, pki, call):
    server = start(config=config(pki, "required", f'client_map = {{ "etl job" = "{USER}", lost = "nobody" }}\n'))
    assert call(server, pki.clients.issue("etl job")) == "OK"
    assert call(server, pki.clients.issue("two", common_names=["etl job", "unmapped"])) == "OK"
    assert call(server, pki.clients.issue("three", common_names=["etl job", "lost"])) == "UNAUTHENTICATED"
    assert call(server, pki.clients.issue("lost")) == "UNAUTHENTICATED"
    assert call(server, pki.admin) == "UNAUTHENTICATED"


def test_certificates_that_name_nobody(start, pki, call):
    server = start(config=config(pki, "required", 'client_name = "none"\n'))
    client = pki.clients.issue("mesh")
    assert call(server, client) == "UNAUTHENTICATED"
    assert call(server, client, rawgrpc.basic(USER, PASSWORD)) == "OK"
    assert call(server) == "UNAVAILABLE"


def test_a_certificate_that_expires_while_connected(start, pki):
    server = start(config=config(pki, "required"))
    client = pki.clients.issue(USER, until=now() + datetime.timedelta(seconds=4))
    with Raw(server, pki.servers.pem, client) as raw:
        assert raw.code("ListActions") == "OK"
        eventually(lambda: raw.code("ListActions") == "UNAUTHENTICATED", "it has expired")


# Files that change.


def served(server):
    host, port = server.address.rsplit(":", 1)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))).hexdigest()


def fingerprint(issued):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(issued.cert.decode())).hexdigest()


def replace(path, content):
    """As operators do it: a new file in the place of the old one."""
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path)


def test_a_new_pair_without_a_restart(start, pki, tmp_path):
    authority = Authority(tmp_path, "servers")
    old, new = authority.server("old"), authority.server("new")
    used = authority.server("used")
    replace(used.cert_file, old.cert)
    replace(used.key_file, old.key)
    server = start(config=config(pki, "off", QUICK, server=used).replace(f'client_ca = "{pki.clients.file}"', ""))
    assert served(server) == fingerprint(old)
    with server.client(tls_root_certs=authority.pem) as client:
        # The certificate comes first, and does not fit the key that is still there.
        replace(used.cert_file, new.cert)
        eventually(lambda: "cannot be used" in server.log(), "the half is noticed")
        assert served(server) == fingerprint(old)
        replace(used.key_file, new.key)
        eventually(lambda: served(server) == fingerprint(new), "the new pair is served")
        # What is gone or garbage changes nothing.
        for path in (used.cert_file, used.key_file):
            good = path.read_bytes()
            for bad in (b"", b"garbage", good[: len(good) // 2], b"x" * 2_000_000, None):
                log = server.log()
                path.unlink() if bad is None else replace(path, bad)
                eventually(lambda: server.log().count("cannot be used") > log.count("cannot be used"), "it is logged")
                assert served(server) == fingerprint(new)
                replace(path, good)
                eventually(lambda: server.log().count("read again") > log.count("read again"), "it is there again")
        assert served(server) == fingerprint(new)
        assert client.value("select 1") == 1, "a connection goes on through all of it"


def test_another_authority_without_a_restart(start, pki, call, tmp_path):
    one, other = Authority(tmp_path, "one"), Authority(tmp_path, "other")
    ones, others = one.issue(USER), other.issue(USER)
    used = tmp_path / "used.crt"
    used.write_bytes(one.issued.cert)
    server = start(config=config(pki, "required", QUICK, ca=used))
    assert (call(server, ones), call(server, others)) == ("OK", "UNAVAILABLE")
    replace(used, one.issued.cert + other.issued.cert)
    eventually(lambda: call(server, others) == "OK", "both are trusted")
    assert call(server, ones) == "OK"
    replace(used, other.issued.cert)
    eventually(lambda: call(server, ones) == "UNAVAILABLE", "one is no longer trusted")
    replace(used, b"")
    eventually(lambda: "cannot be used" in server.log(), "an empty file is noticed")
    assert (call(server, ones), call(server, others)) == ("UNAVAILABLE", "OK")


def test_with_a_pair_of_its_own(start, pki):
    """`auto` makes the server's certificate and takes those of clients all the same."""
    server = start(config=f'[tls]\nmode = "auto"\nclient_auth = "required"\nclient_ca = "{pki.clients.file}"\n{QUICK}')
    (certificate,) = server.data_dir.joinpath("tls").glob("*cert*")
    with Raw(server, certificate.read_text(), pki.admin) as raw:
        assert raw.code("ListActions") == "OK"
    with Raw(server, certificate.read_text()) as raw:
        assert raw.code("ListActions") == "UNAVAILABLE"


def test_sessions_are_not_resumed(start, pki):
    """A resumed session would not be asked for its certificate again."""
    server = start(config=config(pki, "required"))
    host, port = server.address.rsplit(":", 1)
    context = ssl.create_default_context(cadata=pki.servers.pem)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    own = pki.clients.issue(USER)
    context.load_cert_chain(own.cert_file, own.key_file)
    session = None
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = version
        for _ in range(2):
            with socket.create_connection((host, int(port))) as plain:
                with context.wrap_socket(plain, server_hostname=host, session=session) as secure:
                    secure.settimeout(10)
                    secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                    assert secure.recv(1) == b"\0", "the server's SETTINGS"
                    assert not secure.session_reused
                    session = secure.session
        session = None


WRONG = {
    "no authority": ('client_auth = "required"\n', "tls.client_ca"),
    "no file": ('client_auth = "required"\nclient_ca = "/no/such/file"\n', "tls.client_ca"),
    "no use": ('client_ca = "{ca}"\n', "tls.client_auth"),
    "a map without a use": ('client_map = {{ a = "b" }}\n', "tls.client_auth"),
    "garbage": ('client_auth = "optional"\nclient_ca = "{garbage}"\n', "garbage"),
    "a key": ('client_auth = "optional"\nclient_ca = "{key}"\n', "admin.key"),
    "another kind of name": ('client_auth = "optional"\nclient_ca = "{ca}"\nclient_name = "serial"\n', "tls.client_name"),
    "a user that cannot be": ('client_auth = "optional"\nclient_ca = "{ca}"\nclient_map = {{ a = "b:c" }}\n', "tls.client_map"),
}


@pytest.mark.parametrize(("lines", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_configuration(tmp_path, pki, lines, says):
    (tmp_path / "garbage").write_text("garbage")
    lines = lines.format(ca=pki.clients.file, garbage=tmp_path / "garbage", key=pki.admin.key_file)
    pair = f'[tls]\nmode = "files"\ncert_file = "{pki.server.cert_file}"\nkey_file = "{pki.server.key_file}"\n'
    (tmp_path / "c.toml").write_text(pair + lines)
    for command in (["config", "check"], ["serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "data"]):
        refused = run(*command, "--config", tmp_path / "c.toml")
        assert refused.returncode == 64, refused.stderr
        assert says in refused.stderr


def test_certificates_need_tls(tmp_path, pki):
    (tmp_path / "c.toml").write_text(f'[tls]\nclient_auth = "required"\nclient_ca = "{pki.clients.file}"\n')
    refused = run("config", "check", "--config", tmp_path / "c.toml")
    assert refused.returncode == 64
    assert "tls.client_auth" in refused.stderr


def test_pyarrow_without_a_certificate(start, pki):
    server = start(config=config(pki, "required"))
    with flight.connect(server.uri, tls_root_certs=pki.servers.pem) as client, pytest.raises(flight.FlightError):
        client.authenticate_basic_token(USER, PASSWORD)


def test_a_flood_of_slow_handshakes_keeps_nobody_out(start, pki, call):
    """Of those that never finish theirs the oldest are dropped, beyond a thousand."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    server = start(config=config(pki, "required"))
    host, port = server.address.rsplit(":", 1)
    with contextlib.ExitStack() as open_ones:
        slow = [open_ones.enter_context(socket.create_connection((host, int(port)), 30)) for _ in range(1200)]
        assert call(server, pki.admin) == "OK"
        slow[0].settimeout(30)
        assert slow[0].recv(1) == b"", "the oldest is closed"
        slow[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            slow[-1].recv(1)

"""Encryption: the pair that the server makes itself, pairs from files, and the refusal to go without off loopback."""

import datetime
import hashlib
import ipaddress
import re
import ssl

import pyarrow.flight as flight
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from godwit_server import PASSWORD, USER, run

ROOTS = "adbc.flight.sql.client_option.tls_root_certs"


def pair(folder, name="server"):
    """A self-signed certificate for 127.0.0.1 and its key, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "godwit test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    key_file.chmod(0o600)
    return cert_file, key_file


def fingerprint(pem):
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, 64, 2))


def served_certificate(server):
    host, port = server.address.rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)))


def test_auto(start):
    server = start(args=["--tls-mode", "auto"])
    assert server.scheme == "grpc+tls"
    (certificate,) = server.data_dir.joinpath("tls").glob("*cert*")
    pem = certificate.read_text()
    assert fingerprint(pem) in server.log().lower()
    assert fingerprint(served_certificate(server)) == fingerprint(pem)
    with server.client(tls_root_certs=pem) as client:
        assert client.value("select 1") == 1
    with server.adbc(db_kwargs={ROOTS: pem}) as connection, connection.cursor() as cursor:
        cursor.execute("select id from (values (1), (2)) t(id)")
        assert len(cursor.fetchall()) == 2


def test_auto_is_not_trusted_by_itself(start):
    server = start(args=["--tls-mode", "auto"])
    with flight.connect(server.uri) as client, pytest.raises(flight.FlightError):
        client.authenticate_basic_token(USER, PASSWORD)


def test_auto_keeps_its_pair(start, tmp_path):
    first = start(home=tmp_path / "same", args=["--tls-mode", "auto"])
    before = served_certificate(first)
    first.stop()
    second = start(home=tmp_path / "same", args=["--tls-mode", "auto"])
    assert served_certificate(second) == before
    keys = [path for path in (second.data_dir / "tls").iterdir() if "PRIVATE KEY" in path.read_text()]
    assert keys
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys)


def test_files(start, tmp_path):
    cert_file, key_file = pair(tmp_path)
    config = f'[tls]\nmode = "files"\ncert_file = "{cert_file}"\nkey_file = "{key_file}"\n'
    server = start(config=config)
    assert server.scheme == "grpc+tls"
    assert fingerprint(cert_file.read_text()) in server.log().lower()
    with server.client(tls_root_certs=cert_file.read_text()) as client:
        assert client.value("select 1") == 1


def test_plain_text_on_a_tls_port(start):
    server = start(args=["--tls-mode", "auto"])
    with server.raw(timeout=5) as raw:
        assert raw.code("ListActions") in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    (certificate,) = server.data_dir.joinpath("tls").glob("*cert*")
    with server.client(tls_root_certs=certificate.read_text()) as client:
        assert client.value("select 1") == 1


def test_off_loopback_needs_tls(tmp_path):
    refused = run("serve", "--listen", "0.0.0.0:0", "--data-dir", tmp_path / "data")
    assert refused.returncode == 64
    assert "tls.mode" in refused.stderr
    assert "allow_plaintext_off_loopback" in refused.stderr
    assert refused.stdout == ""
    assert not (tmp_path / "data").exists()


def test_off_loopback_when_told_so_in_so_many_words(tmp_path):
    (tmp_path / "c.toml").write_text('listen = "0.0.0.0:0"\n[tls]\nallow_plaintext_off_loopback = true\n')
    assert run("config", "check", "--config", tmp_path / "c.toml").returncode == 0


WRONG_FILES = {
    "missing certificate": (None, "key", r"cert_file"),
    "missing key": ("cert", None, r"key_file"),
    "certificate is no file": ("nowhere", "key", r"cert_file|nowhere"),
    "certificate is garbage": ("garbage", "key", r"garbage"),
    "key is garbage": ("cert", "garbage", r"garbage"),
    "key of another certificate": ("cert", "other key", r"(?i)match|other"),
    "swapped": ("key", "cert", r"server\.(key|crt)"),
}


@pytest.mark.parametrize(("cert", "key", "says"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_wrong_files(tmp_path, cert, key, says):
    cert_file, key_file = pair(tmp_path)
    _, other_key = pair(tmp_path, "other")
    (tmp_path / "garbage").write_text("garbage")
    paths = {
        "cert": cert_file,
        "key": key_file,
        "other key": other_key,
        "garbage": tmp_path / "garbage",
        "nowhere": tmp_path / "nowhere",
    }
    config = '[tls]\nmode = "files"\n'
    config += f'cert_file = "{paths[cert]}"\n' if cert else ""
    config += f'key_file = "{paths[key]}"\n' if key else ""
    (tmp_path / "c.toml").write_text(config)
    for command in (["config", "check"], ["serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "data"]):
        refused = run(*command, "--config", tmp_path / "c.toml")
        assert refused.returncode == 64, refused.stderr
        assert re.search(says, refused.stderr), refused.stderr
        assert "ready" not in refused.stdout

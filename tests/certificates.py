"""Authorities and the certificates that they issue, made for a test."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def name_of(*common_names):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name) for name in common_names])


class Issued:
    """A certificate and its key, in PEM form and in files."""

    def __init__(self, folder, name, certificate, key):
        self.cert = certificate.public_bytes(PEM)
        self.key = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.cert_file, self.key_file = folder / f"{name}.crt", folder / f"{name}.key"
        self.cert_file.write_bytes(self.cert)
        self.key_file.write_bytes(self.key)
        self.key_file.chmod(0o600)


class Authority:
    """A certificate authority of its own."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.private = ec.generate_private_key(ec.SECP256R1())
        subject = name_of(f"{name} of the tests")
        certificate = (
            self._builder(subject, subject, self.private, now() - DAY, now() + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(self.private, hashes.SHA256())
        )
        self.subject = subject
        self.issued = Issued(folder, name, certificate, self.private)

    @property
    def pem(self):
        return self.issued.cert.decode()

    @property
    def file(self):
        return self.issued.cert_file

    @staticmethod
    def _builder(subject, issuer, key, since, until):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )

    def issue(self, name, *names, common_names=None, since=None, until=None, usage=None):
        """A certificate with that common name, and these alternative ones."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = name_of(*(common_names or [name]))
        builder = self._builder(subject, self.subject, key, since or now() - DAY, until or now() + DAY)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        return Issued(self.folder, name, builder.sign(self.private, hashes.SHA256()), key)

    def server(self, name="server", **options):
        """A certificate for 127.0.0.1."""
        return self.issue(name, x509.IPAddress(ipaddress.ip_address("127.0.0.1")), **options)

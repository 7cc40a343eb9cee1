"""A real OpenID provider (the npm package oidc-provider), started for the tests and stopped after them."""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import urllib.parse
import uuid

import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from godwit_server import die_with_parent, eventually
from services import free_port

SCRIPT = pathlib.Path(__file__).parent / "oidc" / "provider.js"
SECRET = "a-secret-of-the-tests"
REDIRECT = "http://127.0.0.1/callback"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def text_of(number, size=None):
    size = size or (number.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size)).rstrip(b"=").decode()


def new_key(algorithm="RS256"):
    """A private key as a JSON Web Key, with an id of its own."""
    common = {"kid": str(uuid.uuid4()), "use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
        public = private.public_numbers
        numbers = {"x": public.x, "y": public.y, "d": private.private_value}
        return {**common, "kty": "EC", "crv": "P-256", **{name: text_of(value, 32) for name, value in numbers.items()}}
    private = rsa.generate_private_key(65537, 2048).private_numbers()
    public = private.public_numbers
    numbers = {"n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q}
    numbers |= {"dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp}
    return {**common, "kty": "RSA", **{name: text_of(value) for name, value in numbers.items()}}


class Provider:
    """The provider; its port stays the same when it is started again. It signs with the first of its keys."""

    def __init__(self, directory, keys=None):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.keys = keys or [new_key()]
        self.process = None

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        path = self.directory / "provider.log"
        return path.read_text() if path.exists() else ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        node = shutil.which("node")
        assert node, "the tests need Node.js"
        (self.directory / "keys.json").write_text(json.dumps({"keys": self.keys}))
        before = self.log.count("listening")
        with open(self.directory / "provider.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [node, SCRIPT, str(self.port), self.directory / "keys.json"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
            )
        eventually(lambda: self.process.poll() is not None or self.log.count("listening") > before, "the provider listens")
        assert self.process.poll() is None, self.log

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def restart(self, keys):
        self.stop()
        self.keys = keys
        self.start()

    def config(self, name="op", more=""):
        """The configuration of a server that trusts it."""
        return f'[auth.issuers.{name}]\nissuer = "{self.issuer}"\naudience = ["godwit"]\n{more}\n'

    def token(self, client, **parameters):
        """The answer of the token endpoint."""
        answer = requests.post(f"{self.issuer}/token", data=parameters, auth=(client, SECRET), timeout=30)
        assert answer.status_code == 200, (answer.text, self.log)
        return answer.json()

    def service_token(self, resource="urn:godwit"):
        """A token of the client `service` for itself."""
        return self.token("service", grant_type="client_credentials", scope="query", resource=resource)["access_token"]

    def log_in(self, resource="urn:godwit"):
        """What `app` gets when Ann has logged in, by way of all the redirects that her browser would follow."""
        parameters = {"client_id": "app", "response_type": "code", "redirect_uri": REDIRECT, "scope": "openid query"}
        if resource:
            parameters["resource"] = resource
        with requests.Session() as browser:
            url = f"{self.issuer}/auth?{urllib.parse.urlencode(parameters)}"
            while not url.startswith(REDIRECT):
                answer = browser.get(url, allow_redirects=False, timeout=30)
                assert answer.status_code in (302, 303), (url, answer.text, self.log)
                url = urllib.parse.urljoin(url, answer.headers["location"])
        (code,) = re.findall(r"[?&]code=([^&]+)", url) or [None]
        assert code, url
        more = {"resource": resource} if resource else {}
        return self.token("app", grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **more)

    def refresh(self, tokens):
        """New tokens of the same login."""
        return self.token(
            "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"], resource="urn:godwit"
        )

    def exchange(self, token):
        """A token for the server, in exchange for one that is for the provider alone."""
        return self.token(
            "gateway", grant_type=EXCHANGE, subject_token=token, subject_token_type=ACCESS_TOKEN, resource="urn:godwit"
        )["access_token"]

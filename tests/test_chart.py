"""The Helm chart, rendered by Helm, held against the API of Kubernetes, and its servers run with what it gives them."""

import base64
import json
import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import kubernetes_validate
import pyarrow.flight as flight
import pytest
import yaml
from cryptography.hazmat.primitives import serialization

import certificates
import flightsql
import wire
from godwit_server import Server, eventually, run

ROOT = pathlib.Path(__file__).parent.parent
CHART = ROOT / "docker" / "chart"
HELM = ROOT / "tests" / "deploy" / "target" / "helm"
# The oldest that the chart says it is for, and the newest that is known here.
VERSIONS = ["1.27", kubernetes_validate.latest_version().rsplit(".", 1)[0]]

LEAST = {
    "catalog": {"existingSecret": "lake-catalog"},
    "s3": {"data": "s3://lake/godwit"},
    "tls": {"existingSecret": "lake-tls"},
}
PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
ALL = {
    **LEAST,
    "replicas": 3,
    "image": {"repository": "registry.example.com/godwit", "tag": "1.2.3", "pullPolicy": "Always"},
    "imagePullSecrets": ["registry"],
    "s3": {"data": "s3://lake/godwit", "endpoint": "http://s3:7070", "allowHttp": True, "existingSecret": "lake-s3"},
    "admin": {"user": "root", "existingSecret": "people", "key": "root"},
    "keys": {"existingSecret": "kept-keys"},
    "settings": {"query.timeout": "10m", "sessions.max": 5000, "audit.redact_literals": True},
    "configuration": '[users.ada]\npassword_hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA"\nroles = ["admin"]\n',
    "persistence": {"enabled": False, "size": "5Gi"},
    "service": {"type": "LoadBalancer", "port": 443, "annotations": {"example.com/kind": "internal"}},
    "ingress": {"enabled": True, "className": "nginx", "host": "lake.example.com", "tlsSecret": "lake-tls",
                "annotations": {"nginx.ingress.kubernetes.io/backend-protocol": "GRPCS"}},
    "networkPolicy": {"enabled": True, "from": PEERS, "metricsFrom": PEERS},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/lake"}},
    "podMonitor": {"enabled": True},
    "podAnnotations": {"example.com/team": "data"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "data", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {}},
}


def helm(folder, verb, values, *arguments):
    path = folder / "values.yaml"
    path.write_text(json.dumps(values))
    command = [HELM, *verb, CHART, "--values", path, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def rendered(folder, values, version="1.34"):
    """The objects that the chart is with these values."""
    done = helm(folder, ["template", "lake"], values, "--namespace", "data", "--kube-version", f"{version}.0")
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def one(objects, kind, name="lake-godwit"):
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def pod(objects):
    return one(objects, "StatefulSet")["spec"]["template"]["spec"]


@pytest.fixture(scope="module", params=[LEAST, ALL], ids=["least", "all"])
def objects(request, tmp_path_factory):
    return rendered(tmp_path_factory.mktemp("chart"), request.param)


@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_helm_finds_nothing_to_say(tmp_path, values):
    done = helm(tmp_path, ["lint", "--strict"], values, "--kube-version", "1.34.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_kubernetes_knows_every_field(tmp_path, values, version):
    """In the strict form of its schemas, in which an unknown field is a mistake. PodMonitor is not of Kubernetes itself."""
    checked = [each for each in rendered(tmp_path, values, version) if each["apiVersion"] != "monitoring.coreos.com/v1"]
    assert len(checked) >= 7
    for each in checked:
        kubernetes_validate.validate(each, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_would_be_found(objects):
    broken = json.loads(json.dumps(one(objects, "StatefulSet")))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"catalog": {}}, "catalog.existingSecret"),
        ({"s3": {}}, "s3.data"),
        ({"tls": {}}, "tls.existingSecret"),
        ({"replicas": 0}, "replicas"),
        ({"replica": 3}, "replica"),
        ({"s3": {"data": "/srv/lake"}}, "s3"),
        ({"admin": {"password": "x"}}, "password"),
        ({"settings": {"listen": "0.0.0.0:1"}}, "listen"),
        ({"settings": {"lake.catalog": "postgres://a:b@c/d"}}, "lake.catalog"),
        ({"resources": {"limits": {"memory": None}}}, "memory"),
        ({"ingress": {"enabled": True}}, "ingress.host"),
    ],
)
def test_values_that_mean_nothing_are_refused(tmp_path, change, says):
    done = helm(tmp_path, ["template", "lake"], {**LEAST, **change}, "--kube-version", "1.34.0")
    assert done.returncode != 0
    assert says in done.stderr


def keys(schema, path=()):
    for name, key in schema.get("properties", {}).items():
        yield "_".join(("GODWIT", *path, name)).upper()
        yield from keys(key, (*path, name))


def test_every_variable_is_a_key(objects):
    known = set(keys(json.loads(run("config", "schema").stdout)))
    names = [each["name"] for each in pod(objects)["containers"][0]["env"]]
    assert set(names) <= known
    assert len(set(names)) == len(names), "none is said twice"


def test_pods_are_confined(objects):
    spec = pod(objects)
    assert spec["automountServiceAccountToken"] is False
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    user, group = map(int, re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE).groups())
    whole = spec["securityContext"]
    assert (whole["runAsUser"], whole["runAsGroup"], whole["fsGroup"]) == (user, group, group)
    assert whole["runAsNonRoot"] is True
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*spec["initContainers"], *spec["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_what_containers_name_is_there(objects):
    spec, claims = pod(objects), one(objects, "StatefulSet")["spec"].get("volumeClaimTemplates", [])
    volumes = {each["name"] for each in spec["volumes"]} | {each["metadata"]["name"] for each in claims}
    for container in [*spec["initContainers"], *spec["containers"]]:
        assert {each["name"] for each in container["volumeMounts"]} <= volumes
    (server,) = spec["containers"]
    ports = {each["name"]: each["containerPort"] for each in server["ports"]}
    told = {each["name"]: each.get("value") for each in server["env"]}
    assert {name: f"0.0.0.0:{port}" for name, port in ports.items()} == {
        "flight": told["GODWIT_LISTEN"],
        "http": told["GODWIT_HTTP_LISTEN"],
    }
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert server[probe]["httpGet"]["port"] in ports
    labels = one(objects, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    for service in (each for each in objects if each["kind"] == "Service"):
        assert service["spec"]["selector"].items() <= labels.items()
        assert {each["targetPort"] for each in service["spec"]["ports"]} <= set(ports)
    assert one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert one(objects, "StatefulSet")["spec"]["serviceName"] in {each["metadata"]["name"] for each in objects}
    assert spec["serviceAccountName"] == one(objects, "ServiceAccount")["metadata"]["name"]


def test_running_queries_have_their_grace(objects):
    spec = pod(objects)
    told = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    before = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > before + int(told["GODWIT_SHUTDOWN_GRACE"].removesuffix("s"))


def test_secrets_are_new_each_time_and_of_the_right_form(tmp_path):
    made = [rendered(tmp_path, LEAST) for _ in range(2)]
    passwords = {base64.b64decode(one(each, "Secret", "lake-godwit-admin")["data"]["password"]) for each in made}
    assert len(passwords) == 2
    assert all(len(each) == 32 for each in passwords)
    held = [one(each, "Secret", "lake-godwit-keys")["data"] for each in made]
    assert len({each["mac.key"] for each in held}) == 2
    for each in held:
        assert len(base64.b64decode(each["mac.key"])) == 32
        serialization.load_pem_private_key(base64.b64decode(each["signing-key.pem"]), None).sign(b"")


def test_no_secret_is_in_a_variable_or_a_configuration(objects):
    given = pod(objects)["containers"][0]["env"]
    secret = {each["name"] for each in given if "valueFrom" in each}
    assert "GODWIT_LAKE_CATALOG" in secret
    assert not {each["name"] for each in given if re.search("SECRET|PASSWORD$", each["name"])} - secret


class Replica(Server):
    """A server as a pod of the chart has it, but for addresses and paths."""

    def __init__(self, home, spec, secrets, paths):
        (keys,) = spec["initContainers"]
        (server,) = spec["containers"]
        home.mkdir()
        for variable in keys["env"]:
            assert variable["value"] == "/var/lib/godwit/data"
        shell, (script,) = keys["command"], keys["args"]
        there = {"GODWIT_DATA_DIR": str(home / "data"), "PATH": os.environ["PATH"]}
        subprocess.run([*shell, script.replace("/keys/", f"{paths['/keys']}/")], check=True, env=there)
        told = {}
        for variable in server["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            value = secrets[reference["name"]][reference["key"]] if reference else variable["value"]
            for path, place in paths.items():
                value = value.replace(f"{path}/", f"{place}/")
            told[variable["name"]] = value
        super().__init__(home, env=told, args=["--config", paths["configuration"], "--http-listen", "127.0.0.1:0"], password=None)

    def answers(self, path):
        try:
            with urllib.request.urlopen(f"{self.http}{path}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return None


def test_replicas_take_over_from_each_other(tmp_path, postgres, s3):
    authority = certificates.Authority(tmp_path)
    issued = authority.server()
    values = {
        **LEAST,
        "s3": {"data": s3.path(), "endpoint": s3.endpoint, "allowHttp": True, "existingSecret": "lake-s3"},
        "settings": {"query.target_partitions": 2},
        "configuration": "[statements]\nmax_per_session = 7\n",
    }
    objects = rendered(tmp_path, values)
    mounted = {name: tmp_path / name for name in ("keys", "tls", "admin")}
    for place in mounted.values():
        place.mkdir()
    (mounted["tls"] / "tls.crt").write_bytes(issued.cert)
    (mounted["tls"] / "tls.key").write_bytes(issued.key)
    for name in ("keys", "admin"):
        for key, value in one(objects, "Secret", f"lake-godwit-{name}")["data"].items():
            (mounted[name] / key).write_bytes(base64.b64decode(value))
    configuration = tmp_path / "godwit.toml"
    configuration.write_text(one(objects, "ConfigMap")["data"]["godwit.toml"])
    secrets = {
        "lake-catalog": {"url": postgres.uri(postgres.database())},
        "lake-s3": {"access-key-id": s3.key, "secret-access-key": s3.secret},
    }
    paths = {"/keys": mounted["keys"], "/etc/godwit/tls": mounted["tls"], "/etc/godwit/admin": mounted["admin"],
             "configuration": configuration}
    password = (mounted["admin"] / "password").read_text()
    trust = {"tls_root_certs": authority.pem}
    spec = pod(objects)
    # Both begin at once, on a lake that is not there yet, and live as long as the threads that started them.
    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(Replica, tmp_path / name, spec, secrets, paths) for name in ("first", "second")]
        with begun[0].result() as first, begun[1].result() as second:
            take_over(first, second, spec, password, trust)


def take_over(first, second, spec, password, trust):
    for server in (first, second):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = spec["containers"][0][probe]["httpGet"]["path"]
            eventually(lambda: server.answers(path) == 200, f"{path} of {server.http}")
    with first.client(password=password, **trust) as client:
        client.run("create table kept as select value as n from generate_series(1, 1000)")
        token = client.headers
        info = client.info(wire.statement("select sum(n) from kept"))
        with flightsql.Client(second.uri, headers=token, **trust) as other:
            assert other.value("select count(*) from kept") == 1000, "the other takes the token, and sees the table"
            assert other.get(info).read_all()[0][0].as_py() == 500_500, "and the ticket"
    assert first.stop() == 0
    assert first.answers("/readyz") is None
    with flightsql.Client(second.uri, headers=token, **trust) as other:
        assert other.run("insert into kept values (0)") == 1
    with pytest.raises(flight.FlightUnauthenticatedError):
        second.client(password="another one", **trust)

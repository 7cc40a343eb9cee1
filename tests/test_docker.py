"""The container files, read and compared with the binary and the tree; test_container.py builds the image and runs it."""

import json
import pathlib
import re
import shlex
import subprocess
import tomllib

import pytest
import yaml

from godwit_server import Server, environment, eventually, run

ROOT = pathlib.Path(__file__).parent.parent
DOCKER = ROOT / "docker"

# It has no key, so that it never stands in a file.
PASSWORD_VARIABLE = "GODWIT_ADMIN_PASSWORD"
VALUES = {PASSWORD_VARIABLE: "a long-distance flier", "FILES": "/data/sales"}


def stages():
    """The stages of the Dockerfile, each a list of (instruction, arguments as text)."""
    text = "\n".join(line for line in (DOCKER / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found = []
    for line in lines:
        instruction, arguments = line.split(maxsplit=1)
        if instruction == "FROM":
            found.append([])
        found[-1].append((instruction, re.sub(r"\s+", " ", arguments)))
    return found


BUILD, IMAGE = stages()


def only(stage, instruction):
    ((_, arguments),) = [each for each in stage if each[0] == instruction]
    return arguments


@pytest.fixture(scope="module")
def service():
    """The service of compose.yaml, with its variables filled in."""
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: VALUES[match[1]], (DOCKER / "compose.yaml").read_text())
    assert "${" not in text
    composed = yaml.safe_load(text)
    (service,) = composed["services"].values()
    named = {volume.split(":")[0] for volume in service["volumes"]} - {VALUES["FILES"]}
    assert named == set(composed["volumes"])
    return service


@pytest.fixture(scope="module")
def variables(service):
    """The environment in the container."""
    image = dict(each.split("=", 1) for each in shlex.split(only(IMAGE, "ENV")))
    return {**image, **service["environment"]}


def keys(schema, path=()):
    """Every key of the configuration as the name of its variable."""
    for name, key in schema.get("properties", {}).items():
        yield "_".join(("GODWIT", *path, name)).upper()
        yield from keys(key, (*path, name))


def duration(text):
    amount, unit = re.fullmatch(r"(\d+)(s|m|h)", text).groups()
    return int(amount) * {"s": 1, "m": 60, "h": 3600}[unit]


def test_the_compiler_is_the_trees():
    wanted = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    image = only(BUILD, "FROM")
    assert image == f"rust:{wanted}-bookworm AS build"
    assert only(IMAGE, "FROM") == "debian:bookworm-slim", "the same C library as in the build"


def test_what_is_copied_is_there_and_is_enough():
    copied = [arguments.split()[:-1] for instruction, arguments in BUILD if instruction == "COPY"]
    copied = {name for names in copied for name in names}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().split("\n")
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    build_scripts = "".join(path.read_text() for path in ROOT.glob("crates/*/build.rs"))
    assert set(re.findall(r'"\.\./\.\./(\w+)', build_scripts)) <= copied
    assert {"Cargo.toml", "Cargo.lock", "crates"} <= copied


def test_the_build_is_the_makefiles():
    (command,) = re.findall(r"cargo build [^&]*[^& ]", only(BUILD, "RUN"))
    makefile = (ROOT / "Makefile").read_text()
    assert command.replace("cargo", "$(CARGO)", 1) in makefile
    taken = [arguments for instruction, arguments in IMAGE if instruction == "COPY"]
    assert taken[0] == "--from=build /usr/local/bin/godwit /usr/local/bin/godwit"
    assert all(each.startswith("--from=build ") for each in taken)
    assert only(BUILD, "RUN").endswith("cp target/release/godwit /usr/local/bin/godwit")


def test_every_variable_is_a_key(variables):
    known = set(keys(json.loads(run("config", "schema").stdout)))
    assert {name for name in variables if name.startswith("GODWIT_")} - known == {PASSWORD_VARIABLE}


def test_the_configuration_is_right(variables):
    command = json.loads(only(IMAGE, "CMD"))
    assert json.loads(only(IMAGE, "ENTRYPOINT")) == ["godwit"]
    assert command[0] == "serve"
    checked = run("config", "check", *command[1:], env=variables)
    assert checked.returncode == 0, checked.stderr
    refused = run("config", "check", env={**variables, "GODWIT_TLS_MODE": "off"})
    assert refused.returncode == 64, "the variables are read"


def test_data_stays_in_the_volume(variables, service):
    home = variables["GODWIT_DATA_DIR"]
    assert only(IMAGE, "VOLUME") == home
    assert only(IMAGE, "WORKDIR") == home
    assert f"--mode=0700 {home}" in only(IMAGE, "RUN")
    targets = {volume.split(":")[1]: volume for volume in service["volumes"]}
    assert home in targets
    for mount in variables["GODWIT_MOUNTS"].split(","):
        assert targets[mount.split("=")[1]].endswith(":ro")


def test_nobody_is_root():
    user, group = only(IMAGE, "USER").split(":")
    assert int(user) > 0 < int(group)
    assert f"--uid {user} " in only(IMAGE, "RUN")
    assert f"--gid {group} " in only(IMAGE, "RUN")


def test_one_port(variables, service):
    port = variables["GODWIT_LISTEN"].rsplit(":", 1)[1]
    assert only(IMAGE, "EXPOSE") == port
    (published,) = service["ports"]
    assert published == f"127.0.0.1:{port}:{port}"
    assert variables["GODWIT_TLS_MODE"] == "auto"


def test_compose_builds_this_image(service):
    context = DOCKER / service["build"]["context"]
    assert context.resolve() == ROOT
    assert (context / service["build"]["dockerfile"]).samefile(DOCKER / "Dockerfile")


def test_a_stop_waits_for_running_queries(service):
    grace = json.loads(run("config", "schema").stdout)["properties"]["shutdown"]["properties"]["grace"]["default"]
    assert duration(service["stop_grace_period"]) > duration(grace)


def test_a_server_with_these_variables_and_its_health_check(variables, tmp_path):
    """The container's environment for real, but for the address and the paths."""
    (tmp_path / "sales.csv").write_text("a\n1\n")
    here = {"GODWIT_MOUNTS": f"data={tmp_path / 'sales.csv'}"}
    check = json.loads(only(IMAGE, "HEALTHCHECK").split("CMD ", 1)[1])
    with Server(tmp_path / "server", env={**variables, **here}, password=VALUES[PASSWORD_VARIABLE]) as server:
        assert server.scheme == "grpc+tls"
        (certificate,) = server.data_dir.joinpath("tls").glob("*cert*")
        with server.client(tls_root_certs=certificate.read_text()) as client:
            assert client.value("select a from data") == 1

        def healthy():
            told = environment({"GODWIT_LISTEN": f"0.0.0.0:{server.port}"})
            return subprocess.run(check, env=told, capture_output=True, timeout=30, check=False).returncode == 0

        eventually(healthy, "it is healthy")
        with server.client(tls_root_certs=certificate.read_text()) as client:
            assert client.value("select 1") == 1, "a check does it no harm"
        server.stop()
        assert not healthy()

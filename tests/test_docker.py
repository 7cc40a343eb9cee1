"""The container files, read and compared with the binary and the tree; test_container.py builds the image and runs it."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import tomllib
import urllib.parse
import urllib.request

import pytest
import yaml

from godwit_server import Server, environment, eventually, run

ROOT = pathlib.Path(__file__).parent.parent
DOCKER = ROOT / "docker"

# It has no key, so that it never stands in a file.
PASSWORD_VARIABLE = "GODWIT_ADMIN_PASSWORD"
FILES = "/data/sales"


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


SECRETS = {name for name in re.findall(r"\$\{(\w+):\?", (DOCKER / "compose.yaml").read_text())}


def compose(**variables):
    """What compose.yaml means, read by the library that `docker compose` reads it with."""
    command = [ROOT / "tests" / "deploy" / "target" / "compose", DOCKER / "compose.yaml"]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def secrets():
    """What docker/secrets makes."""
    made = subprocess.run([DOCKER / "secrets"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=") for line in made.splitlines())


@pytest.fixture(scope="module")
def composed(secrets):
    done = compose(FILES=FILES, **secrets)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def service(composed):
    """The server's service."""
    return composed["services"]["godwit"]


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


def test_data_stays_in_the_volume(variables, service, composed):
    home = variables["GODWIT_DATA_DIR"]
    assert only(IMAGE, "VOLUME") == home
    assert only(IMAGE, "WORKDIR") == home
    assert f"--mode=0700 {home}" in only(IMAGE, "RUN")
    targets = {volume["target"]: volume for volume in service["volumes"]}
    assert targets[home]["source"] in composed["volumes"]
    (mount,) = variables["GODWIT_MOUNTS"].split(",")
    files = targets[mount.split("=")[1]]
    assert files["source"] == FILES
    assert files["read_only"]


def test_nobody_is_root():
    user, group = only(IMAGE, "USER").split(":")
    assert int(user) > 0 < int(group)
    assert f"--uid {user} " in only(IMAGE, "RUN")
    assert f"--gid {group} " in only(IMAGE, "RUN")


def port_of(variables, name):
    return variables[name].rsplit(":", 1)[1]


def test_ports(variables, service):
    flight, http = port_of(variables, "GODWIT_LISTEN"), port_of(variables, "GODWIT_HTTP_LISTEN")
    assert only(IMAGE, "EXPOSE").split() == [flight, http]
    (published,) = service["ports"]
    assert (published["host_ip"], published["published"], str(published["target"])) == ("127.0.0.1", flight, flight)
    assert variables["GODWIT_TLS_MODE"] == "auto"


def test_compose_builds_this_image(service):
    context = pathlib.Path(service["build"]["context"])
    assert context.resolve() == ROOT
    assert (context / service["build"]["dockerfile"]).samefile(DOCKER / "Dockerfile")


def test_no_secret_has_a_default(secrets):
    """Each is made, none is written down, and without one nothing starts."""
    assert set(secrets) == SECRETS
    assert all(len(value) == 48 for value in secrets.values())
    assert len(set(secrets.values())) == len(secrets)
    for missing in secrets:
        done = compose(FILES=FILES, **{name: value for name, value in secrets.items() if name != missing})
        assert done.returncode == 1
        assert missing in done.stderr


def test_the_services_know_each_other(composed, secrets):
    services = composed["services"]
    told = services["godwit"]["environment"]
    catalog = urllib.parse.urlsplit(told["GODWIT_LAKE_CATALOG"])
    database = services[catalog.hostname]["environment"]
    assert catalog.username == database["POSTGRES_USER"]
    assert catalog.password == database["POSTGRES_PASSWORD"] == secrets["POSTGRES_PASSWORD"]
    assert catalog.path == f"/{database['POSTGRES_DB']}"
    endpoint = urllib.parse.urlsplit(told["GODWIT_LAKE_S3_ENDPOINT"])
    store = services[endpoint.hostname]
    assert f":{endpoint.port}" in store["command"]
    assert told["GODWIT_LAKE_S3_ACCESS_KEY_ID"] == store["environment"]["ROOT_ACCESS_KEY"]
    assert told["GODWIT_LAKE_S3_SECRET_ACCESS_KEY"] == store["environment"]["ROOT_SECRET_KEY"] == secrets["S3_SECRET_KEY"]
    (bucket,) = [volume["target"] for volume in store["volumes"]]
    assert bucket == f"{store['command'][-1]}/{urllib.parse.urlsplit(told['GODWIT_LAKE_DATA']).hostname}"
    waits = {name: each["condition"] for name, each in services["godwit"]["depends_on"].items()}
    assert waits == {catalog.hostname: "service_healthy", endpoint.hostname: "service_healthy"}
    assert all("healthcheck" in services[name] for name in waits)


def test_prometheus_asks_the_server_and_grafana_asks_prometheus(composed, variables):
    services = composed["services"]
    asked = yaml.safe_load((DOCKER / "prometheus.yaml").read_text())
    (job,) = asked["scrape_configs"]
    asked_for = f"{services['godwit']['hostname']}:{port_of(variables, 'GODWIT_HTTP_LISTEN')}"
    assert job["static_configs"] == [{"targets": [asked_for]}]
    mounted = {volume["target"]: volume["source"] for volume in services["prometheus"]["volumes"]}
    (config,) = [word.split("=")[1] for word in services["prometheus"]["command"] if word.startswith("--config.file=")]
    for name in [pathlib.Path(config).name, *asked["rule_files"]]:
        assert pathlib.Path(mounted[str(pathlib.Path(config).parent / name)]).samefile(DOCKER / name)
    (source,) = yaml.safe_load((DOCKER / "grafana" / "datasources.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    for dashboard in (DOCKER / "grafana" / "dashboards").glob("*.json"):
        assert set(re.findall(r'"uid": "(\w+)"\s*}', dashboard.read_text())) == {source["uid"]}
    (provider,) = yaml.safe_load((DOCKER / "grafana" / "dashboards.yaml").read_text())["providers"]
    mounted = {volume["target"]: volume["source"] for volume in services["grafana"]["volumes"]}
    assert pathlib.Path(mounted[provider["options"]["path"]]).samefile(DOCKER / "grafana" / "dashboards")


def test_files_that_compose_mounts_are_there(composed):
    for name, service in composed["services"].items():
        for volume in service["volumes"]:
            if volume["type"] == "bind" and volume["source"] != FILES:
                assert pathlib.Path(volume["source"]).exists(), f"{name}: {volume['source']}"
                assert volume["read_only"]
            elif volume["type"] == "volume":
                assert volume["source"] in composed["volumes"]


def test_nothing_is_published_beyond_this_machine(composed):
    published = [port for service in composed["services"].values() for port in service.get("ports", [])]
    assert published
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_every_service_is_confined(composed):
    for name, service in composed["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("cap_drop") == ["ALL"] or name == "postgres", "it changes its user itself"
        assert ":" in service.get("image", "built:here"), "a version is named"


def test_a_stop_waits_for_running_queries(service):
    grace = json.loads(run("config", "schema").stdout)["properties"]["shutdown"]["properties"]["grace"]["default"]
    assert duration(service["stop_grace_period"]) > duration(grace)


def test_a_server_with_these_variables_and_its_health_check(variables, tmp_path, postgres, s3):
    """The container's environment for real, but for addresses, paths and services."""
    (tmp_path / "sales.csv").write_text("a\n1\n")
    here = {
        "GODWIT_MOUNTS": f"data={tmp_path / 'sales.csv'}",
        "GODWIT_HTTP_LISTEN": "127.0.0.1:0",
        "GODWIT_LAKE_CATALOG": postgres.uri(postgres.database()),
        "GODWIT_LAKE_DATA": s3.path(),
        "GODWIT_LAKE_S3_ENDPOINT": s3.endpoint,
    }
    check = json.loads(only(IMAGE, "HEALTHCHECK").split("CMD ", 1)[1])
    password = variables[PASSWORD_VARIABLE]
    with Server(tmp_path / "server", env={**variables, **here}, password=password) as server:
        assert server.scheme == "grpc+tls"
        (certificate,) = server.data_dir.joinpath("tls").glob("*cert*")
        with server.client(tls_root_certs=certificate.read_text()) as client:
            assert client.value("select a from data") == 1
            client.run("create table kept as select a from data")
            assert client.value("select count(*) from kept") == 1

        def healthy():
            told = environment({"GODWIT_HTTP_LISTEN": server.http.removeprefix("http://")})
            return subprocess.run(check, env=told, capture_output=True, timeout=30, check=False).returncode == 0

        eventually(healthy, "it is healthy")
        with urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer:
            told = set(re.findall(r"^(?:# TYPE )?(\w+)", answer.read().decode(), re.MULTILINE))
        named = set(re.findall(r"\b(?:godwit|process)_\w+", (DOCKER / "alerts.yaml").read_text()))
        assert len(named) >= 5
        assert {name for name in named if name not in told and name.removesuffix("_total") not in told} == set()
        server.stop()
        assert not healthy()

"""Fixtures that several subjects share."""

import json
import os
import pathlib
import re
import subprocess

import pytest

# The handlers that gRPC runs in a forked child end the child now and then; ours only start another program.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import container
import godwit_server
import makers
import services
from godwit_server import Server


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A directory of small files in every format, made once; see makers.py."""
    return makers.make_all(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def server(tmp_path_factory, data):
    """One server for every test that changes nothing."""
    # Files that have the same column in different types are not one table, and only the operator knows that.
    kinds = "".join(f'[mounts.{name}]\npath = "{path}"\nkind = "schema"\n' for name, path in data.schemas.items())
    with Server(tmp_path_factory.mktemp("server"), mounts=data.mounts, config=kinds) as running:
        yield running


@pytest.fixture(scope="session")
def session_client(server):
    """A client for tests that leave its session as they found it."""
    with server.client() as client:
        yield client


@pytest.fixture
def client(server):
    """A client with a session of its own."""
    with server.client() as client:
        yield client


@pytest.fixture
def start(tmp_path):
    """Starts servers with configurations of their own; all are stopped at the end."""
    started = []

    def start(home=None, **options):
        home = home or tmp_path / f"server{len(started)}"
        started.append(Server(home, **options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """`godwit demo` at its usual scale, with the password that it made."""
    with Server(tmp_path_factory.mktemp("demo"), command="demo", password=None) as running:
        running.password = running.demo_password()
        yield running


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL."""
    running = services.Postgres()
    yield running
    running.remove()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """A real S3 server with a bucket."""
    running = services.S3(tmp_path_factory.mktemp("s3"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """The container image."""
    image = container.Image(container.place(tmp_path_factory.mktemp("image")))
    yield image
    image.remove()


@pytest.fixture(scope="session")
def lake_server(tmp_path_factory, data):
    """One server for tests of durable tables; each in schemas of its own."""
    place = tmp_path_factory.mktemp("copies")
    allowed = f'[copy]\nallowed = ["{place}"]\n'
    with Server(tmp_path_factory.mktemp("lake"), mounts={"people": data.mounts["people"]}, config=allowed) as running:
        running.place = place
        yield running


@pytest.fixture
def lake_client(lake_server, request):
    """A client whose session's schema is a new one, named after the test."""
    name = re.sub(r"\W+", "_", request.node.nodeid.rsplit("/", 1)[-1]).strip("_").lower()
    with lake_server.client() as client:
        client.query(f'create schema "{name}"')
        client.query(f"set schema = '{name}'")
        client.schema_name = name
        yield client


@pytest.fixture(scope="session")
def jdbc():
    """Runs the JDBC checks (tests/jdbc) with these arguments; their reports in order."""
    target = pathlib.Path(__file__).parent / "jdbc" / "target"
    (driver,) = target.glob("dependency/flight-sql-jdbc-driver-*.jar")
    java = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx512m", "-XX:TieredStopAtLevel=1"]

    def run(*arguments):
        ran = subprocess.run(
            [*java, "-cp", f"{target / 'classes'}:{driver}", "godwit.Checks", *arguments],
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Marks where in their logs the running servers are, so that a failure shows what it caused and no more."""
    for each in godwit_server.RUNNING:
        each.mark_log()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts what running servers logged under a failure."""
    report = yield
    if report.failed:
        for each in godwit_server.RUNNING:
            report.sections.append((f"log of server {each.pid}", each.log(marked=True)[-4000:]))
    return report

"""Fixtures that several subjects share."""

import pytest

import godwit_server
import makers
from godwit_server import Server


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A directory of small files in every format, made once; see makers.py."""
    return makers.make_all(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def server(tmp_path_factory, data):
    """One server for every test that changes nothing."""
    with Server(tmp_path_factory.mktemp("server"), mounts=data.mounts) as running:
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts what running servers logged under a failure."""
    report = yield
    if report.failed:
        for each in godwit_server.RUNNING:
            report.sections.append((f"log of server {each.pid}", each.log()[-4000:]))
    return report

"""The image of docker/Dockerfile, built and run: it answers, it is nobody with nothing to write to but its volume, it survives
being killed, and it ends its queries before it ends."""

import time

import pyarrow as pa
import pytest

import wire
from container import Container, command
from godwit_server import eventually

USER, GROUP = 10001, 10001
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def running(image, tmp_path_factory):
    """One container for every test that leaves it as it was."""
    with Container(image, tmp_path_factory.mktemp("container")) as running:
        yield running


def test_it_answers(running):
    assert running.scheme == "grpc+tls"
    with running.client() as client:
        assert client.value("select 6 * 7") == 42


def test_it_says_how_it_is(running):
    assert running.healthy()
    assert running.healthy(), "a check does no harm"
    code, said = running.run(*["env", "GODWIT_HTTP_LISTEN=0.0.0.0:1"], *running.image.config["Healthcheck"]["Test"][1:])
    assert code == 1, said


def test_it_is_nobody_and_can_become_nobody_else(running):
    pid = running.state()["pid"]
    status = dict(line.split(":\t", 1) for line in command("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert status["Name"] == "godwit"
    assert status["Uid"].split() == [str(USER)] * 4
    assert status["Gid"].split() == [str(GROUP)] * 4
    assert status["Groups"].split() in ([], [str(GROUP)])
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert running.run("id", "--user", "--name") == (0, "godwit\n")


@pytest.mark.parametrize("path", ["/x", "/tmp/x", "/var/tmp/x", "/usr/local/bin/x", "/etc/x", "/dev/shm/x"])
def test_only_the_volume_can_be_written(running, path):
    assert running.run("touch", path)[0] == 1


def test_queries_that_spill_and_tables_need_no_more_than_the_volume(image, tmp_path):
    """More rows than the memory that the configuration allows."""
    with Container(image, tmp_path, env={"GODWIT_MEMORY_LIMIT": "64MiB", "GODWIT_QUERY_TARGET_PARTITIONS": "1"}) as running:
        with running.client() as client:
            client.run("create table kept as select value as n, repeat('x', 100) as text from generate_series(1, 1500000)")
            sorted_rows = "select row_number() over (order by text, n desc) as place from kept"
            assert client.value(f"select max(place) from ({sorted_rows})") == 1_500_000
            assert client.value("select count(*) from kept") == 1_500_000
            client.run("drop table kept")
        found = command("find", running.image.root, "-newer", running.home / "config.json", "-not", "-type", "d")
        assert found == "", "nothing was written beside it"
        inside = command("find", running.volume, "-mindepth", "1", "-printf", "%U:%G %#m %P\n").splitlines()
        assert {line.split()[0] for line in inside} == {f"{USER}:{GROUP}"}
        assert not [line for line in inside if int(line.split()[1], 8) & 0o077 and "/" not in line.split()[2]]


def test_what_it_trusts_is_there(running):
    code, said = running.run("grep", "--count", "BEGIN CERTIFICATE", "/etc/ssl/certs/ca-certificates.crt")
    assert code == 0
    assert int(said) > 100


def test_it_survives_being_killed(image, tmp_path):
    with Container(image, tmp_path) as first, first.client() as client:
        client.run("create table kept as select value as n from generate_series(1, 1000)")
        client.run("delete from kept where n > 900")
        certificate = first.certificate()
        first.signal("KILL")
        assert first.process.wait(30) == 128 + 9
    with Container(image, tmp_path) as second:
        assert second.certificate() == certificate
        with second.client() as client:
            assert client.value("select count(*) from kept") == 900
            assert client.run("insert into kept values (0)") == 1
        assert second.stop() == 0


def test_it_ends_its_queries_before_it_ends(image, tmp_path):
    with Container(image, tmp_path, env={"GODWIT_SHUTDOWN_GRACE": "60s"}) as running:
        client = running.client()
        reader = client.get(client.info(wire.statement("select value from generate_series(1, 3000000)")))
        rows = reader.read_chunk().data.num_rows
        running.signal("TERM")

        def refused():
            try:
                with running.client() as late:
                    late.query("select 1")
            except pa.ArrowException:
                return True

        eventually(refused, "no new work is taken")
        assert not running.healthy()
        for chunk in reader:
            rows += chunk.data.num_rows
        assert rows == 3_000_000
        assert running.process.wait(30) == 0


def test_an_idle_one_stops_at_once_and_well(image, tmp_path):
    with Container(image, tmp_path) as running:
        assert running.healthy()
        assert running.stop(limit=5) == 0


def test_it_is_small_and_starts_soon(image, tmp_path):
    """With a new volume: it makes a certificate, keys and a catalog first."""
    began = time.monotonic()
    with Container(image, tmp_path) as running:
        seconds = time.monotonic() - began
        assert running.healthy()
    size = image.size()
    print(f"{size / MEGABYTE:.0f} MB, ready after {seconds:.2f} s")
    assert size < 500 * MEGABYTE
    assert seconds < 20

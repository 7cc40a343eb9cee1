"""godwit backup and restore when something is wrong: never half, and said clearly."""

import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from backups import NOISE, Gate, backup, begin, files, fill, flip, godwit, mounted, restore, verify, whole  # noqa: F401
from godwit_server import run
from services import FaultyProxy

DAMAGE = {
    "a flipped bit in rows": ("data/", flip),
    "a flipped bit in the catalog": ("catalog/", flip),
    "a flipped bit in a key": ("beside/auth/", flip),
    "a flipped bit in the manifest": ("manifest.json", flip),
    "a short file": ("data/", lambda path: os.truncate(path, path.stat().st_size - 1)),
    "a missing file": ("data/", pathlib.Path.unlink),
    "a missing manifest": ("manifest.json", pathlib.Path.unlink),
    "a missing checksum": ("manifest.json.sha256", pathlib.Path.unlink),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_found(whole, tmp_path, damage):
    prefix, harm = damage
    place = tmp_path / "backup"
    subprocess.run(["cp", "-a", whole, place], check=True)
    name = sorted(name for name in files(place) if name.startswith(prefix))[0]
    harm(place / name)
    said = verify(place, code=65)
    assert name in said and "no whole backup" in said, said
    said = restore(place, tmp_path / "other", code=65)
    assert name in said, said
    assert set(files(tmp_path / "other")) <= {"data/lock"}


def test_a_place_that_is_full(start, tmp_path):
    server = start()
    with server.client() as client:
        fill(client)
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=256k", "tmpfs") as small:
        assert "space" in backup(server, small / "backup", code=73)
        assert list(small.iterdir()) == []
    backup(server, tmp_path / "backup")
    with mounted(tmp_path / "small2", "-t", "tmpfs", "-o", "size=256k", "tmpfs") as small:
        said = restore(tmp_path / "backup", small / "home", code=73)
        assert "space" in said
        assert set(files(small / "home")) <= {"data/lock"}
    with mounted(tmp_path / "closed", "-t", "tmpfs", "-o", "ro", "tmpfs") as closed:
        assert "Read-only" in backup(server, closed / "backup", code=73)


@pytest.fixture
def remote(start, s3, tmp_path):
    """A server whose files are in S3, and the configuration by which a proxy before that is used."""
    path = s3.path()
    access = f'[lake]\norphan_grace = "1s"\nmaintenance_interval = "0s"\n'
    server = start(home=tmp_path / "home", config=access + s3.config(path))
    with server.client() as client, FaultyProxy(s3.endpoint) as proxy:
        fill(client)
        client.run(f"insert into t select value, {NOISE} from generate_series(200001, 220000) g(value)")
        proxied = tmp_path / "proxied.toml"
        proxied.write_text(access + s3.config(path, proxy.endpoint))
        server.path, server.arguments = path, ["--config", proxied, "--data-dir", server.data_dir]
        yield server, client, proxy


def test_files_that_are_removed_meanwhile(remote, s3, start, tmp_path):
    """While the first file is fetched, all files are joined into another and removed: the backup is of a newer snapshot."""
    server, client, proxy = remote
    once = threading.Lock()

    def remove(method, path):
        if method == "GET" and ".parquet" in path and once.acquire(blocking=False):
            # The driver of the proxy has threads of its own.
            with server.client() as other:
                other.run("delete from t where n % 10 = 1")
                other.run("call compact()")
                other.query("call expire_snapshots(keep => 1)")
                old = s3.keys(server.path.removeprefix(f"s3://{s3.bucket}/"))
                deadline = time.monotonic() + 30
                while set(old) <= set(s3.keys(server.path.removeprefix(f"s3://{s3.bucket}/"))):
                    assert time.monotonic() < deadline
                    other.query("call clean_up()")

    proxy.fault = remove
    done = run("backup", "--to", tmp_path / "backup", *server.arguments)
    assert done.returncode == 0, done.stderr
    assert "were removed from the lake meanwhile" in done.stderr
    verify(tmp_path / "backup")
    assert len([name for name in files(tmp_path / "backup") if name.startswith("data/")]) == 1, "what is not needed went"
    rows = client.rows("select * from t order by n")
    restore(tmp_path / "backup", tmp_path / "other")
    with start(home=tmp_path / "other").client() as restored:
        assert restored.rows("select * from t order by n") == rows


def test_a_file_that_is_lost_is_named(remote, s3, tmp_path):
    server, client, _ = remote
    (key, *_) = [key for key in s3.keys(server.path.removeprefix(f"s3://{s3.bucket}/")) if key.endswith(".parquet")]
    s3.request("DELETE", f"/{s3.bucket}/{key}")
    said = backup(server, tmp_path / "backup", code=65)
    assert key.rsplit("/", 1)[1] in said and "not there" in said
    assert not list(tmp_path.glob("backup*"))


def end(running, how, gate, code):
    """Sends a signal to one that waits at the gate, and sees it end."""
    running.send_signal(how)
    if how == signal.SIGKILL:
        running.wait(30)
    gate.open.set()
    _, said = running.communicate(timeout=60)
    assert running.returncode == code, said


def test_one_that_ends_before_it_is_whole(remote, s3, tmp_path):
    """A signal leaves nothing; kill -9 leaves what is no backup, and the next attempt clears that away."""
    server, client, proxy = remote
    place, partial = tmp_path / "backup", tmp_path / "backup.partial"
    for how, code in ((signal.SIGTERM, 75), (signal.SIGINT, 75), (signal.SIGKILL, -9)):
        proxy.fault = gate = Gate("GET")
        running = begin("backup", "--to", place, *server.arguments)
        assert gate.met.wait(30)
        if how == signal.SIGTERM:
            assert "another process" in backup(server, place, code=73)
        end(running, how, gate, code)
        assert not place.exists()
        assert partial.exists() == (how == signal.SIGKILL)
    verify(partial, code=65)
    backup(server, place)
    verify(place)
    assert not partial.exists()


def test_a_restore_that_ends_before_it_is_whole(remote, s3, start, tmp_path):
    server, client, proxy = remote
    place, rows = tmp_path / "backup", client.rows("select * from t order by n")
    backup(server, place)
    for how, code in ((signal.SIGTERM, 75), (signal.SIGKILL, -9)):
        home, path = tmp_path / f"other{code}", s3.path()
        home.mkdir()
        config = "[lake]\n" + s3.config(path, proxy.endpoint)
        (home / "godwit.toml").write_text(config)
        proxy.fault = gate = Gate("PUT", "POST")
        running = begin("restore", "--from", place, "--config", home / "godwit.toml", "--data-dir", home / "data")
        assert gate.met.wait(30)
        end(running, how, gate, code)
        proxy.fault = lambda *_: None
        if how == signal.SIGKILL:
            with pytest.raises(RuntimeError, match="a restore was interrupted"):
                start(home=home, config=config)
            assert "a restore was interrupted" in godwit("restore", "--from", place, home=home, code=73)
        else:
            assert s3.keys(path.removeprefix(f"s3://{s3.bucket}/")) == []
            godwit("restore", "--from", place, home=home)
            with start(home=home, config=config).client() as restored:
                assert restored.rows("select * from t order by n") == rows

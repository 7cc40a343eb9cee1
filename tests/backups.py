"""What tests of godwit backup and restore share."""

import contextlib
import pathlib
import subprocess
import threading

import pytest

from godwit_server import binary, die_with_parent, environment, run

NOISE = "md5(cast(value as varchar)) || md5(cast(-value as varchar))"


def godwit(command, *arguments, home, code=0, **options):
    """Runs `godwit backup` or `restore` with a server's configuration; what it says."""
    config = ["--config", home / "godwit.toml"] if (home / "godwit.toml").exists() else []
    done = run(command, *arguments, "--data-dir", home / "data", *config, **options)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def backup(server, to, *arguments, **options):
    return godwit("backup", "--to", to, *arguments, home=server.home, **options)


def restore(place, home, config=None, **options):
    """Restores into the data directory of a server that does not run yet."""
    home.mkdir(parents=True, exist_ok=True)
    if config is not None:
        (home / "godwit.toml").write_text(config)
    return godwit("restore", "--from", place, home=home, **options)


def verify(place, code=0):
    done = run("backup", "--verify", place)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def files(directory):
    """The files below a directory, by their paths in it."""
    directory = pathlib.Path(directory)
    return {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}


def contents(directory):
    return {name: path.read_bytes() for name, path in files(directory).items()}


def fill(client):
    client.run("create table t (n bigint, s varchar)")
    client.run(f"insert into t select value, {NOISE} from generate_series(1, 20000) g(value)")
    client.run("delete from t where n % 10 = 0")
    client.run("insert into t values (-1, 'in the catalog')")


def flip(path, keep_links=True):
    """Changes one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if not keep_links:
        path.unlink()
    path.write_bytes(content)
    path.chmod(0o600)


@contextlib.contextmanager
def mounted(place, *options):
    """A file system of its own; it needs the right to mount, as root in a container has."""
    place.mkdir()
    done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"a full disk can only be tested by one who may mount: {done.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def begin(*arguments):
    """A godwit that is not waited for."""
    return subprocess.Popen([binary(), *map(str, arguments)], env=environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)


class Gate:
    """Holds up the requests of a kind, once there is one, until it is opened."""

    def __init__(self, *methods):
        self.methods = methods
        self.met, self.open = threading.Event(), threading.Event()

    def __call__(self, method, path):
        if method in self.methods and ".parquet" in path:
            self.met.set()
            self.open.wait(60)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, lake_server):
    """A backup to be damaged."""
    with lake_server.client() as client:
        client.run("create table to_be_damaged as select value from generate_series(1, 1000) g(value)")
        place = tmp_path_factory.mktemp("whole") / "backup"
        backup(lake_server, place)
        client.run("drop table to_be_damaged")
    return place

"""What all peers have in common."""

import dataclasses
import pathlib
import tempfile

from harness import processes
from harness.titles import TITLES

# The tables of TPC-H; each is a Parquet file of that name.
TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


class Missing(Exception):
    """A peer cannot be had on this machine; the text is the reason, which the results show."""


@dataclasses.dataclass
class Place:
    """Where things are. `cache` outlives runs, `home` does not; `tpch` and `memory` are directories of data."""

    binary: pathlib.Path
    cache: pathlib.Path
    home: pathlib.Path
    tpch: pathlib.Path
    memory: pathlib.Path
    scale: float

    def python(self, environment):
        """The Python of a virtual environment that benches/install made."""
        failed = self.cache / f"{environment}.failed"
        if failed.exists():
            raise Missing(f"it could not be installed: {failed.read_text(encoding='utf-8').strip()}")
        python = self.cache / environment / "bin" / "python"
        if not python.exists():
            raise Missing("it is not installed; benches/install does that")
        return python

    def requirement(self, environment, package):
        """The version that is installed of a package."""
        for line in (self.cache / environment / "installed").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{package}=="):
                return line.split("==")[1]
        raise Missing(f"{package} is not installed")


class Peer:
    """A server in a process of its own. `start` may raise `Missing`, or RuntimeError when it does not come up."""

    name = None

    def __init__(self, place):
        self.place = place
        # A directory of its own for each start, so that none finds what another left.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=place.home))
        self.log = self.home / "log"
        self.port = None
        self.process = None

    @property
    def title(self):
        return TITLES[self.name]

    @property
    def pid(self):
        """The server's process, or None where the client is the server."""
        return self.process.pid if self.process else None

    @property
    def uri(self):
        return f"grpc://127.0.0.1:{self.port}"

    def version(self):
        """What the results call it."""
        raise NotImplementedError

    def launch(self, command, **options):
        """Starts the server's program and waits until it listens on `port`."""
        self.process = processes.start(command, self.log, cwd=self.home, **options)
        processes.wait_for_port(self.process, self.port, self.log)

    def stop(self):
        processes.stop(self.process)
        self.process = None

    def spec(self, client):
        """What a worker needs to know to connect as this client."""
        raise Missing(f"it has no {client} client")

    def durable(self, client):
        """The same for durable tables, where these are elsewhere."""
        return self.spec(client)

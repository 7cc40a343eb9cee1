"""PostgreSQL with its defaults, which sync every commit. It refuses to run as root, so it runs as `postgres` there."""

import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile

from harness import processes
from peers.base import Missing, Peer


def program(name):
    """The path of a program that Debian keeps off the PATH."""
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    if found is None:
        raise Missing(f"there is no {name}, Debian's package postgresql")
    return found


class Postgres(Peer):
    name = "postgres"

    def version(self):
        said = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True, check=True)
        return re.search(r"\d+(\.\d+)*", said.stdout)[0]

    def start(self):
        root = os.geteuid() == 0
        user = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
        become = {"user": user, "group": user, "extra_groups": []} if root else {}
        # Not below `home`, which the other user may not enter.
        self.place_of_data = pathlib.Path(tempfile.mkdtemp(prefix="bench-postgres-", dir="/var/tmp"))
        if root:
            shutil.chown(self.place_of_data, user, user)
        made = subprocess.run(
            [program("initdb"), "--pgdata", self.place_of_data / "data", "--username", "bench", "--auth", "trust", "--locale", "C",
             "--encoding", "UTF8"], cwd=self.place_of_data, capture_output=True, text=True, check=False, **become)
        if made.returncode:
            raise RuntimeError(made.stderr[-300:])
        self.port = processes.free_port()
        self.log.touch()
        self.process = processes.start(
            [program("postgres"), "-D", self.place_of_data / "data", "-p", self.port, "-k", self.place_of_data,
             "-c", "listen_addresses=127.0.0.1"], self.log, cwd=self.place_of_data, **become)
        processes.wait_for_port(self.process, self.port, self.log)

    def stop(self):
        """SIGINT is a fast shutdown, which does not wait for clients."""
        processes.stop(self.process, signal.SIGINT)
        self.process = None
        shutil.rmtree(getattr(self, "place_of_data", ""), ignore_errors=True)

    def spec(self, client):
        """ADBC's driver for PostgreSQL stands in for the one for Flight SQL."""
        return {"client": "postgres", "uri": f"postgresql://bench@127.0.0.1:{self.port}/postgres"}

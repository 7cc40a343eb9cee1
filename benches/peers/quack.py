"""DuckDB Quack, the server that comes with DuckDB as an extension.

Run as a program it is that server: `quack.py PORT TOKEN DATABASE DIRECTORY`, over a database file and the Parquet files of
the directory.
"""

import pathlib
import secrets
import signal
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from clients.quack import load
from harness import processes
from peers.base import TABLES, Peer


class Quack(Peer):
    name = "quack"

    def version(self):
        return self.place.requirement("clients", "duckdb-extension-quack")

    def start(self):
        self.port = processes.free_port()
        self.token = secrets.token_hex(16)
        self.launch([self.place.python("clients"), __file__, self.port, self.token, "durable.duckdb", self.place.tpch])

    def spec(self, client):
        """Its own client stands in for ADBC."""
        return {"client": "quack", "port": self.port, "token": self.token}


def main():
    port, token, database, directory = sys.argv[1:]
    connection = duckdb.connect(database, config={"allow_unsigned_extensions": "true"})
    load(connection, "httpfs", "quack")
    for table in TABLES:
        connection.execute(f"create view {table} as from '{directory}/{table}.parquet'")
    connection.execute(f"call quack_serve('quack:localhost:{port}', token='{token}', disable_ssl=true)").fetchall()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()

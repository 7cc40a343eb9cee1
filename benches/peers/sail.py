"""Sail's Flight SQL server, from its Python package."""

from harness import processes
from peers.base import TABLES, Peer


class Sail(Peer):
    name = "sail"

    def version(self):
        return self.place.requirement("sail", "pysail")

    def start(self):
        program = self.place.python("sail").with_name("sail")
        self.port = processes.free_port()
        self.launch([program, "flight", "server", "--ip", "127.0.0.1", "--port", self.port])

    def spec(self, client):
        if client != "adbc":
            return super().spec(client)
        views = [f"create or replace temporary view {table} using parquet options (path '{self.place.tpch}/{table}.parquet')"
                 for table in TABLES]
        return {"client": client, "uri": self.uri, "setup": views}

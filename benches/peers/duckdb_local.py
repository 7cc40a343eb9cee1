"""DuckDB in the client's own process: no server, no network, what everything else is held against."""

from peers.base import TABLES, Peer


class DuckDbLocal(Peer):
    name = "duckdb"

    def version(self):
        return self.place.requirement("clients", "duckdb")

    def start(self):
        """There is nothing to start."""

    def spec(self, client):
        views = [f"create view {table} as from '{self.place.tpch}/{table}.parquet'" for table in TABLES]
        return {"client": "duckdb_local", "setup": views}

    def durable(self, client):
        return {"client": "duckdb_local", "database": str(self.home / "durable.duckdb")}

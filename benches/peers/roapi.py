"""ROAPI, from its Python package."""

from harness import processes
from peers.base import TABLES, Peer


class Roapi(Peer):
    name = "roapi"

    def version(self):
        return self.place.requirement("roapi", "roapi")

    def start(self):
        program = self.place.python("roapi").with_name("roapi")
        self.port, http, postgres = (processes.free_port() for _ in range(3))
        lines = ["addr:", f"  http: 127.0.0.1:{http}", f"  postgres: 127.0.0.1:{postgres}",
                 f"  flight_sql: 127.0.0.1:{self.port}", "tables:"]
        for table in TABLES:
            lines += [f"  - name: {table}", f"    uri: {self.place.tpch}/{table}.parquet", "    option:",
                      "      format: parquet", "      use_memory_table: false"]
        (self.home / "roapi.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.launch([program, "-c", "roapi.yml"])

    def spec(self, client):
        if client == "adbc":
            return {"client": client, "uri": self.uri}
        return super().spec(client)

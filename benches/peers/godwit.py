"""Godwit, with its defaults (a password on every connection, the audit log) but for the size of temporary tables."""

import re
import subprocess

import pyarrow as pa
import pyarrow.flight as flight

from clients import holding
from clients.flight import temporary_ingest
from harness import processes
from peers.base import Peer

USER, PASSWORD = "admin", "a long-distance flier"
CONFIG = '[sessions]\ntemp_bytes = "6GiB"\n'


class Godwit(Peer):
    name = "godwit"

    def version(self):
        said = subprocess.run([self.place.binary, "--version"], capture_output=True, text=True, check=True)
        return re.search(r"\d+\.\d+\.\d+\S*", said.stdout)[0]

    def start(self, tables=()):
        """`tables` are loaded into memory, as temporary tables of the session that `bearer` is the token of."""
        self.port = processes.free_port()
        config = self.home / "godwit.toml"
        config.write_text(CONFIG, encoding="utf-8")
        self.launch([self.place.binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", "data", "--config",
                     config, "--mount", f"tpch={self.place.tpch}"],
                    env=processes.environment(GODWIT_ADMIN_PASSWORD=PASSWORD))
        with flight.connect(self.uri) as client:
            header = client.authenticate_basic_token(USER, PASSWORD)
            self.bearer = header[1].decode().removeprefix("Bearer ")
            for table in tables:
                self.load(client, flight.FlightCallOptions(headers=[header]), table)

    def load(self, client, options, table):
        held = holding.read(str(self.place.memory / f"{table}.arrow"))
        descriptor = flight.FlightDescriptor.for_command(temporary_ingest(table))
        writer, reader = client.do_put(descriptor, held.schema, options)
        with writer:
            for batch in held.to_batches():
                writer.write_batch(batch)
            writer.done_writing()
            if reader.read() is None:
                raise pa.ArrowException(f"{table} was not taken")

    def spec(self, client):
        """Those that read tables in memory share the session that has them; the others log in."""
        match client:
            case "adbc":
                options = {"username": USER, "password": PASSWORD}
                return {"client": client, "uri": self.uri, "options": options, "setup": ["set schema = 'tpch'"]}
            case "adbc-shared":
                options = {"adbc.flight.sql.authorization_header": f"Bearer {self.bearer}"}
                return {"client": "adbc", "uri": self.uri, "options": options, "abandon": True}
            case "flight":
                return {"client": client, "uri": self.uri, "bearer": self.bearer, "sql_ingest": True}
            case "load":
                return {"client": client, "address": f"127.0.0.1:{self.port}", "authorization": f"Bearer {self.bearer}"}
        return super().spec(client)

    def durable(self, client):
        return self.spec(client) | {"setup": []}

"""What one writes to put DuckDB behind Flight: a pyarrow.flight server whose tickets are SQL.

Run as a program it is that server: `duckdb_flight.py PORT DIRECTORY`, over the Parquet files of the directory.
"""

import pathlib
import sys

import duckdb
import pyarrow.flight as flight

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from harness import processes
from peers.base import TABLES, Peer

BATCH_ROWS = 65_536


class DuckDbFlight(Peer):
    name = "duckdb-flight"

    def version(self):
        return self.place.requirement("clients", "duckdb")

    def start(self):
        self.port = processes.free_port()
        self.launch([self.place.python("clients"), __file__, self.port, self.place.tpch])

    def spec(self, client):
        """It speaks Flight without SQL, so the plain client stands in for ADBC."""
        if client in ("adbc", "flight"):
            return {"client": "flight", "uri": self.uri, "get_only": True}
        return super().spec(client)


class Server(flight.FlightServerBase):
    def __init__(self, location, database):
        super().__init__(location)
        self.database = database

    def do_get(self, context, ticket):
        rows = self.database.cursor().execute(ticket.ticket.decode())
        return flight.RecordBatchStream(rows.to_arrow_reader(BATCH_ROWS))


def main():
    database = duckdb.connect()
    for table in TABLES:
        database.execute(f"create view {table} as from '{sys.argv[2]}/{table}.parquet'")
    Server(f"grpc://127.0.0.1:{sys.argv[1]}", database).serve()


if __name__ == "__main__":
    main()

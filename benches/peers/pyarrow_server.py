"""A Flight server written in Python over pyarrow.flight, which is the C++ server with Python methods.

Run as a program it is that server: `pyarrow_server.py PORT NAME=FILE…`.
"""

import pathlib
import sys

import pyarrow as pa
import pyarrow.flight as flight

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from harness import processes
from peers.base import Peer


class PyarrowServer(Peer):
    name = "pyarrow"

    def version(self):
        return self.place.requirement("clients", "pyarrow")

    def start(self, tables=()):
        self.port = processes.free_port()
        files = [f"{table}={self.place.memory / table}.arrow" for table in tables]
        self.launch([self.place.python("clients"), __file__, self.port, *files])

    def spec(self, client):
        match client:
            case "adbc" | "adbc-shared":
                return {"client": "adbc", "uri": self.uri}
            case "flight":
                return {"client": client, "uri": self.uri}
            case "load":
                return {"client": client, "address": f"127.0.0.1:{self.port}", "authorization": ""}
        return super().spec(client)


class Server(flight.FlightServerBase):
    """Tables in memory. A command or ticket is a table's name, or bytes with ` from NAME` in them."""

    def __init__(self, location, tables):
        super().__init__(location)
        self.tables = tables

    def find(self, asked):
        for name in self.tables:
            if asked == name.encode() or f" from {name}".encode() in asked:
                return name
        raise NotImplementedError("only the tables that were loaded")

    def get_flight_info(self, context, descriptor):
        name = self.find(descriptor.command)
        return flight.FlightInfo(self.tables[name].schema, descriptor, [flight.FlightEndpoint(name.encode(), [])], -1, -1)

    def do_get(self, context, ticket):
        return flight.RecordBatchStream(self.tables[self.find(ticket.ticket)])

    def do_put(self, context, descriptor, reader, writer):
        rows = sum(chunk.data.num_rows for chunk in reader)
        writer.write(str(rows).encode())


def main():
    def read(path):
        with pa.OSFile(path) as file:
            return pa.ipc.open_file(file).read_all()

    tables = {name: read(path) for name, path in (argument.split("=", 1) for argument in sys.argv[2:])}
    Server(f"grpc://127.0.0.1:{sys.argv[1]}", tables).serve()


if __name__ == "__main__":
    main()

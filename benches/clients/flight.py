"""pyarrow's Flight client, which is the C++ one. The text of a query is the command, so that every server can be asked."""

import pyarrow as pa
import pyarrow.flight as flight

from clients import holding

INGEST = "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementIngest"
# TableDefinitionOptions: create what is not there, replace what is.
CREATE_OR_REPLACE = b"\x08\x01\x10\x03"


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _field(number, value):
    """A field of protobuf that has a length."""
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def temporary_ingest(table):
    """The command that takes an upload into a temporary table."""
    command = _field(1, CREATE_OR_REPLACE) + _field(2, table) + _varint(5 << 3) + b"\x01"
    return _field(1, INGEST) + _field(2, command)


class Client:
    """`bearer` is the token of a session; with `get` queries go into the ticket of DoGet, with no GetFlightInfo before."""

    def __init__(self, spec):
        self.client = flight.connect(spec["uri"])
        headers = [(b"authorization", f"Bearer {spec['bearer']}".encode())] if spec.get("bearer") else []
        self.options = flight.FlightCallOptions(headers=headers)
        self.sql = spec.get("sql_ingest", False)
        self.get_only = spec.get("get_only", False)
        self.held = None

    def batches(self, sql):
        if self.get_only:
            ticket = flight.Ticket(sql.encode())
        else:
            descriptor = flight.FlightDescriptor.for_command(sql.encode())
            ticket = self.client.get_flight_info(descriptor, self.options).endpoints[0].ticket
        reader = self.client.do_get(ticket, self.options)
        while True:
            try:
                yield reader.read_chunk().data
            except StopIteration:
                return

    def prepare_small(self, sql, parameter):
        assert parameter is None, "the plain Flight client has no parameters"
        self.small = lambda: [None for _ in self.batches(sql)]

    def run(self, sql):
        for _ in self.batches(sql):
            pass

    def hold(self, path):
        self.held = holding.read(path)

    def forget(self, table):
        if self.sql:
            self.run(f"drop table if exists {table}")

    def put(self, table, held):
        """To a Flight SQL server an ingest into a temporary table, to others an upload under this name."""
        command = temporary_ingest(table) if self.sql else table.encode()
        descriptor = flight.FlightDescriptor.for_command(command)
        writer, reader = self.client.do_put(descriptor, held.schema, self.options)
        with writer:
            for batch in held.to_batches():
                writer.write_batch(batch)
            writer.done_writing()
            if reader.read() is None:
                raise pa.ArrowException("the server did not say what it took")

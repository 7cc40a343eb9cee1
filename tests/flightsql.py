"""A Flight SQL client in a few lines over pyarrow.flight, for what the ready-made clients do not let a test see."""

import pyarrow as pa
import pyarrow.flight as flight

import wire


def read_schema(data):
    """A schema from an encapsulated IPC message."""
    return pa.ipc.read_schema(pa.py_buffer(data))


def same(schema):
    """A schema in a form that compares everything the wire promises: names, types, nullability, nested ones too."""

    def shape(kind):
        children = [(child.name, shape(child.type), child.nullable) for child in fields_of(kind)]
        return (str(kind), children)

    return [(field.name, shape(field.type), field.nullable) for field in schema]


def fields_of(kind):
    if pa.types.is_map(kind):
        return [kind.key_field, kind.item_field]
    if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        return [kind.field(index) for index in range(kind.num_fields)]
    return []


class Prepared:
    """The answer to CreatePreparedStatement."""

    def __init__(self, body):
        name, fields = wire.unpack(body)
        assert name == "ActionCreatePreparedStatementResult", name
        self.handle = fields[1][0]
        self.dataset_schema = read_schema(fields[2][0])
        self.parameter_schema = read_schema(fields[3][0])
        self.is_update = bool(fields[4][0])


class Client:
    """A connection that has logged in, or that sends these headers."""

    def __init__(self, address, user=None, password=None, headers=(), **options):
        self.flight = flight.connect(address, **options)
        self.headers = list(headers)
        if user is not None:
            self.headers.append(self.flight.authenticate_basic_token(user, password))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Ends the session too, which plain Flight clients forget, since a user may have only so many."""
        try:
            self.action("CloseSession")
        except pa.ArrowException:
            pass
        self.flight.close()

    @property
    def options(self):
        return flight.FlightCallOptions(headers=self.headers, timeout=120)

    def info(self, command):
        return self.flight.get_flight_info(flight.FlightDescriptor.for_command(command), self.options)

    def schema(self, command):
        return self.flight.get_schema(flight.FlightDescriptor.for_command(command), self.options).schema

    def get(self, info):
        """The stream of a FlightInfo with the one endpoint that this server gives."""
        (endpoint,) = info.endpoints
        assert endpoint.locations == []
        return self.flight.do_get(endpoint.ticket, self.options)

    def read(self, command):
        """The table that a command answers with."""
        return self.get(self.info(command)).read_all()

    def query(self, sql):
        return self.read(wire.statement(sql))

    def rows(self, sql):
        """The rows as tuples."""
        return [tuple(row.values()) for row in self.query(sql).to_pylist()]

    def value(self, sql):
        """The one value of a result."""
        ((value,),) = self.rows(sql)
        return value

    def action(self, kind, body=b""):
        return [result.body.to_pybytes() for result in self.flight.do_action((kind, body), self.options)]

    def prepare(self, sql):
        (body,) = self.action("CreatePreparedStatement", wire.packed("ActionCreatePreparedStatementRequest", sql))
        return Prepared(body)

    def close_prepared(self, handle):
        return self.action("ClosePreparedStatement", wire.packed("ActionClosePreparedStatementRequest", handle))

    def put(self, command, batches, schema=None):
        """Sends batches and gives the metadata of the one answer."""
        schema = schema or batches[0].schema
        descriptor = flight.FlightDescriptor.for_command(command)
        writer, reader = self.flight.do_put(descriptor, schema, self.options)
        with writer:
            for batch in batches:
                writer.write_batch(batch)
            writer.done_writing()
            answer = reader.read()
        return answer.to_pybytes()

    def bind(self, handle, *batches):
        """Binds rows to a prepared query; the handle that the server wants to see from now on."""
        return wire.fields(self.put(wire.prepared(handle), batches))[1][0]

    def update(self, command):
        """Runs an update; the number of rows."""
        empty = pa.schema([])
        return wire.fields(self.put(command, [pa.record_batch([], schema=empty)], empty)).get(1, [0])[0]

    def run(self, sql, transaction=None):
        """Runs a statement that changes something; the number of rows."""
        return self.update(wire.update(sql, transaction))

    def begin(self):
        """Begins a transaction; its id."""
        (body,) = self.action("BeginTransaction", wire.packed("ActionBeginTransactionRequest"))
        return wire.unpack(body)[1][1][0]

    def commit(self, transaction):
        self.action("EndTransaction", wire.packed("ActionEndTransactionRequest", transaction, 1))

    def rollback(self, transaction):
        self.action("EndTransaction", wire.packed("ActionEndTransactionRequest", transaction, 2))

    def savepoint(self, transaction, name):
        """Sets a savepoint; its id."""
        (body,) = self.action("BeginSavepoint", wire.packed("ActionBeginSavepointRequest", transaction, name))
        return wire.unpack(body)[1][1][0]

    def release(self, savepoint):
        self.action("EndSavepoint", wire.packed("ActionEndSavepointRequest", savepoint, 1))

    def rollback_to(self, savepoint):
        self.action("EndSavepoint", wire.packed("ActionEndSavepointRequest", savepoint, 2))

    def options_of_session(self):
        """The session's options by name; values of text only."""
        (body,) = self.action("GetSessionOptions")
        entries = [wire.fields(entry) for entry in wire.fields(body).get(1, [])]
        return {entry[1][0].decode(): wire.fields(entry[2][0]) for entry in entries}

    def set_options(self, options):
        """Sets session options; the errors by name."""
        (body,) = self.action("SetSessionOptions", wire.session_options(options))
        entries = [wire.fields(entry) for entry in wire.fields(body).get(1, [])]
        return {entry[1][0].decode(): wire.fields(entry[2][0]).get(1, [0])[0] for entry in entries}

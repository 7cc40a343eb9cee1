"""The ADBC Flight SQL driver, through its Python DB-API."""

import adbc_driver_flightsql.dbapi as flightsql

from clients import holding

# The driver refuses larger messages otherwise; the default is what gRPC takes for all clients.
MESSAGE_BYTES = "adbc.flight.sql.client_option.with_max_msg_size"


class Client:
    """A connection in autocommit mode. `setup` are statements of its session."""

    def __init__(self, spec):
        options = {MESSAGE_BYTES: str(64 << 20)} | spec.get("options", {})
        self.connection = flightsql.connect(spec["uri"], db_kwargs=options, autocommit=True)
        self.cursor = self.connection.cursor()
        self.held = None
        for sql in spec.get("setup", []):
            self.run(sql)

    def run(self, sql):
        self.cursor.execute(sql)
        if self.cursor.description:
            self.cursor.fetchall()

    def batches(self, sql):
        self.cursor.execute(sql)
        yield from self.cursor.fetch_record_batch()

    def prepare_small(self, sql, parameter):
        """With a parameter the statement is prepared once, by the first execution, and bound anew each time."""
        if parameter is None:
            self.small = lambda: (self.cursor.execute(sql), self.cursor.fetchall())
        else:
            self.small = lambda: (self.cursor.execute(sql, (parameter,)), self.cursor.fetchall())

    def hold(self, path):
        self.held = holding.read(path)

    def forget(self, table):
        self.run(f"drop table if exists {table}")

    def ingest(self, table, held):
        self.cursor.adbc_ingest(table, held, mode="create")

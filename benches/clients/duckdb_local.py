"""DuckDB in the client's own process."""

import duckdb

from clients import holding

BATCH_ROWS = 65_536


class Client:
    """`setup` are statements; `database` is a file, or nothing for one in memory."""

    def __init__(self, spec):
        self.connection = duckdb.connect(spec.get("database", ":memory:"))
        self.held = None
        for sql in spec.get("setup", []):
            self.run(sql)

    def run(self, sql):
        self.connection.execute(sql).fetchall()

    def batches(self, sql):
        yield from self.connection.execute(sql).to_arrow_reader(BATCH_ROWS)

    def prepare_small(self, sql, parameter):
        values = [] if parameter is None else [parameter]
        self.small = lambda: self.connection.execute(sql, values).fetchall()

    def hold(self, path):
        self.held = holding.read(path)

    def forget(self, table):
        self.run(f"drop table if exists {table}")

    def ingest(self, table, held):
        """The rows, and the checkpoint that brings them from the log into the database file."""
        self.connection.register("held", held)
        self.run(f"create table {table} as select * from held")
        self.run("checkpoint")

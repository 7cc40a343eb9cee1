"""DuckDB's remote protocol: a DuckDB in the client's process with the server attached as the database `remote`."""

import duckdb
from duckdb_extensions import import_extension

from clients import duckdb_local


def load(connection, *names):
    """Loads extensions that came as packages."""
    for name in names:
        import_extension(name, con=connection)
        connection.execute(f"load {name}")


class Client(duckdb_local.Client):
    def __init__(self, spec):
        self.connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.held = None
        load(self.connection, "httpfs", "quack")
        self.run(f"create secret (type quack, token '{spec['token']}')")
        self.attach = f"attach 'quack:localhost:{spec['port']}' as remote (disable_ssl true)"
        self.run(self.attach)
        self.run("use remote")

    def look_again(self):
        """It knows the tables that were there when it attached."""
        for sql in ("use memory", "detach remote", self.attach, "use remote"):
            self.run(sql)

    def ingest(self, table, held):
        self.connection.register("held", held)
        empty = "select * from held limit 0"
        self.run(f"create table {table} as {empty}")
        self.run(f"insert into {table} select * from held")

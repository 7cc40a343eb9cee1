"""PostgreSQL through ADBC's driver, which is libpq."""

import adbc_driver_postgresql.dbapi as postgresql


class Client:
    def __init__(self, spec):
        self.connection = postgresql.connect(spec["uri"], autocommit=True)
        self.cursor = self.connection.cursor()

    def run(self, sql):
        self.cursor.execute(sql)

"""Writers that keep a ledger of what a server acknowledged, for tests that kill it."""

import contextlib
import random
import threading

import adbc_driver_flightsql.dbapi as flightsql
import pyarrow as pa

# Tables that every batch goes to, with how many rows of each batch each gets.
ROWS = {"a": 3, "b": 5}
SETUP = [
    "create table a (batch bigint, n int, pad varchar)",
    "create table b (batch bigint, n int)",
    # Each lane counts in a table of its own: in one for all, the slowest lane would lose to the others for ever.
    *(f"create table counter{lane} as select cast(-1 as bigint) as batch" for lane in range(3)),
]
ERRORS = (pa.ArrowException, flightsql.Error, OSError, KeyError)


@contextlib.contextmanager
def open_adbc(server):
    """A connection without autocommit, and a cursor; they can be closed when the server is dead."""
    connection = server.adbc(autocommit=False)
    cursor = connection.cursor()
    try:
        yield connection, cursor
    finally:
        for each in (cursor, connection):
            with contextlib.suppress(*ERRORS):
                each.close()
            # The driver tells a dead server that they are closed, fails, and would try again when they are collected.
            each._closed = True


class Writer(threading.Thread):
    """Commits batches in one of several ways until the server is gone. A batch's number tells its writer and its turn."""

    def __init__(self, server, lane, first, seed):
        super().__init__(daemon=True)
        self.server, self.lane = server, lane
        self.next = first
        self.random = random.Random(seed)
        self.acknowledged = []
        self.tried = []
        self.started_writing = threading.Event()
        self.error = None

    def batch(self):
        """The next batch's number, which no other writer has."""
        self.next += 1
        number = self.next * 10 + self.lane
        self.tried.append(number)
        return number

    def run(self):
        ways = [self.by_actions, self.by_sql, self.by_adbc]
        try:
            ways[self.lane % len(ways)]()
        except ERRORS as error:
            self.error = error

    def statements(self, number, large):
        repeat = 40 if large else 1
        yield f"insert into a select {number}, value, repeat('x', {repeat}) from generate_series(1, {ROWS['a']}) g(value)"
        values = ", ".join(f"({number}, {n})" for n in range(ROWS["b"]))
        yield f"insert into b values {values}"
        yield f"update counter{self.lane} set batch = {number}"

    def acknowledge(self, number):
        self.acknowledged.append(number)
        self.started_writing.set()

    def by_actions(self):
        with self.server.client() as client:
            while True:
                number = self.batch()
                transaction = client.begin()
                try:
                    for sql in self.statements(number, self.random.random() < 0.3):
                        client.run(sql, transaction)
                    client.commit(transaction)
                except pa.ArrowException as error:
                    if "another transaction" in str(error):
                        continue
                    raise
                self.acknowledge(number)

    def by_sql(self):
        with self.server.client() as client:
            while True:
                number = self.batch()
                client.run("begin")
                try:
                    for sql in self.statements(number, False):
                        client.run(sql)
                    client.run("commit")
                except pa.ArrowException as error:
                    if "another transaction" in str(error):
                        continue
                    raise
                self.acknowledge(number)

    def by_adbc(self):
        """The driver cannot use a connection any more whose commit failed, so that each failure begins another one."""
        while True:
            try:
                with open_adbc(self.server) as (connection, cursor):
                    while True:
                        self.adbc_batch(connection, cursor)
            except flightsql.Error as error:
                if "another transaction" not in str(error) and "missing a valid transaction" not in str(error):
                    raise

    def adbc_batch(self, connection, cursor):
        number, rows = self.batch(), ROWS["a"]
        columns = {"batch": [number] * rows, "n": pa.array(range(rows), pa.int32()), "pad": ["y"] * rows}
        cursor.adbc_ingest("a", pa.table(columns), mode="append")
        for sql in list(self.statements(number, False))[1:]:
            cursor.execute(sql)
        connection.commit()
        self.acknowledge(number)


def problems(client, acknowledged, tried):
    """What is not as the ledger says, or nothing: each batch is there whole or not at all, and acknowledged ones are there."""
    found = []
    there = {}
    for table in ROWS:
        there[table] = dict(client.rows(f"select batch, count(*) from {table} group by batch"))
    for table, rows in ROWS.items():
        found += [f"batch {batch} has {count} rows in {table}" for batch, count in there[table].items() if count != rows]
    found += [f"batch {batch} is in one table only" for batch in there["a"].keys() ^ there["b"].keys()]
    found += [f"batch {batch} was acknowledged and is not there" for batch in acknowledged - there["a"].keys()]
    found += [f"batch {batch} was never sent" for batch in there["a"].keys() - tried]
    for lane in range(3):
        last = client.value(f"select batch from counter{lane}")
        mine = [batch for batch in there["a"] if batch % 10 == lane]
        if last != max(mine, default=-1):
            found.append(f"lane {lane} counts to {last}, and its last batch is {max(mine, default=-1)}")
    return found

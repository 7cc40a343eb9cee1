"""One client of the soak, a process: does one kind of thing again and again, until it is killed or its time is over."""

import random
import threading
import time

import adbc_driver_flightsql.dbapi as dbapi
import pyarrow as pa

import flightsql
import wire
from godwit_server import die_with_parent

# Two gigabytes, and what needs more memory than a query may have.
WIDE = "select value, repeat('x', 200) as text from generate_series(1, 10000000)"
SORTED = "select value % 1000 as k, value, repeat('y', 40) as text from generate_series(1, 600000) order by k, value desc"
ENDLESS = "select count(*) from generate_series(1, 3000000) a(x) cross join generate_series(1, 3000000) b(y) where a.x * b.y % 7 = 3"
# What happens to everybody on a busy server: somebody else committed first, or there is no room now.
EXPECTED = ("another transaction", "RESOURCE_EXHAUSTED", "esource", "limit", "ancel")
PAUSE = threading.Event()


class Kinds:
    """Each method is a round of one kind."""

    def __init__(self, uri, user, password, chance):
        self.uri, self.login, self.chance = uri, (user, password), chance

    def client(self):
        return flightsql.Client(self.uri, *self.login)

    def small(self):
        """Short queries, in a session that is closed."""
        with self.client() as client:
            for _ in range(30):
                n = self.chance.randint(1, 5000)
                assert client.value(f"select count(*) from generate_series(1, {n})") == n
            client.rows("select query_id, state from system.queries limit 20")

    def ingest(self):
        """Rows by ADBC, and back."""
        user, password = self.login
        with dbapi.connect(self.uri, db_kwargs={"username": user, "password": password}, autocommit=True) as connection:
            with connection.cursor() as cursor:
                for _ in range(5):
                    rows = self.chance.randint(1, 20_000)
                    data = pa.table({"n": pa.array(range(rows), pa.int64()), "s": ["v"] * rows})
                    cursor.adbc_ingest("events", data, mode="append")
                    cursor.execute("select s, count(*), sum(n) from events group by s")
                    cursor.fetch_arrow_table()
                connection.adbc_get_objects(depth="tables").read_all()

    def slow(self):
        """A reader that is slower than the server for as long as it lives."""
        with self.client() as client:
            reader = client.get(client.info(wire.statement(WIDE)))
            for _ in range(40):
                reader.read_chunk()
                PAUSE.wait(0.1)
            reader.cancel()

    def cancelled(self):
        """Queries that their client gives up, before and after their first row."""
        with self.client() as client:
            for sql in (ENDLESS, WIDE):
                reader = client.get(client.info(wire.statement(sql)))
                if sql == WIDE:
                    reader.read_chunk()
                PAUSE.wait(self.chance.uniform(0, 0.3))
                reader.cancel()
            info = client.info(wire.statement(ENDLESS))
            client.action("CancelFlightInfo", wire.message(info.serialize()))

    def spilling(self):
        """More than fits into memory, read wholly."""
        with self.client() as client:
            rows = sum(chunk.data.num_rows for chunk in client.get(client.info(wire.statement(SORTED))))
            assert rows == 600_000

    def changing(self):
        """Transactions, half of them given up; temporary tables and prepared statements that nobody closes."""
        client = self.client()
        client.run("create temp table mine as select value as n from generate_series(1, 20000) g(value)")
        client.prepare("select sum(n) from mine where n > ?")
        for _ in range(5):
            transaction = client.begin()
            n = self.chance.randint(1, 1_000_000)
            client.run(f"insert into events values ({n}, 'a row')", transaction)
            client.run("insert into events select n, 'many rows' from mine", transaction)
            self.chance.choice([client.commit, client.rollback])(transaction)
        client.run(f"delete from events where n % 7 = {self.chance.randint(0, 6)}")
        client.begin()
        client.flight.close()


def work(kind, uri, user, password, seed, seconds):
    """What the process does."""
    die_with_parent()
    kinds = Kinds(uri, user, password, random.Random(seed))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            getattr(kinds, kind)()
        except (pa.ArrowException, dbapi.Error, KeyError) as error:
            if not any(word in str(error) for word in EXPECTED):
                raise

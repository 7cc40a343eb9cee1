"""Rows into durable tables: many at once, and one by one."""

from cases import plural
from harness.measures import Measure
from harness.rounds import Group

TABLE = "create table inserted (id bigint, name varchar(30), amount double precision)"
INSERT = "insert into inserted values ({0}, 'name {0}', 0.5)"


def groups(size):
    bulk = Measure("ingest-lineitem", f"ingest of lineitem, scale {size.scale}, into a new durable table", "s",
                   ("godwit", "quack", "duckdb"), "adbc",
                   {"action": "ingest", "into": "lineitem_copy", "file": "{tpch}/lineitem.parquet"}, durable=True, limit=300.0)
    single = tuple(
        Measure(f"insert-{clients}", f"single-row durable inserts, {plural(clients, 'client')}", "1/s",
                ("godwit", "quack", "postgres"), "adbc",
                {"action": "inserts", "create": TABLE, "sql": INSERT, "seconds": size.seconds}, clients=clients, durable=True)
        for clients in (1, 8))
    return [Group("bulk ingest", (bulk,), size.long_rounds), Group("single-row inserts", single, size.rounds)]

"""A large result and TPC-H, over the same Parquet files at every peer."""

from harness import data
from harness.measures import Measure
from harness.rounds import Group


def groups(size):
    engines = size.peers(("godwit", "sail", "duckdb-flight", "duckdb"), ("roapi", "quack"))
    lineitem = Measure("lineitem", f"`select * from lineitem`, scale {size.scale}, Parquet, ADBC", "s", engines, "adbc",
                       {"action": "stream", "sql": "select * from lineitem"}, once=("roapi", "quack"))
    tpch = Measure("tpch", f"TPC-H scale {size.scale}, 22 queries, ADBC", "s",
                   size.peers(("godwit", "sail", "duckdb-flight", "duckdb"), ("roapi",)), "adbc",
                   {"action": "queries", "queries": data.queries()}, once=("roapi",), of="total")
    return [Group("queries over Parquet", (lineitem, tpch), size.long_rounds)]

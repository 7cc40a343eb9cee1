"""How much memory the server takes at most while clients read a large result, fast and slowly."""

from harness.measures import Measure
from harness.rounds import Group


def groups(size):
    sql = "select * from lineitem"
    peers = size.peers(("godwit",), ("sail", "roapi", "duckdb-flight"))
    one = Measure("memory-1", f"peak memory of the server, 1 client reads lineitem, scale {size.scale}", "MB", peers, "adbc",
                  {"action": "stream", "sql": sql})
    slow = Measure("memory-10", f"peak memory of the server, 10 slow clients read lineitem, scale {size.scale}", "MB", peers, "adbc",
                   {"action": "slow_stream", "sql": sql, "seconds": size.slow_seconds, "pause": 0.25}, clients=10)
    return [Group("memory of the server", (one, slow), 1, fresh=True)]

"""Queries whose answer is a few rows: how many a second."""

from cases import plural
from harness.measures import Measure
from harness.rounds import Group

POINT = "select c_name, c_acctbal from customer where c_custkey = "
# Neither prepares statements with parameters, so they get the value in the text.
AS_TEXT = {name: {"sql": POINT + "4711", "parameter": None} for name in ("roapi", "sail", "duckdb-flight")}


def groups(size):
    peers = size.peers(("godwit", "sail", "roapi"), ("duckdb-flight",))
    one = tuple(
        Measure(f"select-1-{clients}", f"`select 1`, ADBC, {plural(clients, 'client')}", "1/s", peers, "adbc",
                {"action": "rate", "sql": "select 1", "seconds": size.seconds}, clients=clients)
        for clients in size.clients)
    point = tuple(
        Measure(f"point-{clients}", f"prepared point query, ADBC, {plural(clients, 'client')}", "1/s", peers, "adbc",
                {"action": "rate", "sql": POINT + "?", "parameter": 4711, "seconds": size.seconds}, clients=clients,
                differs=AS_TEXT)
        for clients in size.clients)
    ten = tuple(
        Measure(f"ten-rows-{clients}", f"GetFlightInfo and DoGet of 10 rows, Rust, {plural(clients, 'client')}", "1/s",
                size.peers(("godwit", "reference"), ("pyarrow",)), "load",
                {"action": "load", "sql": "select * from small", "connections": clients, "seconds": size.seconds})
        for clients in size.load_clients)
    loaded = {"*": {"tables": ("small",)}}
    return [Group("small queries", one + point, size.rounds), Group("ten rows", ten, size.rounds, loaded)]


"""Tables in memory out over DoGet and in over DoPut, beside Arrow's own C++ server."""

from cases import plural
from harness.measures import Measure
from harness.rounds import Group

KINDS = {"numeric": "numbers", "strings": "strings"}
CLIENTS = {"pyarrow": "flight", "ADBC": "adbc-shared"}


def groups(size):
    gets = tuple(
        Measure(f"get-{kind}-{client.lower()}-{streams}",
                f"DoGet of {size.megabytes} MiB of {words}, {client}, {plural(streams, 'stream')}",
                "GB/s", size.peers(("godwit", "reference"), ("pyarrow",)), driver,
                {"action": "stream", "sql": f"select * from {kind}"}, clients=streams)
        for client, driver in CLIENTS.items() for kind, words in KINDS.items() for streams in (1, 2))
    everything = {"*": {"tables": ("numeric", "strings", "small")}}
    puts = tuple(
        Measure(f"put-{kept}{streams}", f"DoPut of {size.megabytes} MiB of numbers, pyarrow, {plural(streams, 'stream')}{words}",
                "GB/s", size.peers(("godwit", "reference"), others), "flight",
                {"action": "put", "into": "sent{number}", "file": "{memory}/numeric.arrow"}, clients=streams, differs=differs)
        for kept, words, others, differs in (
            ("", "", ("pyarrow",), {}),
            ("kept-", ", kept by the C++ server too", (), {"reference": {"into": "keep"}}))
        for streams in (1, 2))
    return [Group("tables in memory, out", gets, size.rounds, everything), Group("tables in memory, in", puts, size.rounds)]

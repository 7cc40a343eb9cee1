"""Many clients whose queries need far more memory than there is: none takes another down, nor the process."""

import threading
import time

import pytest

import wire
from godwit_server import eventually, resident_memory
from rawgrpc import Failure

MIB = 1 << 20
LIMIT = 256 * MIB
# What the process takes besides what it accounts for: itself, decoded files, batches on their way (docs/operations.md).
HEADROOM = 512 * MIB
CLIENTS = 16
CONFIG = """
[memory]
limit = "256MiB"
[query]
batch_rows = 1024
queue_timeout = "10m"
"""
# Each of them holds some hundred megabytes, if it may: together that is far more than ten times what there is.
ROWS = 4_000_000
SORT = (
    "select max(n) from (select row_number() over (order by t) as n from "
    f"(select repeat('x', 200) || value as t from generate_series(1, {ROWS // 2})))"
)
GROUP = (
    "select count(*) from (select k, t from "
    f"(select value as k, repeat('y', 100) || value as t from generate_series(1, {ROWS // 4})) group by 1, 2)"
)
JOIN = (
    f"select count(*) from (select value as k, repeat('z', 300) || value as t from generate_series(1, {ROWS // 4})) a "
    f"join (select value as k, repeat('w', 300) || value as u from generate_series(1, {ROWS // 4})) b on a.k = b.k "
    "where a.t <> b.u"
)
EXPECTED = {SORT: ROWS // 2, GROUP: ROWS // 4, JOIN: ROWS // 4}


@pytest.fixture
def small(start):
    return start(config=CONFIG)


# The smaller, the more of it is sorted, spilled and merged at the same time: of 600 MB, half of the limit.
@pytest.mark.parametrize("limit", ["512MiB", "128MiB", "64MiB", "32MiB"])
def test_a_join_that_does_not_fit_is_sorted_and_spills(start, limit):
    server = start(config=f'[memory]\nlimit = "{limit}"\n[query]\nbatch_rows = 1024\n')
    with server.client() as client:
        assert client.value(JOIN) == EXPECTED[JOIN]
    assert "a join does not fit into memory" in server.log()


def test_a_query_has_a_limit_of_its_own(start):
    server = start(config='[memory]\nlimit = "256MiB"\nquery_limit = "8MiB"\nspill_limit = "1MiB"\n')
    sql = "select count(distinct value || repeat('x', 50)) from generate_series(1, 3000000)"
    with server.client() as client, server.raw(client.headers[0][1].decode()) as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
        with pytest.raises(Failure, match=r"memory\.(query_limit|spill_limit)") as failure:
            raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])
        assert failure.value.code == "RESOURCE_EXHAUSTED"
        assert client.value("select 1") == 1


def test_what_is_out_of_memory_names_itself_and_the_limit(start):
    server = start(config='[memory]\nlimit = "256MiB"\nquery_limit = "4MiB"\n')
    sql = JOIN
    with server.client() as client, server.raw(client.headers[0][1].decode()) as raw:
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
        with pytest.raises(Failure, match=r"query [0-9a-f]{16} is out of memory: .*memory\.query_limit"):
            raw.call("DoGet", wire.fields(wire.fields(info)[3][0])[1][0])


def test_many_clients_need_ten_times_the_memory(small):
    queries = [SORT, GROUP, JOIN]
    outcomes, peak, done = [], 0, threading.Event()

    def ask(number):
        sql = queries[number % len(queries)]
        try:
            with small.client() as client:
                # The client's usual deadline is too short for a queue of sixteen.
                reader = client.flight.do_get(
                    client.info(wire.statement(sql)).endpoints[0].ticket,
                    type(client.options)(headers=client.headers, timeout=900),
                )
                ((value,),) = [tuple(row.values()) for row in reader.read_all().to_pylist()]
            outcomes.append((value == EXPECTED[sql], sql))
        except Exception as error:  # the test looks at it
            outcomes.append((error, sql))

    threads = [threading.Thread(target=ask, args=[number]) for number in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()

    def ended():
        nonlocal peak
        peak = max(peak, resident_memory(small.pid))
        done.wait(0.05)
        return not any(thread.is_alive() for thread in threads)

    eventually(ended, "all have their answer", limit=900)
    print(f"{time.monotonic() - began:.0f} s, at most {peak // MIB} MiB")
    failed = [f"{outcome}: {sql}" for outcome, sql in outcomes if outcome is not True]
    assert not failed, "\n".join(failed)
    assert peak < LIMIT + HEADROOM, f"{peak // MIB} MiB"
    with small.client() as client:
        assert client.value("select 1") == 1
    eventually(lambda: not any(p.is_file() for p in (small.data_dir / "spill").rglob("*")), "nothing is left behind")

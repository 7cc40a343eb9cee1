"""PollFlightInfo: a query runs in the background, tells how far it is, and leaves its rows for a while."""

import struct
import time

import pyarrow as pa
import pytest

import wire
from godwit_server import eventually
from rawgrpc import Failure

# Takes seconds, and its progress shows.
SLOW = (
    "select count(*) as n from generate_series(1, 3000) a cross join generate_series(1, 100000) b "
    "where a.value * b.value % 7 = 3"
)
ENDLESS = SLOW.replace("100000", "1000000000")
MANY = "select value from generate_series(1, 1000000)"


@pytest.fixture
def own(start):
    return start()


class Told:
    """A PollInfo."""

    def __init__(self, data):
        fields = wire.fields(data)
        self.info_bytes = fields[1][0]
        self.info = wire.fields(self.info_bytes)
        self.descriptor = fields.get(2, [None])[0]
        (self.progress,) = struct.unpack("<d", fields[3][0]) if 3 in fields else (None,)
        self.expires = wire.fields(fields[4][0])[1][0]
        self.tickets = [wire.fields(endpoint)[1][0] for endpoint in self.info.get(3, [])]
        self.rows, self.size = (signed(self.info[number][0]) for number in (4, 5))


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def poll(raw, descriptor):
    (answer,) = raw.call("PollFlightInfo", descriptor)
    return Told(answer)


def start_query(raw, sql):
    return poll(raw, wire.descriptor(wire.statement(sql)))


def poll_to_the_end(raw, sql):
    """Every answer until the query is complete."""
    told = [start_query(raw, sql)]
    deadline = time.monotonic() + 60
    while told[-1].descriptor is not None:
        assert time.monotonic() < deadline
        told.append(poll(raw, told[-1].descriptor))
    return told


def progress(told):
    """What the answers say of the progress, which none goes back on, and of which only the last says that it is all."""
    seen = [each.progress for each in told if each.progress is not None]
    assert seen == sorted(seen)
    assert all(each < 1 for each in seen[:-1])
    assert told[-1].progress == 1
    return seen


def files(server):
    """What queries spill and results keep."""
    return [path for path in (server.data_dir / "spill").rglob("*") if path.is_file()]


def test_a_slow_query_is_polled_to_its_end(own):
    with own.raw() as raw:
        told = poll_to_the_end(raw, SLOW)
        assert len(told) > 2
        seen = progress(told)
        assert any(0 < each < 1 for each in seen)
        for each in told[:-1]:
            assert each.info[1][0] == told[-1].info[1][0], "the schema is there from the first answer on"
            assert each.tickets == [] and each.rows == -1
            assert each.info[2][0] == each.descriptor
            assert each.expires > time.time()
        (ticket,) = told[-1].tickets
        assert told[-1].rows == 1 and told[-1].size > 0
        again = poll(raw, told[-1].info[2][0])
        assert again.descriptor is None and len(again.tickets) == 1
        raw.call("DoGet", ticket)
        eventually(lambda: files(own) == [], "the result is gone")
        with pytest.raises(Failure, match="run the statement again") as failure:
            raw.call("DoGet", ticket)
        assert failure.value.code == "NOT_FOUND"
        assert raw.code("PollFlightInfo", told[-1].info[2][0]) == "NOT_FOUND"


def test_a_client_that_polls_does_not_spin(own):
    with own.raw() as raw:
        started = time.monotonic()
        first = told = start_query(raw, ENDLESS)
        calls = 0
        while time.monotonic() - started < 5:
            told = poll(raw, told.descriptor)
            calls += 1
        assert calls <= 30
        raw.call("DoAction", wire.action("CancelFlightInfo", wire.message(first.info_bytes)))


def test_cancel_by_info(own):
    with own.raw() as raw:
        for kind in ("CancelFlightInfo", "CancelQuery"):
            told = start_query(raw, ENDLESS)
            eventually(lambda: own.load() > 0.5, "the query runs")
            body = wire.message(told.info_bytes)
            if kind == "CancelQuery":
                body = wire.packed("ActionCancelQueryRequest", told.info_bytes)
            raw.call("DoAction", wire.action(kind, body))
            with pytest.raises(Failure, match="cancelled") as failure:
                poll(raw, told.descriptor)
            assert failure.value.code == "CANCELLED"
            eventually(lambda: own.load() < 0.1, "the query ends")


def test_the_query_is_listed_while_it_runs(own):
    with own.client() as client, own.raw(client.headers[0][1].decode()) as raw:
        told = start_query(raw, ENDLESS)
        assert client.value(f"select count(*) from system.queries where ended is null and sql = '{ENDLESS}'") == 1
        client.action("CancelFlightInfo", wire.message(told.info_bytes))
        eventually(
            lambda: client.value(f"select count(*) from system.queries where ended is null and sql = '{ENDLESS}'") == 0, "the query ends"
        )


def test_progress_of_files(start, data):
    """Rows where the files tell how many they have."""
    server = start(mounts={"numbers": data.mounts["numbers"]})
    sql = "select count(*) as n from generate_series(1, 3000) b cross join numbers a where a.n * b.value % 7 = 3"
    with server.raw() as raw:
        assert len(progress(poll_to_the_end(raw, sql))) > 1


def test_a_result_is_forgotten(start):
    server = start(config='[results]\nttl = "3s"\n')
    with server.raw() as raw:
        told = poll_to_the_end(raw, MANY)[-1]
        assert len(files(server)) == 1
        eventually(lambda: files(server) == [], "the result is forgotten")
        assert raw.code("DoGet", told.tickets[0]) == "NOT_FOUND"
        assert raw.code("PollFlightInfo", told.info[2][0]) == "NOT_FOUND"
        start_query(raw, ENDLESS)
        eventually(lambda: server.load() > 0.5, "the query runs")
        eventually(lambda: server.load() < 0.1, "a query that nobody asks for is stopped")


def test_bounds_name_their_keys(start):
    server = start(config='[results]\nmax_bytes = "1MiB"\nmax_per_user = 2\n')
    with server.raw() as raw:
        with pytest.raises(Failure, match=r"results\.max_bytes") as failure:
            poll_to_the_end(raw, MANY)
        assert failure.value.code == "RESOURCE_EXHAUSTED"
        eventually(lambda: files(server) == [], "what was written is gone")
        for _ in range(2):
            poll_to_the_end(raw, "select 1")
        with pytest.raises(Failure, match=r"results\.max_per_user") as failure:
            start_query(raw, "select 1")
        assert failure.value.code == "RESOURCE_EXHAUSTED"
        assert raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1"))) == "OK", "others go on"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select 1 / (count(*) - 1000000) from generate_series(1, 1000000)", "INVALID_ARGUMENT"),
        ("select cast('x' || max(value) as int) from generate_series(1, 1000000)", "INVALID_ARGUMENT"),
        ("select * from nowhere", "NOT_FOUND"),
        ("selec 1", "INVALID_ARGUMENT"),
    ],
)
def test_failures(own, sql, code):
    with own.raw() as raw:
        with pytest.raises(Failure) as failure:
            poll_to_the_end(raw, sql)
        assert failure.value.code == code, failure.value.message
        assert "[query " in failure.value.message


def test_handles_that_were_not_given_out(own):
    with own.raw() as raw:
        told = start_query(raw, ENDLESS)
        handle = wire.fields(told.descriptor)[2][0]
        for forged in (handle[:-1], handle[:20] + bytes([handle[20] ^ 1]) + handle[21:], b"\x01", handle + b"x"):
            assert raw.code("PollFlightInfo", wire.descriptor(forged)) == "INVALID_ARGUMENT"
        # A ticket is none, though the same key sealed it.
        (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement("select 1")))
        ticket = wire.fields(wire.fields(wire.fields(info)[3][0])[1][0])[1][0]
        assert raw.code("PollFlightInfo", wire.descriptor(ticket)) == "INVALID_ARGUMENT"
        assert raw.code("DoGet", wire.ticket(handle)) == "INVALID_ARGUMENT"


def test_an_effect_happens_once(own):
    with own.client() as client, own.raw(client.headers[0][1].decode()) as raw:
        told = start_query(raw, "set batch_rows = 123")
        assert told.descriptor is None and told.progress == 1
        assert client.value("select value from system.settings where name = 'batch_rows'") == "123"
        client.query("reset batch_rows")
        raw.call("DoGet", told.tickets[0])
        assert client.value("select value from system.settings where name = 'batch_rows'") == "8192"


def test_metadata_is_complete_at_once(own):
    with own.raw() as raw:
        told = poll(raw, wire.descriptor(wire.catalogs()))
        assert told.descriptor is None and told.progress == 1 and len(told.tickets) == 1


def test_prepared_statements_with_rows(own):
    with own.client() as client, own.raw(client.headers[0][1].decode()) as raw:
        prepared = client.prepare("select ? + value as v from generate_series(1, 3)")
        client.bind(prepared.handle, pa.record_batch({"p": pa.array([10, 20], pa.int64())}))
        told = poll(raw, wire.descriptor(wire.prepared(prepared.handle)))
        assert told.descriptor is None and told.rows == 6


def test_a_stopping_server_does_not_wait_for_it(start):
    server = start(config='[shutdown]\ngrace = "60s"\n')
    with server.raw() as raw:
        start_query(raw, ENDLESS)
        eventually(lambda: server.load() > 0.5, "the query runs")
        assert server.stop(limit=10) == 0
    assert files(server) == []

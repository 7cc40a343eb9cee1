"""Input that no client should send: an error with the right code each, and the server lives on."""

import base64
import queue
import random

import pytest

import wire
from godwit_server import PASSWORD, USER, eventually
from rawgrpc import Failure, basic

UNARY = ("GetFlightInfo", "GetSchema", "PollFlightInfo")
INVALID, MISSING, UNSERVED = "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED"


@pytest.fixture(scope="module")
def raw(server):
    """One connection for all of it, with a session, which has to outlive all of it."""
    with server.raw(basic(USER, PASSWORD)) as login:
        _, headers = login.call_with_headers("Handshake", [])
    with server.raw(headers["authorization"]) as connection:
        yield connection
        check_alive(connection)


@pytest.fixture(autouse=True)
def server_lives_on(server, raw):
    pid = server.pid
    yield
    assert server.process.poll() is None, "the server has died"
    assert server.pid == pid
    check_alive(raw)


def check_alive(raw):
    (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement("select 1")))
    assert len(raw.call("DoGet", ticket_in(info))) == 2


def ticket_in(info):
    """The request for the stream of a FlightInfo: its endpoint's ticket."""
    return wire.fields(wire.fields(info)[3][0])[1][0]


def ticket_of(raw, sql):
    (info,) = raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
    return ticket_in(info)


def any_of(type_url, value=b""):
    return wire.message(type_url, value)


MALFORMED = {
    "nothing": b"",
    "garbage": b"\xff\xff\xff\xff\xff",
    "a length beyond the end": b"\x12\x7fabc",
    "a varint without an end": b"\x08" + b"\x80" * 20,
    "a group": b"\x0b\x0c",
    "field number zero": b"\x02\x01x",
    "unknown descriptor type": wire.message(9, b"x"),
    "a path that is no text": wire.message(wire.PATH, None, [b"\xff\xfe"]),
    "an empty path": wire.message(wire.PATH),
    "a path with an empty part": wire.path_descriptor("godwit", "", "people"),
    "a path of five parts": wire.path_descriptor("a", "b", "c", "d", "e"),
    "an empty command": wire.descriptor(b""),
    "a command of spaces": wire.descriptor(b"   \n"),
    "a command that is neither Any nor text": wire.descriptor(b"\x0a\x80\xff\xfe"),
    "an Any without a type": wire.descriptor(any_of("", b"x")),
    "a command with a broken body": wire.descriptor(any_of(wire.SQL + "CommandStatementQuery", b"\x0a\x7fx")),
    "SQL that is no text": wire.descriptor(any_of(wire.SQL + "CommandStatementQuery", b"\x0a\x02\xff\xfe")),
    "a list of codes that ends early": wire.descriptor(any_of(wire.SQL + "CommandGetSqlInfo", b"\x0a\x02\x80\x80")),
}


@pytest.mark.parametrize("method", UNARY)
@pytest.mark.parametrize("descriptor", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_descriptors(raw, method, descriptor):
    assert raw.code(method, descriptor) == INVALID


UNKNOWN = {
    "a command of the future": (any_of(wire.SQL + "CommandGetWeather"), UNSERVED),
    "another package": (any_of("type.googleapis.com/google.protobuf.Duration", b"\x08\x01"), UNSERVED),
    "an action as a command": (wire.packed("ActionClosePreparedStatementRequest", b"x"), UNSERVED),
    "a ticket as a command": (wire.packed("TicketStatementQuery", b"x"), UNSERVED),
    "Substrait": (wire.packed("CommandStatementSubstraitPlan", wire.message(b"x")), UNSERVED),
    "an update as a query": (wire.update("select 1"), INVALID),
    "a handle of nobody": (wire.prepared(b"no handle"), INVALID),
    "no handle": (wire.prepared(b""), INVALID),
    "a transaction of nobody": (wire.statement("select 1", b"no transaction"), {INVALID, MISSING, UNSERVED}),
    "a table of nobody": (wire.keys("Primary", "no_such_table"), {"OK", MISSING}),
    "a pattern that ends in its escape": (wire.tables(table="a\\"), {"OK", INVALID}),
    "a catalog that is not there": (wire.tables(catalog="no_such_catalog"), "OK"),
    "an SqlInfo code of nobody": (wire.sql_info(9_999_999), {"OK", MISSING, INVALID}),
}


@pytest.mark.parametrize(("command", "code"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown_commands(raw, command, code):
    assert raw.code("GetFlightInfo", wire.descriptor(command)) in ({code} if isinstance(code, str) else code)


ACTIONS = {
    "an unknown action": (wire.action("NoSuchAction"), UNSERVED),
    "an action without a name": (wire.action(""), UNSERVED),
    "an action in another case": (wire.action("createpreparedstatement"), UNSERVED),
    "a body that is no Any": (wire.action("CreatePreparedStatement", b"select 1"), INVALID),
    "a body of another action": (
        wire.action("CreatePreparedStatement", wire.packed("ActionClosePreparedStatementRequest", b"x")),
        INVALID,
    ),
    "an empty body": (wire.action("CreatePreparedStatement"), INVALID),
    "closing what never was": (
        wire.action("ClosePreparedStatement", wire.packed("ActionClosePreparedStatementRequest", b"x")),
        INVALID,
    ),
    "an end of no transaction": (
        wire.action("EndTransaction", wire.packed("ActionEndTransactionRequest", b"x", 1)),
        INVALID,
    ),
    "Substrait": (
        wire.action("CreatePreparedSubstraitPlan", wire.packed("ActionCreatePreparedSubstraitPlanRequest")),
        UNSERVED,
    ),
    "cancelling nothing": (wire.action("CancelFlightInfo", b"\xff"), INVALID),
    "renewing a forgery": (wire.action("RenewFlightEndpoint", wire.message(wire.message(wire.ticket(b"x")))), INVALID),
    "options that are none": (wire.action("SetSessionOptions", b"\x0a\x03abc"), INVALID),
}


@pytest.mark.parametrize(("action", "code"), ACTIONS.values(), ids=ACTIONS.keys())
def test_actions(raw, action, code):
    assert raw.code("DoAction", action) == code


# Tickets.


def test_forged_tickets(raw):
    ticket = wire.fields(ticket_of(raw, "select 1"))[1][0]
    flips = random.Random(1)
    forgeries = [
        b"",
        b"\x00",
        ticket[:-1],
        ticket[: len(ticket) // 2],
        ticket + b"x",
        b"x" + ticket,
        ticket[::-1],
        wire.packed("TicketStatementQuery", b"forged"),
        wire.packed("CommandStatementQuery", "select 1")[:-3],
        any_of(wire.SQL + "NoSuchTicket", b"x"),
    ]
    for _ in range(200):
        at, bit = flips.randrange(len(ticket)), 1 << flips.randrange(8)
        forgeries.append(ticket[:at] + bytes([ticket[at] ^ bit]) + ticket[at + 1 :])
    for forged in forgeries:
        # What is packed as a message of a type that is no ticket of this server is an unknown command.
        allowed = (INVALID, UNSERVED) if b"type.googleapis.com" in forged else (INVALID,)
        assert raw.code("DoGet", wire.ticket(forged)) in allowed, forged


def test_expired_tickets(start):
    server = start(config='[tickets]\nttl = "1s"\n')
    with server.raw() as raw:
        ticket = ticket_of(raw, "select 1")
        assert raw.code("DoGet", ticket) == "OK"

        def refusal():
            try:
                raw.call("DoGet", ticket)
            except Failure as failure:
                return failure

        failure = eventually(refusal, "the ticket expires")
        assert failure.code == MISSING
        assert "expired" in failure.message


def test_tickets_of_another_server(raw, start):
    with start().raw() as other:
        foreign = ticket_of(other, "select 1")
    assert raw.code("DoGet", foreign) == INVALID


def test_a_handle_is_no_ticket_and_a_ticket_no_handle(raw):
    request = wire.action("CreatePreparedStatement", wire.packed("ActionCreatePreparedStatementRequest", "select 1"))
    (answer,) = raw.call("DoAction", request)
    _, fields = wire.unpack(wire.fields(answer)[1][0])
    handle = fields[1][0]
    ticket = wire.fields(ticket_of(raw, "select 1"))[1][0]
    assert raw.code("DoGet", wire.ticket(handle)) == INVALID
    assert raw.code("GetFlightInfo", wire.descriptor(wire.prepared(ticket))) == INVALID


# Streams that upload.


PUTS = {
    "nothing at all": ([], INVALID),
    "no descriptor": ([wire.flight_data(header=b"x")], INVALID),
    "an unknown command": ([wire.flight_data(any_of(wire.SQL + "CommandGetWeather"))], UNSERVED),
    "a command that is no update": ([wire.flight_data(wire.catalogs())], INVALID),
    "a header that is no message": ([wire.flight_data(wire.prepared(b"x"), b"\xff" * 40, b"y")], INVALID),
    "an update of a mount": ([wire.flight_data(wire.update("delete from people"))], None),
    "an update that is a query": ([wire.flight_data(wire.update("select 1"))], INVALID),
    "a path": ([wire.field(1, wire.path_descriptor("people"))], None),
}


@pytest.mark.parametrize(("messages", "code"), PUTS.values(), ids=PUTS.keys())
def test_puts(raw, messages, code):
    ended = raw.code("DoPut", messages)
    assert ended == code if code else ended in (INVALID, UNSERVED, "PERMISSION_DENIED", "FAILED_PRECONDITION")


def test_an_update_is_answered_before_the_client_is_done(raw):
    """C++ and flightsql-dbapi read the answer before they half-close; to wait for the end would be to wait for ever."""
    requests = queue.Queue()
    requests.put(wire.flight_data(wire.update("reset schema")))
    call = raw.start("DoPut", iter(requests.get, None))
    assert next(call) is not None
    requests.put(None)
    assert list(call) == []


def test_broken_parameters(raw):
    request = wire.action("CreatePreparedStatement", wire.packed("ActionCreatePreparedStatementRequest", "select ?"))
    (answer,) = raw.call("DoAction", request)
    handle = wire.unpack(wire.fields(answer)[1][0])[1][1][0]
    noise = random.Random(7)
    for size in (0, 1, 8, 100, 1000):
        header = bytes(noise.randrange(256) for _ in range(size))
        code = raw.code("DoPut", [wire.flight_data(wire.prepared(handle), header, header)])
        assert code == INVALID if size else code in (INVALID, "OK")


# Sizes.


def test_oversized_messages(raw):
    huge = wire.descriptor(wire.statement("select 1 -- " + "x" * (65 << 20)))
    assert raw.code("GetFlightInfo", huge) in ("RESOURCE_EXHAUSTED", "OUT_OF_RANGE")
    assert raw.code("DoAction", wire.action("SetSessionOptions", b"\x0a" * (2 << 20))) in (INVALID, "RESOURCE_EXHAUSTED")


def test_long_sql(raw):
    below = "select 1 -- " + "x" * 900_000
    assert raw.code("GetFlightInfo", wire.descriptor(wire.statement(below))) == "OK"
    for text in ("select 1 -- " + "x" * (1 << 20), "select '" + "x" * (1 << 20) + "'", "(" * (1 << 20), "é" * (1 << 19)):
        with pytest.raises(Failure, match=r"query\.max_sql_bytes") as failure:
            raw.call("GetFlightInfo", wire.descriptor(wire.statement(text)))
        assert failure.value.code in (INVALID, "RESOURCE_EXHAUSTED")


DEPTH = 10_000

DEEP = {
    "parentheses": "select " + "(" * DEPTH + "1" + ")" * DEPTH,
    "parentheses that are not closed": "select " + "(" * DEPTH,
    "parentheses in from": "select * from " + "(" * DEPTH + "people" + ")" * DEPTH,
    "not": "select " + "not " * DEPTH + "true",
    "minus": "select " + "- " * DEPTH + "1",
    "case": "select " + "case when true then " * DEPTH + "1" + " end" * DEPTH,
    "subqueries": "select * from " + "(select * from " * DEPTH + "people" + ")" * DEPTH,
    "scalar subqueries": "select " + "(select " * DEPTH + "1" + ")" * DEPTH,
    "exists": "select 1 where " + "exists (select 1 where " * DEPTH + "true" + ")" * DEPTH,
    "functions": "select " + "abs(" * DEPTH + "1" + ")" * DEPTH,
    "casts": "select 1" + "::int" * DEPTH,
    "arrays": "select " + "[" * DEPTH + "1" + "]" * DEPTH,
    "array types": "select cast(null as " + "array<" * DEPTH + "int" + ">" * DEPTH + ")",
    "struct types": "select cast(null as " + "struct<a " * DEPTH + "int" + ">" * DEPTH + ")",
    "objects": "select " + "{'a': " * DEPTH + "1" + "}" * DEPTH,
    "array access": "select a" + "[1]" * DEPTH + " from (select [1] as a)",
    "common tables": "with " * DEPTH + "a as (select 1) select * from a",
    "joins in parentheses": "select * from " + "(people p join " * DEPTH + "people" + " using (id))" * DEPTH,
    "explain": "explain " * DEPTH + "select 1",
}


@pytest.mark.parametrize("sql", DEEP.values(), ids=DEEP.keys())
def test_deep_sql(raw, sql):
    for method, request in [
        ("GetFlightInfo", wire.descriptor(wire.statement(sql))),
        ("DoAction", wire.action("CreatePreparedStatement", wire.packed("ActionCreatePreparedStatementRequest", sql))),
    ]:
        with pytest.raises(Failure) as failure:
            raw.call(method, request)
        assert failure.value.code in (INVALID, "RESOURCE_EXHAUSTED"), failure.value


LONG = {
    "1+1+…": "select " + "1+" * DEPTH + "1 as v",
    "and": "select count(*) as v from people where " + " and ".join(["true"] * DEPTH),
    "or": "select count(*) as v from people where " + " or ".join(f"id = {n}" for n in range(DEPTH)),
    "concatenations": "select " + "||".join(["'x'"] * DEPTH) + " as v",
    "union all": " union all ".join(["select 1 as v"] * 5_000),
    "except": " except ".join(["select 1 as v"] * 5_000),
    "joins": "select count(*) as v from people p0 " + " ".join(f"cross join people p{n}" for n in range(1, 2_000)),
    "comparisons": "select " + " = ".join(["true"] * DEPTH) + " as v",
}


@pytest.mark.parametrize("sql", LONG.values(), ids=LONG.keys())
def test_long_chains(server, raw, sql):
    """Chains are as deep as nesting to a recursive planner; refusing them is fine, dying or planning for minutes is not."""
    answers = ("OK", INVALID, "RESOURCE_EXHAUSTED")
    with server.raw(raw.authorization, timeout=20) as hasty:
        code = hasty.code("GetFlightInfo", wire.descriptor(wire.statement(sql)))
        assert code in answers
        if code == "OK":
            assert hasty.code("DoGet", ticket_of(hasty, sql)) in answers


@pytest.mark.parametrize("sql", ["select " + ", ".join(f"{n} as c{n}" for n in range(2_000)),
                                 "select 1 where 1 in (" + ", ".join(map(str, range(DEPTH))) + ")",
                                 "values " + ", ".join(f"({n})" for n in range(5_000))])
def test_wide_sql(raw, sql):
    assert raw.code("DoGet", ticket_of(raw, sql)) == "OK"


def test_sql_that_is_none(raw):
    for sql in ("", ";", "select", "select 1; select 2", "select 'open", 'select "open', "/* open", "select \0", "\ufeff"):
        assert raw.code("GetFlightInfo", wire.descriptor(wire.statement(sql))) == INVALID, sql


def test_random_bytes(raw):
    noise = random.Random(42)
    for round_ in range(300):
        data = noise.randbytes(noise.randrange(200))
        method = noise.choice([*UNARY, "DoGet", "DoAction", "ListFlights"])
        command = noise.choice([data, wire.descriptor(data), wire.ticket(data), wire.action("CancelQuery", data)])
        code = raw.code(method, command)
        assert code != "UNAVAILABLE", (round_, method, command)
    for _ in range(30):
        assert raw.code("DoPut", [noise.randbytes(50), noise.randbytes(50)]) not in ("OK", "UNAVAILABLE")


def test_odd_headers(server):
    for header in [("authorization", basic(USER, PASSWORD)), ("x-odd", "a" * 4000), ("cookie", "arrow_flight_session_id=x"),
                   ("cookie", ";;;==;"), ("cookie", "arrow_flight_session_id=" + base64.b64encode(b"x" * 80).decode()),
                   ("cookie-bin", b"\xff"), ("grpc-timeout", "1n")]:
        with server.raw() as raw:
            try:
                code = raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1")), [header])
            except ValueError:
                continue
            assert code in ("OK", "INTERNAL", "UNAUTHENTICATED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED"), header

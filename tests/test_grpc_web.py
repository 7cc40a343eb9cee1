"""gRPC-web, which browsers speak, over plain HTTP/1.1 on the same port, and which pages may call."""

import http.client
import socket
import struct

import pyarrow as pa
import pytest

import wire
from godwit_server import PASSWORD, USER
from rawgrpc import SERVICE, basic

PAGE = "https://app.example.com"
PERMISSION_DENIED = 7
KIND = "application/grpc-web+proto"


class Answer:
    """What a browser sees of a call: the messages, and the trailers that stand in the body or in the headers."""

    def __init__(self, response):
        self.status, self.headers = response.status, {name.lower(): value for name, value in response.getheaders()}
        self.messages, self.trailers = [], dict(self.headers)
        body = response.read()
        while body:
            flag, size = struct.unpack(">BI", body[:5])
            part, body = body[5 : 5 + size], body[5 + size :]
            assert len(part) == size
            if flag & 0x80:
                lines = part.decode().split("\r\n")
                self.trailers.update(line.split(":", 1) for line in lines if line)
            else:
                self.messages.append(part)

    @property
    def code(self):
        return int(self.trailers["grpc-status"])


def framed(*messages):
    return b"".join(struct.pack(">BI", 0, len(message)) + message for message in messages)


def send(server, method, path, body=b"", headers=()):
    connection = http.client.HTTPConnection(server.address, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def call(server, method, *messages, authorization=None, headers=()):
    authorization = basic(USER, PASSWORD) if authorization is None else authorization
    sent = {"content-type": KIND, "x-grpc-web": "1", "authorization": authorization, **dict(headers)}
    return send(server, "POST", SERVICE + method, framed(*messages), sent)


def ticket_of(info):
    return wire.fields(wire.fields(info)[3][0])[1][0]


def decoded(messages):
    """The rows of a DoGet: its messages made into an IPC stream."""
    stream = b""
    for each in map(wire.fields, messages):
        header, body = each[2][0], each.get(1000, [b""])[0]
        header += b"\0" * (-len(header) % 8)
        stream += b"\xff\xff\xff\xff" + struct.pack("<i", len(header)) + header + body
    return pa.ipc.open_stream(stream).read_all()


def test_from_a_handshake_to_the_rows(server):
    login = call(server, "Handshake", b"")
    assert (login.status, login.code) == (200, 0)
    token = login.headers["authorization"]
    assert token.startswith("Bearer ")
    command = wire.descriptor(wire.statement("select id, name from people order by id"))
    info = call(server, "GetFlightInfo", command, authorization=token)
    assert info.code == 0
    rows = call(server, "DoGet", ticket_of(info.messages[0]), authorization=token)
    assert (rows.status, rows.code) == (200, 0)
    assert rows.headers["content-type"].startswith("application/grpc-web")
    assert decoded(rows.messages)["name"].to_pylist() == ["Ada", "Grace", "Étienne", None, "Zoë 🐦"]


def test_a_large_result(server):
    info = call(server, "GetFlightInfo", wire.descriptor(wire.statement("select n from numbers order by n")))
    rows = call(server, "DoGet", ticket_of(info.messages[0]))
    assert rows.code == 0
    assert len(rows.messages) > 1
    assert decoded(rows.messages)["n"].to_pylist() == list(range(100_000))


def test_a_session_by_its_token(server):
    token = call(server, "Handshake", b"").headers["authorization"]
    options = wire.action("SetSessionOptions", wire.session_options({"schema": "shop"}))
    assert call(server, "DoAction", options, authorization=token).code == 0
    listed = call(server, "DoAction", wire.action("GetSessionOptions"), authorization=token)
    assert b"shop" in listed.messages[0]


def test_an_update_in_one_message(server):
    update = wire.flight_data(wire.update("set batch_rows = 100"))
    token = call(server, "Handshake", b"").headers["authorization"]
    answer = call(server, "DoPut", update, authorization=token)
    assert answer.code == 0
    assert len(answer.messages) == 1


def test_the_wire_format_by_headers(server):
    command = wire.descriptor(wire.statement("select arrow_cast('a', 'Utf8View') as t"))
    headers = {"x-godwit-wire-profile": "native", "x-godwit-compression": "lz4"}
    info = call(server, "GetFlightInfo", command, headers=headers)
    rows = decoded(call(server, "DoGet", ticket_of(info.messages[0])).messages)
    assert rows.schema.field("t").type == pa.string_view()
    assert rows["t"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("method", "message", "authorization", "code"),
    [
        ("GetFlightInfo", wire.descriptor(wire.statement("selec")), None, 3),
        ("GetFlightInfo", wire.descriptor(wire.statement("select * from nobody")), None, 5),
        ("GetFlightInfo", b"\xff\xff", None, 3),
        ("GetFlightInfo", wire.descriptor(wire.statement("select 1")), basic(USER, "wrong"), 16),
        ("GetFlightInfo", wire.descriptor(wire.statement("select 1")), "", 16),
        ("Handshake", b"", basic(USER, "wrong"), 16),
        ("DoGet", wire.ticket(b"\x01forged"), None, 3),
        ("NoSuchMethod", b"", None, 12),
    ],
)
def test_errors_come_as_trailers(server, method, message, authorization, code):
    answer = call(server, method, message, authorization=authorization)
    assert answer.status == 200
    assert answer.code == code
    assert answer.messages == []
    assert "authorization" not in answer.headers


def test_an_error_after_rows_is_a_trailer(server):
    sql = "select 10 / (100000 - value) as v from generate_series(1, 100000)"
    info = call(server, "GetFlightInfo", wire.descriptor(wire.statement(sql)))
    rows = call(server, "DoGet", ticket_of(info.messages[0]))
    assert rows.status == 200
    assert rows.code == 3
    assert "grpc-status" not in rows.headers


def preflight(server, origin, wanted="authorization,content-type,x-grpc-web"):
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": wanted,
    }
    return send(server, "OPTIONS", SERVICE + "GetFlightInfo", headers=headers)


def words(answer, header):
    return {word.strip().lower() for word in answer.headers.get(header, "").split(",") if word.strip()}


def test_no_page_may_call_unless_it_is_listed(server):
    answer = preflight(server, PAGE)
    assert "access-control-allow-origin" not in answer.headers
    called = call(server, "Handshake", b"", headers={"origin": PAGE})
    assert "access-control-allow-origin" not in called.headers


@pytest.mark.parametrize("origin", [PAGE, "null", "http://{address}"])
def test_what_a_page_calls_all_the_same_is_not_done(server, origin):
    """A page whose name was made to point at this server is of no origin that was listed either."""
    origin = origin.format(address=server.address)
    token = call(server, "Handshake", b"").headers["authorization"]
    options = wire.action("SetSessionOptions", wire.session_options({"schema": "shop"}))
    called = call(server, "DoAction", options, authorization=token, headers={"origin": origin})
    assert called.code == PERMISSION_DENIED
    listed = call(server, "DoAction", wire.action("GetSessionOptions"), authorization=token)
    assert b"shop" not in listed.messages[0]


def test_listed_pages_may_call(start):
    server = start(config=f'[web]\nallowed_origins = ["http://localhost:5173", "{PAGE}"]\n')
    for origin in ("http://localhost:5173", PAGE):
        answer = preflight(server, origin)
        assert answer.status == 200, "without credentials, since browsers send none"
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "post" in words(answer, "access-control-allow-methods")
        assert words(answer, "access-control-allow-headers") >= {
            "authorization",
            "content-type",
            "x-grpc-web",
            "x-user-agent",
            "grpc-timeout",
            "x-godwit-wire-profile",
            "x-godwit-compression",
        }
        called = call(server, "Handshake", b"", headers={"origin": origin})
        assert called.headers["access-control-allow-origin"] == origin
        assert words(called, "access-control-expose-headers") == {
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "authorization",
        }
        assert "origin" in words(called, "vary")
    for origin in ("https://app.example.com.evil.example", "http://app.example.com", "null", "*"):
        assert "access-control-allow-origin" not in preflight(server, origin).headers


def test_any_page_may_call_without_cookies(start):
    server = start(env={"GODWIT_WEB_ALLOWED_ORIGINS": "*"})
    answer = preflight(server, PAGE)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert call(server, "GetFlightInfo", wire.descriptor(b"select 1"), authorization="").code == 16


@pytest.mark.parametrize("origins", ['["*", "https://a.example"]', '["https://a.example/"]', '["a.example"]', '[""]', '"x"'])
def test_wrong_origins_are_refused_at_the_start(start, origins):
    with pytest.raises(RuntimeError, match=r"web\.allowed_origins"):
        start(config=f"[web]\nallowed_origins = {origins}\n")


def test_it_can_be_turned_off(start):
    server = start(config="[web]\nenabled = false\n")
    with pytest.raises((http.client.HTTPException, OSError)):
        call(server, "Handshake", b"")
    with server.client() as client:
        assert client.value("select 1") == 1


HOSTILE = {
    "no gRPC at all": b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "another content type": b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n",
    "no method of gRPC": b"GET %s HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc-web\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n\r\n\r\n\r\n\r\n",
    "many headers": b"POST %s HTTP/1.1\r\nhost: a\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(5000)) + b"\r\n",
    "a long header": b"POST %s HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "two lengths": b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "both lengths": b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: x\r\n\r\nx",
}


@pytest.mark.parametrize("request_bytes", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_requests_are_refused(server, session_client, request_bytes):
    request_bytes = request_bytes.replace(b"%s", (SERVICE + "GetFlightInfo").encode())
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        try:
            connection.sendall(request_bytes)
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.split(b" ")[1][:1] == b"4", answer[:100]
    assert session_client.value("select 1") == 1


def test_a_message_above_the_limit_is_refused(start):
    server = start(config='[wire]\nmax_request_bytes = "64KiB"\n[query]\nmax_sql_bytes = "32KiB"\n')
    answer = call(server, "GetFlightInfo", b"x" * 100_000)
    assert answer.code == 8
    assert "wire.max_request_bytes" in answer.trailers["grpc-message"]


def test_a_frame_that_breaks_off(server):
    whole = framed(wire.descriptor(wire.statement("select 1")))
    headers = {"content-type": KIND, "authorization": basic(USER, PASSWORD)}
    answer = send(server, "POST", SERVICE + "GetFlightInfo", whole[:-3], headers)
    assert answer.code in (3, 13) and answer.messages == []

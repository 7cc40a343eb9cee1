"""COPY to and from S3: what goes there comes back, nothing else is reached, and what fails leaves nothing."""

import io
import json
import threading

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import wire
from godwit_server import Server, eventually
from rawgrpc import Failure
from services import FaultyProxy, free_port

MIB = 1 << 20
FORMATS = ["csv", "parquet", "json", "arrow"]
PREFIX = "copies/"
# Texts that do not compress, 96 characters each.
NOISE = "md5(cast(value as varchar)) || md5(cast(-value as varchar)) || md5(cast(value * 3 as varchar))"
LARGE = f"select value as n, {NOISE} as s from generate_series(1, 500000) g(value)"
ENDLESS = f"select value as n, {NOISE} as s from generate_series(1, 1000000000) g(value)"


def settings(s3, endpoint=None, allowed=""):
    return f'[copy]\nallowed = ["s3://{s3.bucket}/{PREFIX}"{allowed}]\n{s3.access(endpoint)}[memory]\nlimit = "128MiB"\n'


@pytest.fixture(scope="module")
def copying(tmp_path_factory, s3):
    """A server that may use one prefix, with little memory."""
    with Server(tmp_path_factory.mktemp("copying"), config=settings(s3, allowed=', "s3://no-such-bucket/"')) as running:
        yield running


@pytest.fixture
def user(copying):
    with copying.client() as client:
        client.run("create or replace table t (n bigint, s varchar, x double, d date)")
        client.run("insert into t values (1, 'one', 1.5, '2026-11-21'), (2, null, null, null), (3, 'a,\"b', -0.25, '1969-12-31')")
        client.run("create or replace table back (n bigint, s varchar, x double, d date)")
        yield client


def url(s3, name):
    return f"s3://{s3.bucket}/{PREFIX}{name}"


def object_of(s3, name):
    return s3.request("GET", f"/{s3.bucket}/{PREFIX}{name}")


def fails(server, sql):
    """The code and message of a statement that fails."""
    with server.client() as client, server.raw(client.headers[0][1].decode()) as raw, pytest.raises(Failure) as failed:
        raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
    assert failed.value.code not in ("INTERNAL", "UNKNOWN"), failed.value.message
    return failed.value.code, failed.value.message


def nothing_left(s3, name):
    """Neither an object nor a part of one."""
    eventually(lambda: not s3.uploads(PREFIX + name), "the upload is taken back")
    return not s3.keys(PREFIX + name)


def read(name, body):
    """What another library makes of an object."""
    if name.endswith("csv"):
        return pyarrow.csv.read_csv(io.BytesIO(body)).to_pylist()
    if name.endswith("parquet"):
        return pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
    if name.endswith("arrow"):
        return pa.ipc.open_file(body).read_all().to_pylist()
    return [json.loads(line) for line in body.splitlines()]


# There and back.


@pytest.mark.parametrize("form", FORMATS)
def test_a_round_trip(user, s3, form):
    name = f"trip/k=1/t.{form}"
    sql = f"copy (select * from t order by n) to '{url(s3, name)}'"
    assert user.run(sql) == 3
    rows = read(name, object_of(s3, name))
    assert [row["n"] for row in rows] == [1, 2, 3] and rows[2]["s"] == 'a,"b' and rows[1].get("x") is None
    assert user.run(f"copy back from '{url(s3, name)}'") == 3
    assert user.rows("select * from back order by n") == user.rows("select * from t order by n")
    assert user.run(f"copy (select * from t where n = 3) to '{url(s3, name)}'") == 1, "a whole object is replaced"
    assert [row["n"] for row in read(name, object_of(s3, name))] == [3]
    assert user.run(f"copy back from '{url(s3, name)}'") == 1
    assert user.rows("select count(*), sum(n) from back") == [(4, 9)]


def test_options_and_names(user, s3):
    with_options = "with (format csv, delimiter '|', header false)"
    assert user.run(f"copy (select n, s from t order by n) to '{url(s3, 'odd name~%20')}' {with_options}") == 3
    assert object_of(s3, "odd%20name~%2520") == b'1|one\n2|\n3|"a,""b"\n'
    assert user.run(f"copy back (n, s) from '{url(s3, 'odd name~%20')}' {with_options}") == 3
    assert user.run(f"copy (select n from t where false) to '{url(s3, 'none.csv')}'") == 0
    assert object_of(s3, "none.csv") == b"n\n"
    assert user.run(f"copy (select n from t where false) to '{url(s3, 'none.json')}'") == 0
    assert object_of(s3, "none.json") == b""


@pytest.mark.parametrize("form", FORMATS)
def test_many_times_the_memory(copying, user, s3, form):
    """In parts on the way there, in pieces on the way back."""
    name = f"large.{form}"
    user.run("create or replace table large (n bigint, s varchar)")
    before, most, done = copying.memory(), 0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.02):
            most = max(most, copying.memory())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        assert user.run(f"copy ({LARGE}) to '{url(s3, name)}'") == 500_000
        size = len(object_of(s3, name))
        assert user.run(f"copy large from '{url(s3, name)}'") == 500_000
    finally:
        done.set()
        watching.join()
    assert size > 40 * MIB
    assert most - before < 300 * MIB, f"{(most - before) // MIB} MiB"
    assert user.rows("select count(*), sum(n) from large") == [(500_000, 125_000_250_000)]
    # Not by count(distinct), which does not spill.
    assert user.rows("select count(*) from (select distinct s from large)") == [(500_000,)]
    assert not s3.uploads(PREFIX)


# What is not allowed.


@pytest.mark.parametrize("place", [
    "s3://lakes/secret.csv",
    "s3://lakes/copies-of-others/secret.csv",
    "s3://lakes/copies/../secret.csv",
    "s3://lakes/copies/x/../../secret.csv",
    "s3://lakes/copies/%2e%2e/secret.csv",
    "s3://lakes/copies/%252e%252e/secret.csv",
    "s3://lakes/copies/..%2fsecret.csv",
    "s3://lakes/copies//../secret.csv",
    "s3://lakes/copies/..\\secret.csv",
    "s3://lakes/copies/./secret.csv",
    "s3://lakes//secret.csv",
    "s3://lakes/copies/../../lakes/secret.csv",
    "s3://lakes/secret.csv?x=/copies/",
    "s3://lakes/copies/",
    "s3://lakes/copies",
    "s3://others/copies/secret.csv",
    "s3://{host}/lakes/copies/secret.csv",
    "s3://lakes@{host}/copies/secret.csv",
    "http://{host}/lakes/copies/secret.csv",
    "https://{host}/lakes/copies/secret.csv",
    "gs://lakes/copies/secret.csv",
    "ftp://{host}/secret.csv",
    "file:///etc/passwd",
    "S3://lakes/copies/secret.csv",
    "/etc/passwd",
    "lakes/copies/secret.csv",
])
def test_no_way_out(copying, user, s3, place):
    for name in ("secret.csv", f"{PREFIX}secret.csv", "copies-of-others/secret.csv"):
        s3.request("PUT", f"/{s3.bucket}/{name}", b"n\n42\n")
    place = place.replace("{host}", s3.endpoint.removeprefix("http://"))
    before = sorted(s3.keys())
    for sql in (f"copy t to '{place}' with (format csv)", f"copy back (n) from '{place}' with (format csv)",
                f'select * from "__file"."h,csv"."{place}"'):
        code, message = fails(copying, sql)
        assert code in ("PERMISSION_DENIED", "INVALID_ARGUMENT"), message
        assert "copy.allowed" in message or "s3://" in message, message
    assert sorted(s3.keys()) == before
    assert user.value("select count(*) from back") == 0


# What goes wrong.


def test_what_is_not_there(copying, user, s3):
    code, message = fails(copying, f"copy back from '{url(s3, 'none-such.csv')}'")
    assert code == "NOT_FOUND" and "none-such.csv" in message
    for sql in ("copy t to 's3://no-such-bucket/x.csv'", "copy back from 's3://no-such-bucket/x.csv'",
                f"copy ({LARGE}) to 's3://no-such-bucket/x.csv'"):
        code, message = fails(copying, sql)
        assert code == "NOT_FOUND" and "no-such-bucket" in message, message
    assert user.value("select 1") == 1


@pytest.mark.parametrize("form", FORMATS)
def test_rubbish(copying, user, s3, form):
    body = b"\x08\x00\x00\x00rubbish!" if form != "csv" else b"n,s,x,d\n1,a,notanumber,b\n"
    s3.request("PUT", f"/{s3.bucket}/{PREFIX}rubbish.{form}", body)
    code, message = fails(copying, f"copy back from '{url(s3, f'rubbish.{form}')}'")
    assert code in ("DATA_LOSS", "INVALID_ARGUMENT", "FAILED_PRECONDITION"), (code, message)
    assert user.value("select count(*) from back") == 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_query_that_fails_leaves_what_was_there(copying, user, s3, form):
    name = f"kept.{form}"
    assert user.run(f"copy t to '{url(s3, name)}'") == 3
    before = object_of(s3, name)
    failing = f"select 1 / (value - 450000) as z, {NOISE} as s from generate_series(1, 500000) g(value)"
    assert fails(copying, f"copy ({failing}) to '{url(s3, name)}'")[0] == "INVALID_ARGUMENT"
    assert object_of(s3, name) == before
    eventually(lambda: not s3.uploads(PREFIX + name), "the upload is taken back")


@pytest.mark.parametrize("form", FORMATS)
def test_a_cancelled_copy_leaves_nothing(copying, user, s3, form):
    name = f"cancelled.{form}"
    raw = copying.raw(user.headers[0][1].decode())
    ended = []

    def copy():
        try:
            raw.call("GetFlightInfo", wire.descriptor(wire.statement(f"copy ({ENDLESS}) to '{url(s3, name)}'")))
            ended.append("done")
        except (Failure, ValueError) as error:
            ended.append(error)

    thread = threading.Thread(target=copy)
    thread.start()
    eventually(lambda: s3.uploads(PREFIX + name), "parts are on their way")
    raw.channel.close()
    thread.join()
    assert ended != ["done"]
    assert nothing_left(s3, name)
    eventually(lambda: user.value("select count(*) from system.queries where ended is null") == 1, "nothing of it runs")


@pytest.mark.parametrize("status, code", [(403, "PERMISSION_DENIED"), (400, "UNAVAILABLE")])
def test_a_service_that_refuses(start, s3, status, code):
    """First every request, then those for a part, then the last one."""
    with FaultyProxy(s3.endpoint) as proxy:
        server = start(config=settings(s3, proxy.endpoint))
        with server.client() as client:
            client.run("create table back (n bigint, s varchar)")
            assert client.run(f"copy ({LARGE}) to '{url(s3, 'there.csv')}'") == 500_000
            faults = [
                lambda method, path: status if "refused" in path else None,
                lambda method, path: status if method == "PUT" and "partNumber=2" in path else None,
                lambda method, path: status if method == "POST" and "uploadId=" in path else None,
            ]
            for fault in faults:
                proxy.fault = fault
                found, message = fails(server, f"copy ({LARGE}) to '{url(s3, 'refused.csv')}'")
                assert (found, "refused.csv" in message) == (code, True), message
                assert s3.secret not in message
                proxy.fault = lambda *_: None
                if fault is not faults[0]:
                    assert nothing_left(s3, "refused.csv")
            # While it is looked into, and while it is read.
            seen = []
            for after in (0, 3):
                seen.clear()
                proxy.fault = lambda method, path: status if method == "GET" and (seen.append(path) or len(seen) > after) else None
                found, message = fails(server, f"copy back from '{url(s3, 'there.csv')}'")
                assert (found, "there.csv" in message) == (code, True), message
            proxy.fault = lambda *_: None
            assert client.value("select count(*) from back") == 0
            assert client.run(f"copy back from '{url(s3, 'there.csv')}'") == 500_000
        assert s3.secret not in server.log()


def test_a_service_that_goes(start, s3):
    """In the middle of an upload; the next one, when it is back, works."""
    with FaultyProxy(s3.endpoint) as proxy:
        server = start(config=settings(s3, proxy.endpoint))
        with server.client() as client:
            proxy.fault = lambda method, path: 503 if method == "PUT" and "partNumber=2" in path else None
            code, message = fails(server, f"copy ({LARGE}) to '{url(s3, 'gone.csv')}'")
            assert code == "UNAVAILABLE" and "gone.csv" in message, message
            proxy.fault = lambda *_: None
            assert nothing_left(s3, "gone.csv")
            assert client.run(f"copy ({LARGE}) to '{url(s3, 'gone.csv')}'") == 500_000


def test_a_service_that_is_not_there(start, s3):
    server = start(config=settings(s3, f"http://127.0.0.1:{free_port()}"))
    code, message = fails(server, f"copy (select 1 as a) to '{url(s3, 'gone.csv')}'")
    assert code == "UNAVAILABLE" and "gone.csv" in message, message
    with server.client() as client:
        assert client.value("select 1") == 1


def test_an_object_that_is_replaced_while_it_is_read(start, s3):
    """A table is of one object, or of none."""
    with FaultyProxy(s3.endpoint) as proxy:
        server = start(config=settings(s3, proxy.endpoint))
        with server.client() as client:
            client.run("create table back (n bigint, s varchar)")
            assert client.run(f"copy ({LARGE}) to '{url(s3, 'moving.csv')}'") == 500_000
            seen = []

            def replace(method, path):
                if method == "GET" and "moving" in path:
                    seen.append(path)
                    if len(seen) == 4:
                        s3.request("PUT", f"/{s3.bucket}/{PREFIX}moving.csv", b"n,s\n" + b"1,other\n" * 10_000_000)

            proxy.fault = replace
            code, message = fails(server, f"copy back from '{url(s3, 'moving.csv')}'")
            assert code == "INVALID_ARGUMENT" and "replaced" in message, (code, message)
            assert client.value("select count(*) from back") == 0


def test_keys_from_the_environment(start, s3):
    """The secret need not be in the file; and it is never told."""
    lines = [line for line in settings(s3).splitlines() if "s3_secret" not in line]
    server = start(config="\n".join(lines), env={"GODWIT_COPY_S3_SECRET_ACCESS_KEY": s3.secret})
    with server.client() as client:
        assert client.run(f"copy (select 1 as a) to '{url(s3, 'environment.csv')}'") == 1
    assert object_of(s3, "environment.csv") == b"a\n1\n"
    assert s3.secret not in server.log()

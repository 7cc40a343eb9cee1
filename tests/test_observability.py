"""Health, metrics and reflection, as those see them who run the server."""

import contextlib
import http.client
import json
import pathlib
import re
import signal
import socket
import urllib.parse

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import rawgrpc
from godwit_server import PASSWORD, USER, eventually, run

ROOT = pathlib.Path(__file__).parent.parent
HTTP = ("--http-listen", "127.0.0.1:0")
FLIGHT = "arrow.flight.protocol.FlightService"
SERVING, NOT_SERVING = (health_pb2.HealthCheckResponse.ServingStatus.Value(name) for name in ("SERVING", "NOT_SERVING"))


def get(server, path, method="GET"):
    """Status, headers and text of an answer on the HTTP port."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.http).netloc, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def scrape(server):
    """{(sample, labels): value} of the page, as a scraper reads it."""
    status, headers, text = get(server, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))), 0)


def documented():
    """{name: kind} of docs/metrics.md."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))


@pytest.fixture(scope="module")
def watched(tmp_path_factory, data):
    """A server with an HTTP port that the tests below only read from."""
    from godwit_server import Server

    with Server(tmp_path_factory.mktemp("watched"), mounts={"people": data.mounts["people"]}, args=HTTP) as server:
        yield server


@pytest.fixture
def channel(watched):
    with grpc.insecure_channel(watched.address) as channel:
        yield channel


# The HTTP port.


def test_there_is_no_such_port_unless_asked_for(server):
    assert server.http is None


def test_alive_and_ready(watched):
    assert get(watched, "/livez")[::2] == (200, "alive\n")
    assert get(watched, "/readyz")[::2] == (200, "ready\n")
    status, headers, text = get(watched, "/readyz", "HEAD")
    assert (status, headers["content-length"], text) == (200, "6", "")


def test_other_paths_and_methods(watched):
    assert get(watched, "/")[0] == 404
    assert get(watched, "/metrics/")[0] == 404
    status, headers, _ = get(watched, "/readyz", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_nonsense_does_not_hurt(watched):
    address = urllib.parse.urlsplit(watched.http)
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET /" + b"x" * 100_000, b"\r\n" * 10, b""):
        with socket.create_connection((address.hostname, address.port), 30) as connection:
            # The server may have had enough before all is sent.
            with contextlib.suppress(OSError):
                connection.sendall(nonsense)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
    assert get(watched, "/livez")[0] == 200


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        refused = run("serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "data", "--http-listen", address)
    assert refused.returncode == 74
    assert f"cannot listen on {address}" in refused.stderr


# Metrics.


def test_every_metric_is_documented_and_there(watched):
    with watched.client() as client:
        client.query("select count(*) from people")
    text = get(watched, "/metrics")[2]
    kinds = {}
    for family in text_string_to_metric_families(text):
        endings = {"counter": "_total", "info": "_info"}
        kinds[family.name + endings.get(family.type, "")] = family.type
    assert kinds == documented()


def test_calls_and_statements_are_counted(watched):
    before = scrape(watched)
    with watched.client() as client:
        assert client.query("select a.value as v from generate_series(1, 1000) a").num_rows == 1000
        with pytest.raises(Exception, match="no_such_table"):
            client.query("select * from no_such_table")
    after = scrape(watched)

    def grown(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("godwit_calls_total", method="DoGet", code="OK") == 1
    assert grown("godwit_calls_total", method="GetFlightInfo", code="OK") == 1
    assert grown("godwit_calls_total", method="GetFlightInfo", code="NOT_FOUND") == 1
    assert grown("godwit_call_duration_seconds_count", method="DoGet") == 1
    assert grown("godwit_call_duration_seconds_bucket", method="DoGet", le="+Inf") == 1
    assert grown("godwit_statements_total", kind="query", outcome="finished") == 1
    assert grown("godwit_statement_rows_total", kind="query") == 1000
    assert grown("godwit_statement_rows_bytes_total", kind="query") >= 8000
    assert grown("godwit_statement_duration_seconds_count", kind="query") == 1
    assert grown("godwit_statement_phase_duration_seconds_count", phase="executing") >= 1
    assert grown("godwit_sent_bytes_total") >= 8000
    assert grown("godwit_received_bytes_total") > 0
    assert grown("godwit_connections_accepted_total") >= 1
    assert grown("godwit_plan_cache_lookups_total", outcome="hit") == 1
    assert value(after, "godwit_memory_limit_bytes") > 0
    assert value(after, "godwit_ready") == value(after, "godwit_lake_up") == 1


def test_who_gets_in_is_counted(watched):
    before = scrape(watched)
    with watched.raw(rawgrpc.basic(USER, PASSWORD)) as raw:
        raw.call("ListActions")
    with watched.raw(rawgrpc.basic(USER, "a wrong one")) as raw, pytest.raises(rawgrpc.Failure):
        raw.call("ListActions")
    after = scrape(watched)
    for outcome in ("ok", "unauthenticated"):
        labels = {"proof": "basic", "outcome": outcome}
        name = "godwit_authentications_total"
        assert value(after, name, **labels) - value(before, name, **labels) == 1
    name, labels = "godwit_calls_total", {"method": "ListActions", "code": "UNAUTHENTICATED"}
    assert value(after, name, **labels) - value(before, name, **labels) == 1


def test_connections_come_and_go(watched):
    before = value(scrape(watched), "godwit_connections")
    with watched.client() as client:
        client.query("select 1")
        assert value(scrape(watched), "godwit_connections") >= before + 1
    eventually(lambda: value(scrape(watched), "godwit_connections") <= before, "the connection is closed")


def test_commits_and_conflicts_are_counted(watched):
    outcomes = ("committed", "conflict")

    def commits():
        samples = scrape(watched)
        return [value(samples, "godwit_lake_commits_total", outcome=outcome) for outcome in outcomes]

    before = commits()
    with watched.client() as one, watched.client() as other:
        one.query("create table counted (n integer)")
        one.query("insert into counted values (1)")
        for client in (one, other):
            client.query("begin")
            client.query("update counted set n = n + 1")
        one.query("commit")
        with pytest.raises(Exception, match="(?i)conflict|another|changed"):
            other.query("commit")
        one.query("drop table counted")
    committed, conflicts = (now - then for now, then in zip(commits(), before))
    assert (committed, conflicts) == (4, 1)


def test_the_process_is_measured(watched):
    samples = scrape(watched)
    assert value(samples, "process_resident_memory_bytes") == pytest.approx(watched.memory(), rel=0.5)
    assert value(samples, "process_open_fds") > 3
    assert value(samples, "process_threads") > 2
    assert 0 <= watched.cpu_seconds() - value(samples, "process_cpu_seconds_total") < 5
    assert any(name == "godwit_build_info" for name, _ in samples)


def test_metrics_tell_nobodys_secrets(watched):
    with watched.client() as client:
        client.query("select 'hush-4711' as confidential_column from people limit 1")
        client.query("create table hidden_name (n integer)")
        client.query("drop table hidden_name")
        text = get(watched, "/metrics")[2]
    for secret in ("4711", "confidential", "people", "hidden_name", USER, PASSWORD):
        assert secret not in text, secret


WATCHERS = [*(ROOT / "docker" / "grafana" / "dashboards").glob("*.json"), *(ROOT / "docker").glob("alerts.yaml")]


@pytest.mark.parametrize("path", WATCHERS, ids=lambda path: path.name)
def test_dashboards_use_names_that_there_are(path):
    if path.suffix == ".json":
        board = json.loads(path.read_text(encoding="utf-8"))
        expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
        expressions += [entry["query"]["query"] for entry in board["templating"]["list"]]
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
    else:
        expressions = re.findall(r"^\s*expr: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert expressions
    names = set(documented())
    for name, kind in documented().items():
        if kind == "histogram":
            names |= {f"{name}_{ending}" for ending in ("bucket", "sum", "count")}
    used = {name for text in expressions for name in re.findall(r"\b(?:godwit|process)_\w+", text)}
    assert used <= names, used - names
    if path.suffix == ".json":
        families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in used}
        assert set(documented()) <= families, set(documented()) - families


# gRPC health and reflection.


def test_health_asks_for_no_credentials(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", FLIGHT, "grpc.health.v1.Health"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status == SERVING
    with pytest.raises(grpc.RpcError) as refused:
        stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=30)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_of_an_unknown_service_is_watched(channel):
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=30)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def ask(channel, authorization=None, **request):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    metadata = [("authorization", authorization)] if authorization else []
    requests = iter([reflection_pb2.ServerReflectionRequest(**request)])
    return next(stub.ServerReflectionInfo(requests, metadata=metadata, timeout=30))


def test_reflection_needs_credentials(channel):
    with pytest.raises(grpc.RpcError) as refused:
        ask(channel, list_services="")
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    answer = ask(channel, rawgrpc.basic(USER, PASSWORD), list_services="")
    services = {service.name for service in answer.list_services_response.service}
    assert {FLIGHT, "grpc.health.v1.Health"} <= services


def test_the_service_describes_itself(channel):
    from google.protobuf import descriptor_pb2

    answer = ask(channel, rawgrpc.basic(USER, PASSWORD), file_containing_symbol=FLIGHT)
    (file,) = map(descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
    (service,) = file.service
    assert {method.name for method in service.method} == set(rawgrpc.SHAPES)
    for method in service.method:
        shape = "_".join("stream" if streams else "unary" for streams in (method.client_streaming, method.server_streaming))
        assert rawgrpc.SHAPES[method.name] == shape
    with pytest.raises(grpc.RpcError) as unknown:
        ask(channel, rawgrpc.basic(USER, PASSWORD), file_containing_symbol="no.such.Symbol")
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_for_anybody_and_for_nobody(start):
    with grpc.insecure_channel(start(config='[grpc]\nreflection = "anybody"\n').address) as channel:
        assert ask(channel, list_services="").list_services_response.service
    with grpc.insecure_channel(start(config='[grpc]\nreflection = "nobody"\n').address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            ask(channel, rawgrpc.basic(USER, PASSWORD), list_services="")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


# The end.


def test_notice_is_given_before_the_end(start):
    server = start(args=HTTP, config='[shutdown]\nnotice = "1h"\n')
    with server.client() as client, grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=FLIGHT), timeout=60)
        assert next(watch).status == SERVING
        server.process.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        assert get(server, "/readyz")[::2] == (503, "stopping\n")
        assert get(server, "/livez")[0] == 200
        assert value(scrape(server), "godwit_ready") == 0
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=30).status == NOT_SERVING
        # Whoever has not heard of it yet is still served.
        assert client.query("select 41 + 1 as n").column("n").to_pylist() == [42]
    assert server.stop(signal.SIGTERM) == 0


def test_who_watches_does_not_hold_up_the_end(start):
    server = start(args=HTTP)
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == SERVING
        # Well before the grace of 10 seconds.
        assert server.stop(limit=8) == 0
        assert [answer.status for answer in watch] in ([], [NOT_SERVING])


def test_the_service_manager_is_told(start, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        server = start(env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1\n"
        assert server.stop() == 0
        assert manager.recv(100) == b"STOPPING=1\n"

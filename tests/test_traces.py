"""Traces, as a collector gets them: OTLP over gRPC."""

import concurrent.futures
import re
import threading

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from pyarrow import flight

import certificates
import rawgrpc
from godwit_server import PASSWORD, USER, eventually

SQL = "select a.value as hush_4711 from generate_series(1, 1000) a where a.value <> 8412097531"
JOIN = (
    "select a.value % 10 as ten, count(*) from generate_series(1, 600) a join generate_series(101, 1000) b"
    " on a.value = b.value where a.value <> 4711 group by 1"
)


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans and keeps them."""

    def __init__(self, credentials=None):
        self.lock = threading.Lock()
        self.batches = []
        self.headers = []
        self.open = threading.Event()
        self.open.set()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        if credentials is None:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.server.start()

    def Export(self, request, context):
        self.open.wait(30)
        with self.lock:
            self.headers.append(dict(context.invocation_metadata()))
            self.batches.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self, trace=None):
        """All spans, or those of a trace."""
        with self.lock:
            resources = [resource for batch in self.batches for resource in batch.resource_spans]
        spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
        return [span for span in spans if trace in (None, span.trace_id.hex())]

    @property
    def config(self):
        return f'[telemetry]\notlp_endpoint = "http://127.0.0.1:{self.port}"\n'


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.server.stop(None)


def attributes(span):
    return {entry.key: entry.value.string_value or entry.value.int_value for entry in span.attributes}


def command(sql):
    """What GetFlightInfo is sent for a statement: plain text is taken for SQL."""
    return flight.FlightDescriptor.for_command(sql.encode()).serialize()


def run_query(server, sql, headers=()):
    """One query in two calls, each with these headers."""
    with server.raw() as raw:
        (answer,) = raw.call("GetFlightInfo", command(sql), headers)
        info = flight.FlightInfo.deserialize(answer)
        return raw.call("DoGet", info.endpoints[0].ticket.serialize(), headers)


def traceparent(trace, span="00f067aa0ba902b7", sampled=True):
    return [("traceparent", f"00-{trace}-{span}-{'01' if sampled else '00'}")]


def test_a_query_is_traced_from_its_client_on(start, collector):
    server = start(config=collector.config + '[log]\nfilter = "error"\n')
    trace, client = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    run_query(server, SQL, traceparent(trace, client))
    wanted = {"GetFlightInfo", "DoGet", "plan", "execute", "send"}
    eventually(lambda: wanted <= names(collector.spans(trace)), "all spans have come")
    spans = {span.name: span for span in collector.spans(trace)}
    calls = {spans[name].span_id: spans[name] for name in ("GetFlightInfo", "DoGet")}
    for call in calls.values():
        assert call.parent_span_id.hex() == client
        assert call.kind == trace_pb2.Span.SPAN_KIND_SERVER
        assert attributes(call)["rpc.system"] == "grpc"
        assert attributes(call)["rpc.grpc.status_code"] == 0
    assert spans["plan"].parent_span_id == spans["GetFlightInfo"].span_id
    for name in ("execute", "send"):
        assert spans[name].parent_span_id == spans["DoGet"].span_id
    ids = {attributes(spans[name])["query_id"] for name in ("plan", "execute", "send")}
    assert len(ids) == 1
    for name in ("plan", "execute", "send"):
        span = spans[name]
        parent = calls[span.parent_span_id]
        assert parent.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
    resource = collector.batches[0].resource_spans[0].resource
    named = {entry.key: entry.value.string_value for entry in resource.attributes}
    assert named["service.name"] == "godwit"


def operators(spans, run):
    """The spans below this one; each is below one that is in the list before it."""
    found = [run]
    for above in found:
        found += [span for span in spans if span.parent_span_id == above.span_id]
    return found[1:]


def names(spans):
    return {span.name for span in spans}


def traced_run(collector, trace, *others):
    """The span of the run of a statement and all that belong to its trace, once it and these have come."""

    def come():
        spans = collector.spans(trace)
        return {"execute", *others} <= names(spans) and spans

    spans = eventually(come, "the run is traced")
    (run,) = [span for span in spans if span.name == "execute"]
    return run, spans


def test_operators_are_below_their_run(start, collector):
    server = start(config=collector.config)
    run_query(server, JOIN, traceparent("5" * 32))
    run, spans = traced_run(collector, "5" * 32, "DoGet")
    assert attributes(run)["rows"] == 10 and attributes(run)["bytes"] > 0
    below = operators(spans, run)
    assert {"HashJoinExec", "AggregateExec", "LazyMemoryExec"} <= names(below)
    rows = {(span.name, attributes(span).get("datafusion.metrics.output_rows")) for span in below}
    assert {("HashJoinExec", "500"), ("AggregateExec", "10")} <= rows, rows
    assert any(attributes(span).get("datafusion.metrics.elapsed_compute") for span in below)
    for span in below:
        assert run.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert not {"datafusion.node", "datafusion.partitioning", "datafusion.preview"} & set(attributes(span))


def test_changes_are_traced_to_their_operators(start, collector):
    server = start(config=collector.config)
    trace = "6" * 32
    with server.client() as client:
        client.run("create table traced (n bigint)")
        client.headers += [(key.encode(), value.encode()) for key, value in traceparent(trace)]
        assert client.run("insert into traced select value from generate_series(1, 70) where value % 7 = 0") == 10
    run, spans = traced_run(collector, trace, "DoPut")
    assert attributes(run)["rows"] == 10
    (call,) = [span for span in spans if span.name == "DoPut"]
    assert run.parent_span_id == call.span_id
    assert "LazyMemoryExec" in names(operators(spans, run))


def test_a_result_that_is_polled_is_traced(start, collector):
    server = start(config=collector.config)
    trace = "7" * 32
    with server.raw() as raw:
        raw.call("PollFlightInfo", command(JOIN), traceparent(trace))
    run, spans = traced_run(collector, trace, "PollFlightInfo", "keep")
    (keep,) = [span for span in spans if span.name == "keep"]
    assert run.parent_span_id == keep.span_id
    assert "HashJoinExec" in names(operators(spans, run))


def test_plans_look_as_they_do_untraced(start, collector):
    def shown(config):
        server = start(config=config + '[history]\nplan_after = "1ms"\n')
        run_query(server, JOIN)
        with server.client() as client:
            (row,) = client.rows("select plan, peak_memory_bytes > 0 from system.queries where sql like 'select a.value%' and kind = 'query'")
            explained = client.rows(f"explain {JOIN}")
            analyzed = str(client.rows(f"explain analyze {JOIN}"))
        return re.findall(r"\w+Exec\b", row[0]), row[1], explained, re.findall(r"\w+Exec\b", analyzed), "output_rows=500" in analyzed

    plain, traced = shown(""), shown(collector.config)
    assert plain == traced and plain[4]
    assert eventually(lambda: collector.spans(), "it was traced")


def test_spans_tell_nobodys_secrets(start, collector):
    server = start(config=collector.config)
    run_query(server, SQL)
    run_query(server, JOIN)
    with server.raw() as raw, pytest.raises(rawgrpc.Failure):
        raw.call("GetFlightInfo", command("select hush_4711 from hush_4711"))
    assert server.stop() == 0
    sent = b"".join(batch.SerializeToString() for batch in collector.batches)
    assert b"GetFlightInfo" in sent and b"HashJoinExec" in sent
    for secret in (b"4711", b"8412097531", b"value", b"generate_series", USER.encode(), PASSWORD.encode()):
        assert secret not in sent, secret
    codes = {attributes(span).get("rpc.grpc.status_code") for span in collector.spans() if span.name == "GetFlightInfo"}
    assert codes == {0, 5}


def test_the_client_decides_whether_it_is_traced(start, collector):
    server = start(config=collector.config)
    unwanted, wanted = "1" * 32, "2" * 32
    run_query(server, SQL, traceparent(unwanted, sampled=False))
    run_query(server, SQL, traceparent(wanted))
    run_query(server, SQL, [("traceparent", "no such thing")])
    assert server.stop() == 0
    assert {"execute", "ProjectionExec"} <= names(collector.spans(wanted))
    assert not collector.spans(unwanted)
    # A header that says nothing is none: such calls are traced for themselves.
    assert {span.trace_id.hex() for span in collector.spans()} - {wanted}


def test_of_the_others_few_may_be_traced(start, collector):
    server = start(config=collector.config + "sample_one_in = 1000000\n")
    with server.raw() as raw:
        for _ in range(20):
            raw.call("ListActions")
    wanted = "3" * 32
    run_query(server, SQL, traceparent(wanted))
    assert server.stop() == 0
    assert collector.spans(wanted)
    assert len({span.trace_id for span in collector.spans()}) < 5


def test_a_collector_that_is_away_hurts_nobody(start, collector):
    collector.server.stop(None).wait()
    server = start(config=collector.config)
    for _ in range(3):
        assert run_query(server, SQL)
    assert server.stop(limit=20) == 0


def test_spans_that_nobody_takes_are_bounded(start, collector):
    collector.open.clear()
    server = start(config=collector.config + "max_queued_spans = 16\n")
    for _ in range(20):
        assert run_query(server, JOIN)
    collector.open.set()
    assert server.stop() == 0
    # What was under way, and what waited; a query alone has more than ten.
    assert 0 < len(collector.spans()) <= 64


def test_a_collector_with_a_certificate(start, tmp_path):
    authority = certificates.Authority(tmp_path)
    issued = authority.server("collector")
    collector = Collector(grpc.ssl_server_credentials([(issued.key, issued.cert)]))
    try:
        config = f'[telemetry]\notlp_endpoint = "https://127.0.0.1:{collector.port}"\notlp_ca_file = "{authority.file}"\n'
        server = start(config=config)
        run_query(server, SQL)
        eventually(lambda: collector.spans(), "spans come")
    finally:
        collector.server.stop(None)


def test_a_collector_that_asks_for_a_key(start, collector):
    server = start(config=collector.config, env={"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=hush 4711"})
    run_query(server, SQL)
    eventually(lambda: collector.spans(), "spans come")
    assert collector.headers[0]["x-api-key"] == "hush 4711"
    assert "hush 4711" not in server.log()


def test_nothing_is_traced_unless_asked_for(start, collector):
    server = start()
    run_query(server, SQL, traceparent("4" * 32))
    assert server.stop() == 0
    assert collector.batches == []

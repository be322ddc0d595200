"""Sends the trace that test/foreign-sdks.test.ts describes: sender.py http|json|grpc ENDPOINT SERVICE TRACE_ID START_UNIX_NANO."""

import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

protocol, endpoint, service, trace_id, start = sys.argv[1:6]
start_ns = int(start)

if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
elif protocol == "json":
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces")
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces")

provider = TracerProvider(
    resource=Resource(
        {"service.name": service, "host.cores": 2, "deployment.tags": ["a", "b"]},
        "https://opentelemetry.io/schemas/1.30.0",
    ),
    span_limits=SpanLimits(max_span_attributes=14, max_events=2, max_links=1),
)
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer(
    "checkout", "1.2.3", "https://opentelemetry.io/schemas/1.29.0", {"scope.note": "attributes of a scope"}
)


def context(trace_id, span_id, state):
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), True, TraceFlags(TraceFlags.SAMPLED), TraceState(state)
    )


def start_span(name, kind, parent, offset_ms, **options):
    return tracer.start_span(
        name,
        context=trace.set_span_in_context(parent),
        kind=kind,
        start_time=start_ns + offset_ms * 1_000_000,
        **options,
    )


def end(span, offset_ms):
    span.end(start_ns + offset_ms * 1_000_000 + 789)


remote = trace.NonRecordingSpan(context(trace_id, "00f067aa0ba902b7", [("vendor", "value"), ("other", "1")]))
server = start_span("POST /buy", SpanKind.SERVER, remote, 0)
for key, value in {
    "a.string": "O'Neill said \"hi\\there\" \u0000 \U0001f600",
    "a.empty": "",
    "an.int": 42,
    "a.negative": -7,
    "a.large.int": 9007199254740993,
    "a.double": 0.1,
    "a.tiny.double": 5e-324,
    "a.bool": True,
    "another.bool": False,
    "some.strings": ["x", "", "ü"],
    "some.ints": [1, -2, 9007199254740993],
    "some.doubles": [1.5, -0.25],
    "some.bools": [True, False],
    "not.sql": "'); DROP TABLE throughline.spans; --",
}.items():
    server.set_attribute(key, value)

link = context("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", [("x", "y")])
client = start_span(
    "SELECT orders", SpanKind.CLIENT, server, 1, links=[Link(link, {"why": "batch", "n": 7})]
)
client.add_event("retry", {"attempt": 2, "backoff": 0.5, "last": True}, start_ns + 2_000_000)
client.set_status(Status(StatusCode.ERROR, "it's <b>gone</b>; DROP TABLE spans; -- \n\n"))
end(client, 3)

producer = start_span("charge", SpanKind.PRODUCER, server, 4)
end(producer, 5)

consumer = start_span("settle", SpanKind.CONSUMER, server, 5)
for index, name in enumerate(["one", "two", "three"]):
    consumer.add_event(name, timestamp=start_ns + (6 + index) * 1_000_000)
consumer.set_status(Status(StatusCode.OK))
end(consumer, 9)

internal = start_span("reckon", SpanKind.INTERNAL, server, 9)
for index in range(20):
    internal.set_attribute(f"filler.{index}", index)
end(internal, 10)
end(server, 11)
provider.shutdown()

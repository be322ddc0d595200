// Sends the trace that test/foreign-sdks.test.ts describes: sender http|grpc ENDPOINT SERVICE TRACE_ID START_UNIX_NANO.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	protocol, endpoint, service, traceID, start := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	startNs, err := strconv.ParseInt(start, 10, 64)
	check(err)
	at := func(offsetMs int64) time.Time { return time.Unix(0, startNs+offsetMs*1_000_000) }
	ended := func(offsetMs int64) trace.SpanEndOption {
		return trace.WithTimestamp(at(offsetMs).Add(789 * time.Nanosecond))
	}
	background := context.Background()

	var exporter *otlptrace.Exporter
	if protocol == "grpc" {
		exporter, err = otlptracegrpc.New(background, otlptracegrpc.WithEndpointURL(endpoint))
	} else {
		exporter, err = otlptracehttp.New(background, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	}
	check(err)
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = 14
	limits.EventCountLimit = 2
	limits.LinkCountLimit = 1
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithResource(resource.NewWithAttributes(
			"https://opentelemetry.io/schemas/1.30.0",
			attribute.String("service.name", service),
			attribute.Int("host.cores", 2),
			attribute.StringSlice("deployment.tags", []string{"a", "b"}),
		)),
	)
	tracer := provider.Tracer("checkout",
		trace.WithInstrumentationVersion("1.2.3"),
		trace.WithSchemaURL("https://opentelemetry.io/schemas/1.29.0"),
		trace.WithInstrumentationAttributes(attribute.String("scope.note", "attributes of a scope")),
	)

	remote := trace.ContextWithRemoteSpanContext(background, spanContext(traceID, "00f067aa0ba902b7", "vendor=value,other=1"))
	within, server := tracer.Start(remote, "POST /buy", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at(0)))
	server.SetAttributes(
		attribute.String("a.string", "O'Neill said \"hi\\there\" \x00 \U0001f600"),
		attribute.String("a.empty", ""),
		attribute.Int("an.int", 42),
		attribute.Int("a.negative", -7),
		attribute.Int64("a.large.int", 9007199254740993),
		attribute.Float64("a.double", 0.1),
		attribute.Float64("a.tiny.double", 5e-324),
		attribute.Bool("a.bool", true),
		attribute.Bool("another.bool", false),
		attribute.StringSlice("some.strings", []string{"x", "", "ü"}),
		attribute.Int64Slice("some.ints", []int64{1, -2, 9007199254740993}),
		attribute.Float64Slice("some.doubles", []float64{1.5, -0.25}),
		attribute.BoolSlice("some.bools", []bool{true, false}),
		attribute.String("not.sql", "'); DROP TABLE throughline.spans; --"),
	)

	link := trace.Link{
		SpanContext: spanContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "x=y"),
		Attributes:  []attribute.KeyValue{attribute.String("why", "batch"), attribute.Int("n", 7)},
	}
	_, client := tracer.Start(within, "SELECT orders",
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(at(1)), trace.WithLinks(link))
	client.AddEvent("retry", trace.WithTimestamp(at(2)), trace.WithAttributes(
		attribute.Int("attempt", 2), attribute.Float64("backoff", 0.5), attribute.Bool("last", true)))
	client.SetStatus(codes.Error, "it's <b>gone</b>; DROP TABLE spans; -- \n\n")
	client.End(ended(3))

	_, producer := tracer.Start(within, "charge", trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(at(4)))
	producer.End(ended(5))

	_, consumer := tracer.Start(within, "settle", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(at(5)))
	for index, name := range []string{"one", "two", "three"} {
		consumer.AddEvent(name, trace.WithTimestamp(at(int64(6+index))))
	}
	consumer.SetStatus(codes.Ok, "")
	consumer.End(ended(9))

	_, internal := tracer.Start(within, "reckon", trace.WithTimestamp(at(9)))
	for index := 0; index < 20; index++ {
		internal.SetAttributes(attribute.Int(fmt.Sprintf("filler.%d", index), index))
	}
	internal.End(ended(10))
	server.End(ended(11))
	check(provider.Shutdown(background))
}

func spanContext(traceID, spanID, state string) trace.SpanContext {
	trace128, err := trace.TraceIDFromHex(traceID)
	check(err)
	span64, err := trace.SpanIDFromHex(spanID)
	check(err)
	parsed, err := trace.ParseTraceState(state)
	check(err)
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace128, SpanID: span64, TraceFlags: trace.FlagsSampled, TraceState: parsed, Remote: true,
	})
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

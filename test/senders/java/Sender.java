import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanLimits;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.concurrent.TimeUnit;

/** Sends the trace that test/foreign-sdks.test.ts describes: http|grpc ENDPOINT SERVICE TRACE_ID START_UNIX_NANO. */
public class Sender {
  private static Tracer tracer;
  private static long startNs;

  public static void main(String[] args) {
    startNs = Long.parseLong(args[4]);
    SpanExporter exporter =
        args[0].equals("grpc")
            ? OtlpGrpcSpanExporter.builder().setEndpoint(args[1]).build()
            : OtlpHttpSpanExporter.builder().setEndpoint(args[1] + "/v1/traces").build();
    Attributes resource =
        Attributes.builder()
            .put("service.name", args[2])
            .put("host.cores", 2L)
            .put("deployment.tags", "a", "b")
            .build();
    SdkTracerProvider provider =
        SdkTracerProvider.builder()
            .setResource(Resource.create(resource, "https://opentelemetry.io/schemas/1.30.0"))
            .setSpanLimits(
                SpanLimits.builder()
                    .setMaxNumberOfAttributes(14)
                    .setMaxNumberOfEvents(2)
                    .setMaxNumberOfLinks(1)
                    .build())
            .addSpanProcessor(BatchSpanProcessor.builder(exporter).build())
            .build();
    tracer =
        provider
            .tracerBuilder("checkout")
            .setInstrumentationVersion("1.2.3")
            .setSchemaUrl("https://opentelemetry.io/schemas/1.29.0")
            .build();

    TraceState state = TraceState.builder().put("other", "1").put("vendor", "value").build();
    Span remote = Span.wrap(context(args[3], "00f067aa0ba902b7", state));
    Span server = start("POST /buy", SpanKind.SERVER, remote, 0).startSpan();
    server.setAttribute("a.string", "O'Neill said \"hi\\there\" \u0000 \uD83D\uDE00");
    server.setAttribute("a.empty", "");
    server.setAttribute("an.int", 42L);
    server.setAttribute("a.negative", -7L);
    server.setAttribute("a.large.int", 9007199254740993L);
    server.setAttribute("a.double", 0.1);
    server.setAttribute("a.tiny.double", Double.MIN_VALUE);
    server.setAttribute("a.bool", true);
    server.setAttribute("another.bool", false);
    server.setAllAttributes(
        Attributes.builder()
            .put("some.strings", "x", "", "\u00fc")
            .put("some.ints", 1L, -2L, 9007199254740993L)
            .put("some.doubles", 1.5, -0.25)
            .put("some.bools", true, false)
            .build());
    server.setAttribute("not.sql", "'); DROP TABLE throughline.spans; --");

    SpanContext link =
        context(
            "0af7651916cd43dd8448eb211c80319c",
            "b7ad6b7169203331",
            TraceState.builder().put("x", "y").build());
    Span client =
        start("SELECT orders", SpanKind.CLIENT, server, 1)
            .addLink(link, Attributes.builder().put("why", "batch").put("n", 7L).build())
            .startSpan();
    Attributes event =
        Attributes.builder().put("attempt", 2L).put("backoff", 0.5).put("last", true).build();
    client.addEvent("retry", event, startNs + 2_000_000, TimeUnit.NANOSECONDS);
    client.setStatus(StatusCode.ERROR, "it's <b>gone</b>; DROP TABLE spans; -- \n\n");
    end(client, 3);

    end(start("charge", SpanKind.PRODUCER, server, 4).startSpan(), 5);

    Span consumer = start("settle", SpanKind.CONSUMER, server, 5).startSpan();
    int offsetMs = 6;
    for (String name : new String[] {"one", "two", "three"}) {
      consumer.addEvent(name, startNs + offsetMs++ * 1_000_000L, TimeUnit.NANOSECONDS);
    }
    consumer.setStatus(StatusCode.OK);
    end(consumer, 9);

    Span internal = start("reckon", SpanKind.INTERNAL, server, 9).startSpan();
    for (int index = 0; index < 20; index++) {
      internal.setAttribute(AttributeKey.longKey("filler." + index), (long) index);
    }
    end(internal, 10);
    end(server, 11);
    provider.shutdown().join(20, TimeUnit.SECONDS);
  }

  private static SpanContext context(String traceId, String spanId, TraceState state) {
    return SpanContext.createFromRemoteParent(traceId, spanId, TraceFlags.getSampled(), state);
  }

  private static SpanBuilder start(String name, SpanKind kind, Span parent, long offsetMs) {
    return tracer
        .spanBuilder(name)
        .setSpanKind(kind)
        .setParent(Context.root().with(parent))
        .setStartTimestamp(startNs + offsetMs * 1_000_000, TimeUnit.NANOSECONDS);
  }

  private static void end(Span span, long offsetMs) {
    span.end(startNs + offsetMs * 1_000_000 + 789, TimeUnit.NANOSECONDS);
  }
}

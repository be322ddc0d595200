import { ImmediateExporter, type ExporterContext } from './export/exporter.ts';
import { FOR_TRACER, type Exporter } from './export/exporter-option.ts';
import { decodeRequest } from './export/format/otlp-decoder.ts';
import { plainAttributes, type OtlpScopeSpans, type OtlpSpan } from './export/format/otlp-json.ts';
import type { TracerOptions } from './config/options.ts';
import { Tracer } from './tracer.ts';

/** A span as it would have been sent, in plain JavaScript values. */
export interface FinishedSpan {
  readonly name: string;
  /** By name, as the option `kind` takes it. */
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly traceId: string;
  readonly spanId: string;
  /** `undefined` for a root. */
  readonly parentSpanId: string | undefined;
  readonly startTimeUnixNano: bigint;
  readonly durationNs: number;
  /** Integers beyond 2⁵³ are bigint. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly status: 'unset' | 'ok' | 'error';
  readonly statusMessage: string;
  /** The library that made it. */
  readonly scope: string;
}

const SPANS_MAX = 100_000;

/**
 * Keeps what ended, for tests: the newest 100,000 spans. `createTestTracer` makes one with its tracer.
 * @example
 * const exporter = new InMemoryExporter();
 * const tested = new Tracer({ register: false, exporter });
 */
export class InMemoryExporter implements Exporter {
  #spans: FinishedSpan[] = [];

  readonly [FOR_TRACER]: Exporter[typeof FOR_TRACER] = (context: ExporterContext) =>
    new ImmediateExporter(context, (bytes) => {
      for (const { scopeSpans } of decodeRequest(bytes).resourceSpans)
        this.#spans.push(...scopeSpans.flatMap(finished));
      if (this.#spans.length > SPANS_MAX) this.#spans = this.#spans.slice(-SPANS_MAX);
    });

  /** What has reached the exporter, in the order of the spans' ends; a tracer's `flush()` hands over what has ended. */
  get spans(): readonly FinishedSpan[] {
    return this.#spans;
  }

  /** Forgets what it has kept. */
  reset(): void {
    this.#spans = [];
  }
}

/** A tracer for a test, and what it has recorded. */
export interface TestTracer {
  /** For the code under test. */
  readonly tracer: Tracer;
  /** Returns every span that has ended since the start or the last `reset`, in the order of their ends. */
  readonly spans: () => readonly FinishedSpan[];
  /** Forgets them. */
  readonly reset: () => void;
}

/**
 * Makes a tracer that keeps its spans and sends nothing. By default it leaves the process and OpenTelemetry's globals
 * alone (`register` and `flushOnExit` are false); `exporter` is always its own.
 * @throws ConfigError for a wrong option.
 * @example
 * const { tracer: tested, spans, reset } = createTestTracer();
 * tested.span('charge card', () => undefined);
 * console.assert(spans()[0]?.name === 'charge card');
 * reset();
 */
export function createTestTracer(options: TracerOptions = {}): TestTracer {
  const exporter = new InMemoryExporter();
  const tracer = new Tracer({ register: false, flushOnExit: false, ...options, exporter });
  const take = (): readonly FinishedSpan[] => {
    // Resolved already when it returns: nothing is ever under way.
    void tracer.flush();
    return exporter.spans;
  };
  return {
    tracer,
    spans: take,
    reset: () => {
      take();
      exporter.reset();
    },
  };
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUSES = ['unset', 'ok', 'error'] as const;

function finished({ scope, spans }: OtlpScopeSpans): FinishedSpan[] {
  return spans.map((span) => finishedSpan(span, scope.name));
}

function finishedSpan(span: OtlpSpan, scope: string): FinishedSpan {
  const startTimeUnixNano = BigInt(span.startTimeUnixNano);
  return {
    name: span.name,
    kind: KINDS[span.kind] ?? 'internal',
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    startTimeUnixNano,
    durationNs: Number(BigInt(span.endTimeUnixNano) - startTimeUnixNano),
    attributes: plainAttributes(span.attributes),
    events: span.events.map(({ name, attributes }) => ({ name, attributes: plainAttributes(attributes) })),
    links: span.links.map(({ traceId, spanId, attributes }) => ({
      traceId,
      spanId,
      attributes: plainAttributes(attributes),
    })),
    status: STATUSES[span.status.code ?? 0] ?? 'unset',
    statusMessage: span.status.message ?? '',
    scope,
  };
}

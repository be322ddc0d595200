import { Type } from '@sinclair/typebox';
import type { Story, TracesData } from '@throughline/trace';
import type {
  AttributeValuesResponse,
  AttributesResponse,
  EndpointsResponse,
  HeadlinesResponse,
  OperationsResponse,
  SamplingResponse,
  SamplingSettingsView,
  SeriesResponse,
  ServicesResponse,
  SystemResponse,
  TraceSamplingResponse,
  TracesResponse,
} from '@throughline/trace/client';
import { responseSchema } from '../schema/response-schema.ts';
import { samplingRule } from '../schema/sampling-rule.ts';
import { closed, count, decimal, members, nullable, oneOf, pair } from '../schema/json-schema.ts';

/** What the API answers; the types in `@throughline/trace` say what each member means. */

const BASES = ['exact', 'estimated', 'biased'] as const;
const estimate = closed({
  basis: oneOf(BASES),
  relativeError: nullable(Type.Number({ description: 'Half the 95% interval as a share of the estimate' })),
});
const errorRateInterval = nullable(pair(Type.Number()));
const counts = {
  spanCount: count({ description: 'Stored spans' }),
  errorCount: count({ description: 'Stored spans with status ERROR' }),
  estimatedSpanCount: Type.Number({ description: 'Sum of sampling weights' }),
  estimatedErrorCount: Type.Number(),
  estimate,
  errorRateInterval,
};

const isOthers = Type.Boolean({
  description:
    'Group of all names that are not counted separately: there are too many, or they are too long. A name may be `(other)`, too',
});

export const servicesSchema = responseSchema<ServicesResponse>()(
  closed({
    services: Type.Array(
      closed({
        name: Type.String(),
        isOthers,
        ...counts,
        operationCount: count(),
        firstSeenUnixNano: decimal(),
        lastSeenUnixNano: decimal(),
      }),
      { description: 'By name' },
    ),
  }),
);

export const operationsSchema = responseSchema<OperationsResponse>()(
  closed({
    operations: Type.Array(closed({ name: Type.String({ description: 'May be empty' }), isOthers, ...counts }), {
      description: 'By name',
    }),
  }),
);

const numbers = Type.Array(Type.Number());
const durations = Type.Array(nullable(decimal()));
export const seriesSchema = responseSchema<SeriesResponse>()(
  closed({
    fromUnixNano: decimal('Begin of the first step'),
    stepSeconds: count(),
    points: count({ description: 'The number of steps' }),
    series: Type.Array(
      closed({
        service: Type.String(),
        operation: nullable(Type.String()),
        othersOf: nullable(oneOf(['services', 'operations'])),
        source: oneOf(['spans', 'requestMetrics']),
        estimate,
        errorRateInterval,
        requestCount: numbers,
        errorCount: numbers,
        estimatedRequestCount: numbers,
        estimatedErrorCount: numbers,
        p50Ns: durations,
        p90Ns: durations,
        p99Ns: durations,
      }),
      { description: 'Most requests first' },
    ),
    truncated: Type.Boolean({ description: 'There are more series than the limit' }),
  }),
);

export const attributesSchema = responseSchema<AttributesResponse>()(
  closed({
    attributes: Type.Array(closed({ key: Type.String(), estimatedSpanCount: Type.Number() }), {
      description: 'The most frequent first',
    }),
  }),
);

export const attributeValuesSchema = responseSchema<AttributeValuesResponse>()(
  closed({
    values: Type.Array(closed({ value: Type.String(), estimatedSpanCount: Type.Number() }), {
      description: 'The most frequent first',
    }),
  }),
);

export const tracesSchema = responseSchema<TracesResponse>()(
  closed({
    traces: Type.Array(
      closed({
        traceId: Type.String({ description: '32 hexadecimal digits' }),
        rootService: Type.String(),
        rootOperation: Type.String(),
        hasRoot: Type.Boolean(),
        startTimeUnixNano: decimal(),
        durationNs: decimal(),
        extentNs: decimal(),
        spanCount: count(),
        errorCount: count(),
        services: Type.Array(closed({ name: Type.String(), spanCount: count(), errorCount: count() }), {
          description: 'Most spans first',
        }),
        headline: nullable(
          Type.String({ description: 'Null until it has been computed; empty if there is nothing to report' }),
        ),
      }),
    ),
    nextCursor: nullable(Type.String({ description: 'Null on the last page' })),
  }),
);

export const headlinesSchema = responseSchema<HeadlinesResponse>()(closed({ headlines: members(Type.String()) }));

export const traceSchema = Type.Unsafe<TracesData>({
  type: 'object',
  required: ['resourceSpans'],
  description: 'TracesData of OTLP 1 as JSON; a span that was sent twice is listed once',
});

const CONFIDENCES = ['stated', 'inferred'] as const;

export const storySchema = responseSchema<Story>()(
  closed({
    traceId: Type.String(),
    headline: Type.String({
      description: 'One sentence; empty where there is nothing to say that the name of the operation does not',
    }),
    summary: closed({
      outcome: oneOf(['failed', 'timed-out', 'cancelled', 'recovered', 'slow', 'ok']),
      operation: Type.String({ description: 'What the trace is about, with its route' }),
      cause: nullable(
        closed({
          spanId: Type.String(),
          spanIndex: Type.Number(),
          service: Type.String(),
          operation: Type.String(),
          kind: oneOf(['error', 'timeout', 'cancelled', 'time']),
          confidence: oneOf(CONFIDENCES),
          reason: Type.String({ description: 'In the words of a span; empty where none has any' }),
        }),
      ),
      shareOfTime: nullable(Type.Number({ description: 'From 0 to 1, of the duration of the root' })),
      patterns: Type.Array(
        closed({
          kind: oneOf(['retry', 'n+1', 'sequential', 'polling', 'fan-out', 'recursion']),
          service: Type.String(),
          operation: Type.String(),
          spanCount: count(),
          failedSpans: count(),
          width: count({ description: 'How many ran at once at most' }),
          durationNs: decimal(),
          pauseNs: decimal(),
          firstSpanId: Type.String(),
          firstSpanIndex: Type.Number(),
          lastSpanId: Type.String(),
          lastSpanIndex: Type.Number(),
        }),
        { description: 'Those that took the most time first' },
      ),
    }),
    clauses: Type.Array(
      closed({
        kind: oneOf([
          'total',
          'step',
          'stopped-waiting',
          'kept-running',
          'error',
          'handled',
          'surfaced',
          'cancelled',
          'repeated',
          'gap',
          'other-root',
          'clock',
          'missing',
        ]),
        text: Type.String({ description: 'The whole sentence' }),
        label: Type.String({ description: 'The sentence without the time that it begins with' }),
        spanIds: Type.Array(Type.String(), { description: 'The spans that are the evidence' }),
        spanIndexes: Type.Array(Type.Number(), { description: 'The same spans by their place in the trace' }),
        spanCount: count(),
        durationNs: decimal(),
      }),
    ),
    rootSpanId: Type.String(),
    rootIndex: Type.Number(),
    hasRoot: Type.Boolean(),
    durationNs: decimal(),
    criticalPath: Type.Array(
      closed({ spanId: Type.String(), spanIndex: Type.Number(), startTimeUnixNano: decimal(), durationNs: decimal() }),
    ),
    omittedCriticalSegments: count(),
    errorOrigins: Type.Array(
      closed({
        spanId: Type.String(),
        spanIndex: Type.Number(),
        kind: oneOf(['error', 'timeout', 'cancelled']),
        confidence: oneOf(CONFIDENCES),
        waiterSpanId: Type.Optional(Type.String()),
        waiterIndex: Type.Optional(Type.Number()),
        overflowNs: Type.Optional(decimal()),
        handled: Type.Boolean(),
        inBackground: Type.Boolean(),
        handledBySpanId: Type.Optional(Type.String()),
        handledByIndex: Type.Optional(Type.Number()),
        surfacedSpanId: Type.String(),
        surfacedIndex: Type.Number(),
        type: Type.String(),
        message: Type.String(),
      }),
    ),
    omittedErrorOrigins: count(),
    spanCount: count(),
    spansInTrace: count(),
    truncated: Type.Boolean(),
    duplicateSpans: count(),
  }),
);

export const traceSamplingSchema = responseSchema<TraceSamplingResponse>()(
  closed({
    traceId: Type.String(),
    estimate: oneOf(BASES),
    weight: nullable(Type.Number({ description: 'How many traces like it this one represents' })),
    probability: nullable(Type.Number()),
    decisions: Type.Array(
      closed({
        service: Type.String(),
        operation: Type.String(),
        spanId: Type.String(),
        threshold: Type.String(),
        probability: nullable(Type.Number()),
        reason: nullable(oneOf(['default', 'fixed', 'target', 'errors', 'rule'])),
        text: Type.String(),
      }),
    ),
  }),
);

export const samplingSettingsSchema = responseSchema<SamplingSettingsView>()(
  closed({
    tracesPerSecond: Type.Number({ description: 'Target of sampled traces per second for each operation' }),
    errorTracesPerSecond: Type.Number(),
    minProbability: Type.Number(),
    maxProbability: Type.Number(),
    defaultProbability: Type.Number(),
    operations: Type.Array(
      closed({
        service: Type.String(),
        operation: Type.Optional(Type.String()),
        tracesPerSecond: Type.Optional(Type.Number()),
        probability: Type.Optional(Type.Number()),
      }),
    ),
    rules: Type.Array(samplingRule),
  }),
);

export const samplingSchema = responseSchema<SamplingResponse>()(
  closed({
    operations: Type.Array(
      closed({
        service: Type.String(),
        name: Type.String(),
        kind: count({ description: '0 internal, 1 server, 2 client, 3 producer, 4 consumer' }),
        probability: Type.Number(),
        reason: oneOf(['default', 'fixed', 'target', 'errors']),
        tracesPerSecond: nullable(Type.Number()),
        decidedPerSecond: nullable(Type.Number()),
        errorsPerSecond: Type.Number(),
        boostedUntilUnixNano: nullable(decimal()),
        policy: Type.String({ description: 'In words' }),
      }),
    ),
    settings: samplingSettingsSchema,
  }),
);

export const systemSchema = responseSchema<SystemResponse>()(
  closed({
    version: Type.String(),
    uptimeSeconds: count(),
    store: closed(
      {
        kind: oneOf(['embedded', 'clickhouse']),
        state: oneOf(['starting', 'ready', 'down', 'closed']),
        engineVersion: nullable(Type.String()),
        spanCount: nullable(count()),
        diskBytes: nullable(count()),
        firstDay: nullable(Type.String()),
        lastDay: nullable(Type.String()),
      },
      'Values that only the store knows are null while it is unavailable',
    ),
    ingest: closed({
      spansPerSecond: Type.Number({ description: 'Over the last minute' }),
      acceptedSpans: count(),
      rejectedSpans: Type.Array(closed({ reason: Type.String(), spans: count() })),
      spoolBytes: count(),
      spoolAgeSeconds: Type.Number(),
    }),
    retention: closed({ maxAgeDays: count(), maxDiskShare: Type.Number() }),
    limitsReached: Type.Array(closed({ limit: Type.String(), times: count() })),
    problems: Type.Array(Type.String()),
  }),
);

export const endpointsSchema = responseSchema<EndpointsResponse>()(
  closed({
    otlpGrpcPort: nullable(count()),
    otlpHttpPort: count(),
  }),
);

export const aliveSchema = closed({ status: oneOf(['alive']) });

const findings = Type.Array(closed({ code: Type.String(), message: Type.String() }));

export const readySchema = closed({ ready: Type.Boolean(), problems: findings, warnings: findings });

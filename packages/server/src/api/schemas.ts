import type {
  Story,
  StoryCause,
  StoryClause,
  StoryErrorOrigin,
  StoryPattern,
  StorySegment,
  StorySummary,
  TracesData,
} from '@throughline/trace';
import type {
  AttributeKeySummary,
  AttributesResponse,
  AttributeValuesResponse,
  AttributeValueSummary,
  EndpointsResponse,
  Estimate,
  HeadlinesResponse,
  OperationsResponse,
  OperationSummary,
  RequestSeries,
  SampledOperation,
  SampledOperationSettings,
  SamplingResponse,
  SamplingRule,
  SamplingSettingsView,
  SeriesResponse,
  ServicesResponse,
  ServiceSummary,
  SystemIngest,
  SystemResponse,
  SystemStore,
  TraceSamplingDecision,
  TraceSamplingResponse,
  TraceService,
  TracesResponse,
  TraceSummary,
} from '@throughline/trace/client';
import {
  anyObject,
  count,
  decimal,
  flag,
  list,
  nullable,
  number,
  object,
  oneOfTexts,
  optional,
  pair,
  record,
  text,
  type Schema,
} from './schema.ts';

/** What the API answers; the types in `@throughline/trace` say what each member means. */

const BASES = ['exact', 'estimated', 'biased'] as const;
const estimate = object<Estimate>({
  basis: oneOfTexts(BASES),
  relativeError: nullable(number('Half the 95% interval as a share of the estimate')),
});
const errorRateInterval = nullable(pair<readonly [low: number, high: number]>(number()));
const counts = {
  spanCount: count('Stored spans'),
  errorCount: count('Stored spans with status ERROR'),
  estimatedSpanCount: number('Sum of sampling weights'),
  estimatedErrorCount: number(),
  estimate,
  errorRateInterval,
};

const isOthers = flag(
  'Stands for all that are not counted by their names: too many, or too long. A name may be `(other)`, too',
);

export const servicesSchema = object<ServicesResponse>({
  services: list(
    object<ServiceSummary>({
      name: text(),
      isOthers,
      ...counts,
      operationCount: count(),
      firstSeenUnixNano: decimal(),
      lastSeenUnixNano: decimal(),
    }),
    'By name',
  ),
});

export const operationsSchema = object<OperationsResponse>({
  operations: list(object<OperationSummary>({ name: text('May be empty'), isOthers, ...counts }), 'By name'),
});

const numbers = list(number());
const durations = list(nullable(decimal()));
export const seriesSchema = object<SeriesResponse>({
  fromUnixNano: decimal('Begin of the first step'),
  stepSeconds: count(),
  points: count('The number of steps'),
  series: list(
    object<RequestSeries>({
      service: text(),
      operation: nullable(text()),
      othersOf: nullable(oneOfTexts(['services', 'operations'])),
      source: oneOfTexts(['spans', 'counters']),
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
    'Most requests first',
  ),
  truncated: flag('There are more series than were asked for'),
});

export const attributesSchema = object<AttributesResponse>({
  attributes: list(
    object<AttributeKeySummary>({ key: text(), estimatedSpanCount: number() }),
    'The most frequent first',
  ),
});

export const attributeValuesSchema = object<AttributeValuesResponse>({
  values: list(
    object<AttributeValueSummary>({ value: text(), estimatedSpanCount: number() }),
    'The most frequent first',
  ),
});

export const tracesSchema = object<TracesResponse>({
  traces: list(
    object<TraceSummary>({
      traceId: text('32 hexadecimal digits'),
      rootService: text(),
      rootOperation: text(),
      hasRoot: flag(),
      startTimeUnixNano: decimal(),
      durationNs: decimal(),
      extentNs: decimal(),
      spanCount: count(),
      errorCount: count(),
      services: list(
        object<TraceService>({ name: text(), spanCount: count(), errorCount: count() }),
        'Most spans first',
      ),
      headline: nullable(text('Null until it has been computed; empty where there is nothing to tell')),
    }),
  ),
  nextCursor: nullable(text('Null on the last page')),
});

export const headlinesSchema = object<HeadlinesResponse>({ headlines: record(text()) });

export const traceSchema = anyObject<TracesData>(
  ['resourceSpans'],
  'TracesData of OTLP 1 as JSON; a span that was sent twice stands once',
);

const CONFIDENCES = ['stated', 'inferred'] as const;

export const storySchema = object<Story>({
  traceId: text(),
  headline: text('One sentence; empty where there is nothing to say that the name of the operation does not'),
  summary: object<StorySummary>({
    outcome: oneOfTexts(['failed', 'timed-out', 'cancelled', 'recovered', 'slow', 'ok']),
    operation: text('What the trace is about, with its route'),
    cause: nullable(
      object<StoryCause>({
        spanId: text(),
        spanIndex: number(),
        service: text(),
        operation: text(),
        kind: oneOfTexts(['error', 'timeout', 'cancelled', 'time']),
        confidence: oneOfTexts(CONFIDENCES),
        reason: text('In the words of a span; empty where none has any'),
      }),
    ),
    shareOfTime: nullable(number('From 0 to 1, of the duration of the root')),
    patterns: list(
      object<StoryPattern>({
        kind: oneOfTexts(['retry', 'n+1', 'sequential', 'polling', 'fan-out', 'recursion']),
        service: text(),
        operation: text(),
        spanCount: count(),
        failedSpans: count(),
        width: count('How many ran at once at most'),
        durationNs: decimal(),
        pauseNs: decimal(),
        firstSpanId: text(),
        firstSpanIndex: number(),
        lastSpanId: text(),
        lastSpanIndex: number(),
      }),
      'Those that took the most time first',
    ),
  }),
  clauses: list(
    object<StoryClause>({
      kind: oneOfTexts([
        'total',
        'step',
        'gave-up',
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
      text: text('The whole sentence'),
      label: text('The sentence without the time that it begins with'),
      spanIds: list(text(), 'The spans that are the evidence'),
      spanIndexes: list(number(), 'The same spans by their place in the trace'),
      spanCount: count(),
      durationNs: decimal(),
    }),
  ),
  rootSpanId: text(),
  rootIndex: number(),
  hasRoot: flag(),
  durationNs: decimal(),
  criticalPath: list(
    object<StorySegment>({ spanId: text(), spanIndex: number(), startTimeUnixNano: decimal(), durationNs: decimal() }),
  ),
  omittedCriticalSegments: count(),
  errorOrigins: list(
    object<StoryErrorOrigin>({
      spanId: text(),
      spanIndex: number(),
      kind: oneOfTexts(['error', 'timeout', 'cancelled']),
      confidence: oneOfTexts(CONFIDENCES),
      gaveUpSpanId: optional(text()),
      gaveUpIndex: optional(number()),
      overflowNs: optional(decimal()),
      handled: flag(),
      inBackground: flag(),
      handledBySpanId: optional(text()),
      handledByIndex: optional(number()),
      surfacedSpanId: text(),
      surfacedIndex: number(),
      type: text(),
      message: text(),
    }),
  ),
  omittedErrorOrigins: count(),
  spanCount: count(),
  spansInTrace: count(),
  truncated: flag(),
  duplicateSpans: count(),
});

export const traceSamplingSchema = object<TraceSamplingResponse>({
  traceId: text(),
  estimate: oneOfTexts(BASES),
  weight: nullable(number('For how many traces like it this one stands')),
  probability: nullable(number()),
  decisions: list(
    object<TraceSamplingDecision>({
      service: text(),
      operation: text(),
      spanId: text(),
      threshold: text(),
      probability: nullable(number()),
      reason: nullable(oneOfTexts(['default', 'fixed', 'target', 'errors', 'rule'])),
      text: text(),
    }),
  ),
});

export const samplingSettingsSchema = object<SamplingSettingsView>({
  tracesPerSecond: number('Kept traces a second of each operation'),
  errorTracesPerSecond: number(),
  minProbability: number(),
  maxProbability: number(),
  defaultProbability: number(),
  operations: list(
    object<SampledOperationSettings>({
      service: text(),
      operation: optional(text()),
      tracesPerSecond: optional(number()),
      probability: optional(number()),
    }),
  ),
  rules: list(
    object<SamplingRule>({
      service: optional(text()),
      name: optional(text()),
      kind: optional(text()),
      method: optional(text()),
      route: optional(text()),
      path: optional(text()),
      probability: number(),
    }),
  ),
});

export const samplingSchema = object<SamplingResponse>({
  operations: list(
    object<SampledOperation>({
      service: text(),
      name: text(),
      kind: count('0 internal, 1 server, 2 client, 3 producer, 4 consumer'),
      probability: number(),
      reason: oneOfTexts(['default', 'fixed', 'target', 'errors']),
      tracesPerSecond: nullable(number()),
      decidedPerSecond: nullable(number()),
      errorsPerSecond: number(),
      boostedUntilUnixNano: nullable(decimal()),
      policy: text('In words'),
    }),
  ),
  settings: samplingSettingsSchema,
});

export const systemSchema = object<SystemResponse>({
  version: text(),
  uptimeSeconds: count(),
  store: object<SystemStore>(
    {
      kind: oneOfTexts(['embedded', 'clickhouse']),
      state: oneOfTexts(['starting', 'ready', 'down', 'closed']),
      engineVersion: nullable(text()),
      spanCount: nullable(count()),
      diskBytes: nullable(count()),
      firstDay: nullable(text()),
      lastDay: nullable(text()),
    },
    'What only the store knows is null while it does not answer',
  ),
  ingest: object<SystemIngest>({
    spansPerSecond: number('Over the last minute'),
    acceptedSpans: count(),
    refusedSpans: list(object<SystemIngest['refusedSpans'][number]>({ reason: text(), spans: count() })),
    spoolBytes: count(),
    spoolAgeSeconds: number(),
  }),
  retention: object<SystemResponse['retention']>({ maxAgeDays: count(), maxDiskShare: number() }),
  limitsReached: list(object<SystemResponse['limitsReached'][number]>({ limit: text(), times: count() })),
  problems: list(text()),
});

export const endpointsSchema = object<EndpointsResponse>({
  otlpGrpcPort: nullable(count()),
  otlpHttpPort: count(),
});

export const aliveSchema = object<{ readonly status: 'alive' }>({ status: oneOfTexts(['alive']) });

const findings: Schema<readonly { readonly code: string; readonly message: string }[]> = list(
  object<{ readonly code: string; readonly message: string }>({ code: text(), message: text() }),
);
export const readySchema = object<{
  readonly ready: boolean;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}>({ ready: flag(), problems: findings, warnings: findings });

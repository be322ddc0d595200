import { Type } from '@sinclair/typebox';
import type { TracesData } from '@throughline/trace';
import { closed, count, decimal, described, members, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { partial } from './partial-schema.ts';
import { samplingReason } from '../schema/sampling-reason.ts';
import { estimateBasis } from './estimate-schema.ts';

const traceService = named(
  'TraceService',
  closed({ name: Type.String(), spanCount: count(), errorCount: count() }, "A service's part of one trace."),
);

const traceSummary = named(
  'TraceSummary',
  closed(
    {
      traceId: Type.String({ description: '32 hexadecimal digits.' }),
      rootService: Type.String({
        description: 'Of the root span; where no root has arrived, of the earliest span whose parent has not either.',
      }),
      rootOperation: Type.String({ description: 'The name of the same span.' }),
      hasRoot: Type.Boolean({ description: 'False while no span without a parent has arrived.' }),
      startTimeUnixNano: decimal('Of the same span.'),
      durationNs: decimal(
        "The root span's duration; from the earliest start to the latest end where no root has arrived.",
      ),
      extentNs: decimal(
        'From the earliest start to the latest end of all spans, by the clocks as they are; much more than ' +
          '`durationNs` where work goes on after the root.',
      ),
      spanCount: count(),
      errorCount: count(),
      services: Type.Array(traceService, { description: 'Most spans first.' }),
      headline: nullable(
        Type.String(),
        'Null until it has been computed; `GET /api/v1/headlines` computes it. See `Story.headline`.',
      ),
    },
    'A trace in the list of a search.',
  ),
);

export const tracesSchema = named(
  'TracesResponse',
  closed(
    {
      traces: Type.Array(traceSummary),
      nextCursor: nullable(Type.String(), 'Null on the last page.'),
      partial,
    },
    'A page of traces, newest first: by the start of the root, or of the earliest span whose parent has not arrived ' +
      'where no root has. Service, operation, status and every tag match one and the same span; the trace overlaps ' +
      'the range, wherever that span is.',
  ),
);

export const headlinesSchema = named(
  'HeadlinesResponse',
  closed({
    headlines: members(
      Type.String(),
      'A headline for each trace that is stored, by its id of 32 digits. See `Story.headline`.',
    ),
    partial,
  }),
);

export const traceSchema = named(
  'TracesData',
  Type.Unsafe<TracesData>({
    type: 'object',
    required: ['resourceSpans'],
    description: 'TracesData of OTLP 1 as JSON; a span that was sent twice is listed once.',
    externalDocs: { url: 'https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding' },
  }),
);

const traceSamplingDecision = named(
  'TraceSamplingDecision',
  closed(
    {
      service: Type.String(),
      operation: Type.String(),
      spanId: Type.String({ description: '16 hexadecimal digits.' }),
      threshold: Type.String({
        description: "`th` as sent: hex digits without trailing zeros; '' where the span has none.",
        externalDocs: {
          url: 'https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/#sampling-threshold-value-th',
        },
      }),
      probability: nullable(Type.Number(), 'The one that follows from the threshold; null without a valid one.'),
      reason: Type.Union([samplingReason, oneOf(['rule']), Type.Null()], {
        description:
          'Why the operation has its current probability; null where no SDK has reported it to this collector.',
      }),
      text: Type.String({ description: 'One sentence, such as `web sampled 1 in 20 traces of POST /buy`.' }),
    },
    'How one span of a trace was sampled, and how its operation is sampled now.',
  ),
);

export const traceSamplingSchema = named(
  'TraceSamplingResponse',
  closed(
    {
      traceId: Type.String(),
      estimate: described(estimateBasis, 'As `Estimate.basis`.'),
      weight: nullable(Type.Number(), 'How many traces like it this one represents; null where that is unknown.'),
      probability: nullable(Type.Number(), '1 / weight.'),
      decisions: Type.Array(traceSamplingDecision, {
        description: 'One for each span that decided or raised the threshold, in the order of the trace.',
      }),
      partial,
    },
    'Why a trace was sampled, from its spans and from the current sampling probabilities.',
  ),
);

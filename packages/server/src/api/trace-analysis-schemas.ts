import { Type } from '@sinclair/typebox';
import type { ComparisonReport, CriticalPathReport, SimilarTrace } from '@throughline/trace';
import { closed, count, decimal, described, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { responseSchema } from '../schema/response-schema.ts';
import { partial } from './partial-schema.ts';

const spanId = Type.String({ description: '16 hexadecimal digits.' });
const kind = Type.Number({ description: 'See `SpanKind`.' });
const place = (of: string) => Type.Number({ description: `Its place in \`${of}\`; -1 at the top.` });
const depth = Type.Number({ description: '0 at the top.' });
const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

const time = {
  spanCount: count(),
  exclusiveNs: decimal('While none of their children was running. Spans that run at the same time count each.'),
  criticalNs: decimal('While the root waited for them and for none of their children.'),
};

const segment = named(
  'CriticalPathSegment',
  closed(
    {
      spanId,
      service: Type.String(),
      operation: Type.String(),
      kind,
      startTimeUnixNano: decimal('After the correction of clocks.'),
      durationNs: decimal('Never 0.'),
    },
    'Time on the critical path that a span took itself.',
  ),
);

const serviceTime = named('CriticalPathService', closed({ service: Type.String(), ...time }, 'The time of a service.'));

const kindTime = named('CriticalPathKind', closed({ kind, ...time }, 'The time of all spans of one kind.'));

const pathTime = named(
  'CriticalPathPath',
  closed(
    {
      service: Type.String(),
      operation: Type.String(),
      kind,
      parentIndex: place('byPath'),
      depth,
      spanId: Type.String({ description: 'The first of its spans.' }),
      ...time,
    },
    'The time of one service, name and kind below one path of their callers.',
  ),
);

const saving = named(
  'CriticalPathSaving',
  closed(
    {
      service: Type.String(),
      operation: nullable(Type.String(), 'Null where it is of all operations of the service.'),
      kind: nullable(Type.Number(), 'See `SpanKind`; null where `operation` is.'),
      savedNs: decimal(),
      removedNs: decimal(
        'Its time on the critical path that would be gone; what ran beside it may leave less to save.',
      ),
    },
    'A bound, and no forecast: freed resources that other requests would profit from are not in one trace.',
  ),
);

const criticalPathMembers = {
  traceId: Type.String(),
  rootSpanId: Type.String({
    description: "The span that waited: the root, or the longest part where none is received; '' for an empty trace.",
  }),
  hasRoot: Type.Boolean({ description: 'False if no span without a parent has been received.' }),
  startTimeUnixNano: decimal('Its start, after the correction of clocks.'),
  durationNs: decimal(),
  segments: Type.Array(segment, {
    description: 'In the order of time; without omissions the durations add up to `durationNs`.',
  }),
  omittedSegments: count({ description: 'How many segments `segments` lacks: the shortest.' }),
  byService: Type.Array(serviceTime, { description: 'The longest on the critical path first; at most 100.' }),
  byKind: Type.Array(kindTime, { description: 'The longest on the critical path first.' }),
  byPath: Type.Array(pathTime, { description: 'In display order.' }),
  omittedPaths: count({
    description: 'How many paths `byPath` lacks: those with the least time, but for what is above others.',
  }),
  whatIfHalved: Type.Array(saving, {
    description:
      'What it would save at most to halve the time of a service or of an operation; the most first, at most ten.',
  }),
  spanCount: count({ description: 'How many spans this is made from, without repeats.' }),
  spansInTrace: count({
    description: 'How many spans the trace has, as far as is known, with those that were not read.',
  }),
  truncated: Type.Boolean({ description: "Whether it is made from a part of the trace's spans only." }),
};

// The members that the library makes; the API adds one of its own.
responseSchema<CriticalPathReport>()(closed(criticalPathMembers));

export const criticalPathSchema = named(
  'CriticalPathResponse',
  closed({ ...criticalPathMembers, partial }, 'Where the time of a trace went.'),
);

const comparedTrace = named(
  'ComparedTrace',
  closed(
    {
      durationNs: decimal('Of its root.'),
      spanCount: count({ description: 'How many of its spans were compared.' }),
      spansInTrace: count({
        description: 'How many spans it has, as far as is known, with those that were not read.',
      }),
    },
    'One of two traces that are compared.',
  ),
);

const calls = named(
  'ComparedCalls',
  closed(
    {
      calls: count({ description: '1 or more.' }),
      failedCalls: count({ description: 'Those with status ERROR.' }),
      durationNs: decimal('Of all of them together, whether they ran at once or not.'),
      criticalNs: decimal('How long the root waited for them, and for nothing below them.'),
      longestSpanId: Type.String({ description: 'The longest call.' }),
    },
    'The calls of one path in one trace.',
  ),
);

const comparedPath = named(
  'ComparedPath',
  closed(
    {
      service: Type.String(),
      operation: Type.String({
        description: 'The name of the first span, which may hold a number in which the others differ.',
      }),
      kind,
      parentIndex: place('paths'),
      depth,
      a: nullable(calls, 'Null where the first trace has no such call.'),
      b: nullable(calls, 'Null where the second has none.'),
      criticalDeltaNs: decimal(
        'How much longer the second root waited for these calls, and for nothing below them: below 0 where it waited ' +
          "less. Without omissions this adds up to the difference of the roots' durations.",
      ),
      differences: Type.Array(
        oneOf(['only-a', 'only-b', 'slower', 'faster', 'more-calls', 'fewer-calls', 'more-failures', 'fewer-failures']),
        {
          description:
            'What is different; empty where the calls are alike. `only-a`, `only-b`: one trace has no such call · ' +
            '`slower`, `faster`: a call takes longer in the second, or shorter, by a millisecond and by a tenth at ' +
            'least · `more-calls`, `fewer-calls`: the second has more of them, or fewer · `more-failures`, ' +
            '`fewer-failures`: the same of those that failed.',
        },
      ),
    },
    'All calls of one service, name and kind below one path of their callers, in two traces.',
  ),
);

const comparedMembers = {
  traceIdA: Type.String({ description: 'The trace that the other one is compared with.' }),
  traceIdB: Type.String(),
  a: comparedTrace,
  b: comparedTrace,
  paths: Type.Array(comparedPath, {
    description: 'In display order: depth first, siblings by the start of their first call.',
  }),
  omittedPaths: count({
    description:
      'How many paths `paths` lacks: those that add the least to the difference, but for what is above others.',
  }),
};

// The members that the library makes; the API adds two of its own.
responseSchema<ComparisonReport>()(closed(comparedMembers));

const likeTraces = {
  service: Type.String({ description: 'Of the root.' }),
  operation: Type.String({ description: 'The name of the root.' }),
  fromUnixNano: decimal('Begin of the range in which other traces with such a root were looked for.'),
  toUnixNano: decimal('Its end.'),
  foundCount: count({ description: 'How many there are.' }),
  comparedCount: count({ description: 'How many of them were compared: all, or a sample by trace ID.' }),
};

export const comparisonSchema = named(
  'ComparisonResponse',
  closed(
    {
      ...comparedMembers,
      typical: nullable(
        named(
          'TypicalTrace',
          closed(
            likeTraces,
            'What the typical trace was chosen from: that whose duration, and whose calls and time on each path, are ' +
              'the nearest to the medians of all.',
          ),
        ),
        'Null where the other trace was named.',
      ),
      partial,
    },
    'Two traces of one kind, path by path.',
  ),
);

const similarTrace = named(
  'SimilarTrace',
  responseSchema<SimilarTrace>()(
    closed(
      {
        traceId: Type.String(),
        startTimeUnixNano: decimal('Start of its root, after the correction of clocks.'),
        durationNs: decimal('Of its root.'),
        spanCount: count(),
        likeness: share('From 0 to 1: the mean of the two below.'),
        pathLikeness: share('From 0 to 1: the share of all paths that both call, and fail in alike.'),
        timeLikeness: share(
          'From 0 to 1: the share of the time that both spent on the same paths, whatever their durations.',
        ),
        text: Type.String({ description: 'Why, in a clause.' }),
      },
      'How like one trace is to another.',
    ),
  ),
);

export const similarTracesSchema = named(
  'SimilarTracesResponse',
  closed(
    {
      traceId: Type.String(),
      ...likeTraces,
      traces: Type.Array(described(similarTrace, 'One of them.'), { description: 'The most similar first.' }),
      partial,
    },
    'Traces whose root does the same, by how like they are to one of them.',
  ),
);

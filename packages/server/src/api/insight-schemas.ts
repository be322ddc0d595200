import { Type } from '@sinclair/typebox';
import { closed, count, decimal, described, members, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { partial } from './partial-schema.ts';

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

const moment = Type.Union([Type.String({ pattern: String.raw`^\d{1,19}$` }), Type.Integer({ minimum: 0 })], {
  description: 'Nanoseconds since 1970, as decimal digits or as a number.',
});

export const givenWindow = closed({ fromUnixNano: moment, toUnixNano: moment });

export const explainRequestSchema = named(
  'ExplainRequest',
  closed(
    {
      baseline: described(givenWindow, 'When all was well: an hour or a day before, better long than short.'),
      incident: described(givenWindow, 'When it was not; it does not overlap the baseline.'),
    },
    'Two windows of time to compare. A trace belongs to the window in which its root starts.',
  ),
);

const evidence = named(
  'SuspectEvidence',
  closed(
    {
      text: Type.String({ description: 'One line, such as `payment POST /pay: 12 ms → 480 ms in 78%`.' }),
      traceIds: Type.Array(Type.String(), { description: 'Traces of the incident that show it; at most three.' }),
      spanIds: Type.Array(Type.String(), { description: 'The span in each of these traces.' }),
      count: count({ description: 'Calls of the incident that were looked at.' }),
      baselineCount: count({ description: 'Calls of the baseline.' }),
      share: share('Share of the calls of the incident that are unusual.'),
      baselineShare: share('The same of the baseline, or what must be reckoned with after so few calls.'),
    },
    'What was counted at one place.',
  ),
);

export const apartAttribute = named(
  'ApartAttribute',
  closed(
    {
      key: Type.String({ description: 'Of the root span, or of a span of the suspect.' }),
      value: Type.String({ description: 'As text.' }),
      share: share('Share of the affected requests that have it.'),
      otherShare: share('Share of the others.'),
      selectedShare: share('Share of all requests with it that are affected.'),
    },
    'An attribute that sets affected requests apart.',
  ),
);

const suspect = named(
  'Suspect',
  closed(
    {
      service: Type.String({ description: 'A service; or a database, queue or host that sends no spans.' }),
      operation: nullable(Type.String(), 'The name of the spans that stand out; null where the whole service does.'),
      resource: nullable(
        members(Type.String()),
        'What sets the affected part of the service apart, such as `service.instance.id`; null where all is affected.',
      ),
      kind: described(
        oneOf(['slow', 'operation', 'network', 'queue', 'failures', 'calls', 'more-calls', 'serial']),
        '`slow`: its own work takes longer · `operation`: that of one operation · `network`: calls take longer on ' +
          'the way to it or from it · `queue`: messages wait longer · `failures`: it fails, or does not answer · `calls`: ' +
          'it leaves out calls, or makes new ones · `more-calls`: it calls others more often · ' +
          '`serial`: its calls wait for each other.',
      ),
      score: Type.Number({ minimum: 0, description: 'How much speaks for it; comparable within one response.' }),
      text: Type.String({ description: 'One sentence.' }),
      evidence: Type.Array(evidence, { description: 'The strongest first.' }),
      attributes: Type.Array(apartAttribute, {
        description:
          'What the affected requests have more often than others of the same operation, the clearest first; of the ' +
          'first suspect, where not all requests are affected. Associated with them, which need not be the cause.',
      }),
    },
    'A service that may be the cause.',
  ),
);

const comparedWindow = named(
  'ComparedWindow',
  closed(
    {
      spanCount: count({ description: 'Spans that start in it.' }),
      readTraceCount: count({ description: 'Traces that were compared.' }),
      readSpanCount: count({ description: 'Their spans.' }),
    },
    'How much of a window was looked at: all of it, or a sample by trace ID.',
  ),
);

const explained = {
  conclusion: described(
    oneOf(['found', 'not-enough-evidence', 'nothing-unusual']),
    '`found`: the first suspect stands out · `not-enough-evidence`: something differs, and too little speaks for ' +
      'one cause · `nothing-unusual`: the windows are alike.',
  ),
  text: Type.String({ description: 'One sentence.' }),
  suspects: Type.Array(suspect, { description: 'The likeliest first; at most five.' }),
  warnings: Type.Array(Type.String(), { description: 'What makes the comparison less certain.' }),
  baseline: comparedWindow,
  incident: comparedWindow,
  partial,
};

export const explanationSchema = named(
  'ExplainResponse',
  closed(
    explained,
    'What differs between two windows of traces, and which service is the likeliest cause. A comparison of counts and ' +
      'durations; no language model.',
  ),
);

const change = named(
  'Change',
  closed(
    {
      kind: described(
        oneOf([
          'slower',
          'faster',
          'failures',
          'fewer-failures',
          'more-requests',
          'fewer-requests',
          'new-operation',
          'gone-operation',
          'new-version',
        ]),
        '`failures`, `fewer-failures`: more or fewer of the requests fail.',
      ),
      service: Type.String(),
      operation: nullable(Type.String(), 'Null for what the whole service has in common, such as its version.'),
      score: Type.Number({
        minimum: 0,
        description: 'How much speaks for it, and how much it matters; comparable within one response.',
      }),
      before: nullable(Type.Number(), 'The measure in the baseline; null where it has none.'),
      after: nullable(Type.Number(), 'The same in the range.'),
      unit: nullable(
        oneOf(['ns', 'share', 'perMinute']),
        '`ns`: the median duration, or of the slow requests where they are fewer than half · `share`: of the requests ' +
          'that fail, from 0 to 1 · `perMinute`: requests.',
      ),
      count: count({ description: 'Requests of the range that were looked at.' }),
      baselineCount: count({ description: 'Requests of the baseline.' }),
      text: Type.String({ description: 'One line.' }),
      traceIds: Type.Array(Type.String(), { description: 'Traces of the range that show it; at most three.' }),
      spanIds: Type.Array(Type.String(), { description: 'The span in each of these traces.' }),
    },
    'Something that differs between a range of time and what was before.',
  ),
);

export const changesSchema = named(
  'ChangesResponse',
  closed(
    {
      fromUnixNano: decimal('Begin of the range.'),
      toUnixNano: decimal('Its end.'),
      baselineFromUnixNano: decimal('Begin of the time that it is compared with.'),
      baselineToUnixNano: decimal('Its end.'),
      changes: Type.Array(change, { description: 'What matters most first.' }),
      truncated: Type.Boolean({ description: 'Whether there are more.' }),
      ...explained,
    },
    'What has changed, and which service is the likeliest cause.',
  ),
);

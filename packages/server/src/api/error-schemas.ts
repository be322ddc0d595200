import { Type } from '@sinclair/typebox';
import { closed, count, decimal, described, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { partial } from './partial-schema.ts';

const amount = (description: string) => Type.Number({ minimum: 0, description });

const version = named(
  'ErrorGroupVersion',
  closed({ version: Type.String(), count: count() }, 'How many of the failures are of one `service.version`.'),
);

const sample = named(
  'ErrorGroupSample',
  closed(
    { traceId: Type.String(), spanId: Type.String(), startTimeUnixNano: decimal() },
    'A span in which the failure began.',
  ),
);

const group = named(
  'ErrorGroup',
  closed(
    {
      id: Type.String({ description: 'The same for the same failure in every range: 14 hexadecimal digits.' }),
      service: Type.String(),
      operation: Type.String({ description: 'The name of its newest span.' }),
      kind: described(
        oneOf(['error', 'timeout', 'cancelled']),
        '`error`: it failed by itself · `timeout`: its time was up · `cancelled`: its caller stopped it.',
      ),
      type: Type.String({
        description: "The type of the error, or the status of the response; '' where no span says.",
      }),
      message: Type.String({
        description:
          'The message, or the status message, with `#` in place of numbers, IDs, addresses, URLs and what is in ' +
          "quotes; at most 200 characters; '' where no span says.",
      }),
      example: Type.String({ description: 'The message of its newest span, as it is; at most 500 characters.' }),
      state: described(
        oneOf(['new', 'ongoing', 'back', 'gone']),
        '`new`: it was not seen from `lookedBackToUnixNano` on · `ongoing`: it was there in the range before, which is ' +
          'as long, too · `back`: it was not, but earlier · `gone`: it was there in the range before, and is not now.',
      ),
      count: count({ description: 'Failures in the range that were looked at.' }),
      estimatedCount: amount('How many failures in the range they represent.'),
      estimatedCountBefore: amount('The same of the range before.'),
      firstUnixNano: decimal('Start of the first that was seen: in both ranges, and for one that is back before them.'),
      lastUnixNano: decimal('Start of the last one.'),
      trend: Type.Array(Type.Number({ minimum: 0 }), {
        description: 'How many failures each 24th of the range represents, from its begin on.',
      }),
      versions: Type.Array(version, { description: 'Those with the most failures first; at most five.' }),
      samples: Type.Array(sample, { description: 'The newest ones, each of another trace; at most three.' }),
    },
    'Failures that began at the same place for the same reason.',
  ),
);

export const errorsSchema = named(
  'ErrorsResponse',
  closed(
    {
      fromUnixNano: decimal('Begin of the range.'),
      toUnixNano: decimal('Its end.'),
      lookedBackToUnixNano: decimal(
        'From here on earlier failures were looked for: 24 hours before the range, or twice its length if that is ' +
          'longer, or the first span that is stored. Later where there were too many earlier ones, or the store did not ' +
          'return them.',
      ),
      failedSpanCount: count({ description: 'Spans of the range with status ERROR, with those that others explain.' }),
      readSpanCount: count({
        description: 'Spans with status ERROR that were looked at, in the range, before it and shortly after it.',
      }),
      share: Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Share of the traces that were looked at, the same ones by ID in both ranges: 1 for all.',
      }),
      groups: Type.Array(group, { description: 'The most frequent first.' }),
      groupCount: count({ description: 'How many groups there are, of all pages.' }),
      nextCursor: nullable(Type.String(), 'Null on the last page.'),
      partial,
    },
    'Failures, by where and why they began.',
  ),
);

import { Type } from '@sinclair/typebox';
import { closed, count, decimal, described, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { apartAttribute, givenWindow } from './insight-schemas.ts';
import { partial } from './partial-schema.ts';

const TEXT_MAX = 4_096;
const TAGS_MAX = 20;
/** A hundred days. */
const DURATION_MS_MAX = 8_640_000_000;
export const ATTRIBUTES_MAX = 50;

const text = (description: string) => Type.Optional(Type.String({ maxLength: TEXT_MAX, description }));
const milliseconds = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: DURATION_MS_MAX, description }));

const selection = named(
  'SpanSelection',
  closed(
    {
      service: text('`service.name`; without it only spans without a parent are meant: whole requests.'),
      operation: text('The name of the span.'),
      status: Type.Optional(oneOf(['error', 'ok', 'unset'])),
      minDurationMs: milliseconds('The span took at least this long.'),
      maxDurationMs: milliseconds('It took at most this long.'),
      tags: Type.Optional(
        Type.Array(Type.String({ maxLength: TEXT_MAX }), {
          maxItems: TAGS_MAX,
          description: 'Attributes as `key=value`, as the parameter `tag` of the search has them.',
        }),
      ),
    },
    'Spans: all of it holds for one and the same span.',
  ),
);

export const apartRequestSchema = named(
  'ApartRequest',
  closed(
    {
      window: described(givenWindow, 'In which the spans start.'),
      selection: described(selection, 'The spans in question, such as those with the status `error`.'),
      others: Type.Optional(
        described(
          selection,
          'What they are held against: all other spans of the same service and operation when it is not given.',
        ),
      ),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: ATTRIBUTES_MAX,
          description: `Maximum number of attributes in the response; 10 when it is not given.`,
        }),
      ),
    },
    'A selection of spans, and what it is held against.',
  ),
);

const side = named(
  'ComparedSelection',
  closed(
    {
      spanCount: count({ description: 'Spans of the window.' }),
      readCount: count({
        description: 'Traces of which a span was looked at: each counts once, of many a sample by ID.',
      }),
    },
    'How much of a selection was looked at.',
  ),
);

export const apartSchema = named(
  'ApartResponse',
  closed(
    {
      fromUnixNano: decimal('Begin of the window.'),
      toUnixNano: decimal('Its end.'),
      selected: described(side, 'What was selected.'),
      others: described(side, 'What it was held against.'),
      text: Type.String({ description: 'One sentence.' }),
      attributes: Type.Array(apartAttribute, {
        description:
          'What selected spans, their resources and the roots of their traces have more often, the clearest first. ' +
          'Associated with them, which need not be the cause. IDs are left out, and how a request ended.',
      }),
      partial,
    },
    'Which attributes set a selection apart.',
  ),
);

import { Type, type TOptional } from '@sinclair/typebox';
import { closed, count, described } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';

const partialAnswer = named(
  'PartialAnswer',
  closed(
    {
      missingShards: count({ description: 'Shards of the store that did not answer, from 1.' }),
      shards: count({ description: 'All shards of the store.' }),
    },
    'An answer that lacks what is on shards of a ClickHouse cluster that did not answer.',
  ),
);

/** The member of an answer that says what it lacks. */
export const partial: TOptional<typeof partialAnswer> = Type.Optional(
  described(
    partialAnswer,
    'Present where shards of the store did not answer: whatever is on them is not counted or listed.',
  ),
);

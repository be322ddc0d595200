import { Type } from '@sinclair/typebox';
import { closed, count, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';

const day = Type.String({ description: 'A UTC day, such as `2026-11-23`.' });
const dayOfPart = nullable(
  Type.String(),
  'The UTC day of its rows, such as `2026-11-23`; null for tables without days.',
);

const damagedPart = named(
  'DamagedPart',
  closed(
    { table: Type.String(), part: Type.String(), day: dayOfPart, reason: Type.String() },
    'A part of a table that a check has found damaged, or could not read.',
  ),
);

const lostPart = closed({
  table: Type.String(),
  name: Type.String({ description: 'In `detached/`.' }),
  day: dayOfPart,
  rows: nullable(count(), 'Null where even their number cannot be read.'),
  bytes: count(),
  reason: Type.String({
    description: 'Why, in a word of ClickHouse; empty for a part that the collector, or a person, has detached.',
  }),
});

const wrongDay = closed({
  day,
  table: Type.String(),
  of: Type.String({ description: 'What of it is wrong, such as `spans` or `errors`; the first of more.' }),
  found: Type.Number({ description: 'What the table holds.' }),
  expected: Type.Number({ description: 'What it should hold.' }),
});

const checkReport = named(
  'CheckReport',
  closed(
    {
      ok: Type.Boolean({ description: 'Nothing is damaged, lost or wrong.' }),
      parts: count({ description: 'Parts that were verified.' }),
      damagedParts: Type.Array(damagedPart, { description: 'Those that are still in use.' }),
      repairedParts: Type.Array(damagedPart, {
        description: 'Parts that were damaged, and are in use again, if that was requested.',
      }),
      unreadableParts: Type.Array(damagedPart, {
        description: 'Parts that the disk fails to read: whether they are damaged is not known.',
      }),
      lostParts: Type.Array(lostPart, { description: 'Parts that are in `detached/` already.' }),
      wrongDays: Type.Array(wrongDay, {
        description: 'Days of derived tables that do not hold what the spans say.',
      }),
      rebuiltDays: Type.Array(Type.String(), {
        description: 'Days whose derived tables were wrong and have been rebuilt, if that was requested.',
      }),
      notCompared: Type.Array(closed({ day, reason: Type.String() }), {
        description: 'Days that could not be compared, and why.',
      }),
      spool: closed({
        blocks: count({ description: 'Blocks that wait for the store.' }),
        damagedSegments: Type.Array(closed({ segment: Type.String(), damagedBlocks: count() })),
      }),
      damagedDefinitions: Type.Array(Type.String(), {
        description: 'Definitions of tables that are not what ClickHouse has written; its next start restores them.',
      }),
    },
    'What a check of the store has found.',
  ),
);

export const checkProgressSchema = named(
  'CheckProgress',
  Type.Union(
    [
      closed({ state: oneOf(['running']) }),
      closed({ state: oneOf(['done']), report: checkReport }),
      closed({ state: oneOf(['failed']), reason: Type.String() }),
    ],
    { description: 'How far a check of the store is.' },
  ),
);

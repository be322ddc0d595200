import { Type } from '@sinclair/typebox';
import { named } from '../schema/named-schema.ts';

export const errorSchema = named(
  'ApiError',
  Type.Object(
    {
      error: Type.Object({
        code: Type.String({ description: 'Stable, lower case with underscores, e.g. `trace_not_found`.' }),
        message: Type.String({
          description: 'For people: the parameter that is wrong and what is accepted, or what failed.',
        }),
      }),
    },
    { description: 'The body of every response that is an error.' },
  ),
);

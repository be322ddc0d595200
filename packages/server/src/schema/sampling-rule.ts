import { Type } from '@sinclair/typebox';
import { closed } from './json-schema.ts';
import { named } from './named-schema.ts';

/** A rule of the sampling settings, as the API and the exchange with applications return it. */
export const samplingRule = named(
  'SamplingRule',
  closed(
    {
      service: Type.Optional(Type.String()),
      name: Type.Optional(Type.String()),
      kind: Type.Optional(Type.String()),
      method: Type.Optional(Type.String()),
      route: Type.Optional(Type.String()),
      path: Type.Optional(Type.String()),
      probability: Type.Number(),
    },
    'The probability of the traces whose first span in an application meets all the conditions that are given: its ' +
      'service, name, kind (`server`, `client`, …), HTTP method, route and path.',
  ),
);

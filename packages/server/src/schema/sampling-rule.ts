import { Type } from '@sinclair/typebox';
import { closed } from './json-schema.ts';

/** A rule of the sampling settings, as the API and the exchange with applications return it. */
export const samplingRule = closed({
  service: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  kind: Type.Optional(Type.String()),
  method: Type.Optional(Type.String()),
  route: Type.Optional(Type.String()),
  path: Type.Optional(Type.String()),
  probability: Type.Number(),
});

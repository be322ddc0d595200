/**
 * What an attribute may hold: OTLP's AnyValue. Integers beyond 2⁵³ are `bigint` (within 64 bits); any other number that
 * is not a safe integer is sent as a double; a Date is sent as its ISO 8601 text. `null` and `undefined` inside an
 * array or map are its empty value.
 */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Date
  | readonly (AttributeValue | null | undefined)[]
  | { readonly [key: string]: AttributeValue | null | undefined };

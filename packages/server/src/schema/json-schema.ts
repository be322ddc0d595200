import {
  Kind,
  Type,
  TypeRegistry,
  type TObject,
  type TProperties,
  type TSchema,
  type TUnsafe,
} from '@sinclair/typebox';

const TEXT_ENUM = 'TextEnum';
TypeRegistry.Set<TUnsafe<string> & { readonly enum: readonly string[] }>(
  TEXT_ENUM,
  (schema, value) => typeof value === 'string' && schema.enum.includes(value),
);

/** An object with these members and no others. */
export function closed<P extends TProperties>(properties: P, description?: string): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...(description !== undefined && { description }) });
}

/** One of these texts, as JSON Schema's `enum`; TypeBox would describe a list of alternatives. */
export function oneOf<const T extends string>(values: readonly T[]): TUnsafe<T> {
  return Type.Unsafe<T>({ [Kind]: TEXT_ENUM, type: 'string', enum: values });
}

export function nullable<S extends TSchema>(schema: S, description?: string) {
  return Type.Union([schema, Type.Null()], description === undefined ? {} : { description });
}

/** A whole number of things, exact in JSON. */
export function count(options: { readonly maximum?: number; readonly description?: string } = {}) {
  return Type.Integer({ minimum: 0, ...options });
}

/** A whole number that may not fit a double, as decimal digits. */
export function decimal(description?: string) {
  return Type.String({ pattern: String.raw`^-?\d+$`, ...(description !== undefined && { description }) });
}

/** Two of a kind; TypeBox would write it as JSON Schema did before OpenAPI 3.1. */
export function pair<S extends TSchema>(schema: S, description?: string) {
  const options = { minItems: 2, maxItems: 2, ...(description !== undefined && { description }) };
  return Type.Unsafe<readonly [S['static'], S['static']]>(Type.Array(schema, options));
}

/** Members of one kind by any names. */
export function members<S extends TSchema>(schema: S, description?: string) {
  const options = { additionalProperties: schema, ...(description !== undefined && { description }) };
  return Type.Unsafe<Readonly<Record<string, S['static']>>>(Type.Object({}, options));
}

/** A schema with what it is here, as a member; that of a type keeps its own description as well. */
export function described<S extends TSchema>(schema: S, description: string): S {
  return { ...schema, description };
}

import type { TSchema } from '@sinclair/typebox';

// No `$id`: TypeBox compiles such a schema to a function of its own, and JSON Schema resolves references below it.
const TYPE = Symbol('type');

/** A type of the API, which OpenAPI and the client's types refer to by its name. */
export interface NamedSchema {
  readonly name: string;
  /** With the description of the type. */
  readonly schema: TSchema;
}

/** Gives a schema the name of a type. It checks what it checked before. */
export function named<S extends TSchema>(name: string, schema: S): S {
  return { ...schema, [TYPE]: { name, schema } satisfies NamedSchema };
}

/** The type that a schema is of, here as a member or an item; undefined where it has no name. */
export function typeOf(schema: object): NamedSchema | undefined {
  return (schema as { readonly [TYPE]?: NamedSchema })[TYPE];
}

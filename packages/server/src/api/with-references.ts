import type { TSchema } from '@sinclair/typebox';
import { typeOf } from '../schema/named-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The document with a reference in place of each schema that has a name, and the schemas by their names, in the order
 * in which they are named. A description that is not the type's own stays beside the reference. Throws where two
 * schemas have the same name.
 */
export function withReferences<D extends object>(document: D): { document: D; types: Readonly<Record<string, Json>> } {
  const types: Record<string, Json> = {};
  const known = new Map<string, TSchema>();
  const copyOf = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copyOf);
    if (typeof value !== 'object' || value === null) return value;
    const type = typeOf(value);
    if (type === undefined) return membersOf(value);
    const { name, schema } = type;
    if (!known.has(name)) {
      known.set(name, schema);
      // Before its members, which may be the first to name others.
      types[name] = {};
      types[name] = membersOf(schema);
    } else if (known.get(name) !== schema) throw new Error(`two schemas are called ${name}`);
    const { description } = value as TSchema;
    return { $ref: `#/components/schemas/${name}`, ...(description !== schema.description && { description }) };
  };
  const membersOf = (value: object): Json =>
    Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyOf(member)]));
  return { document: copyOf(document) as D, types };
}

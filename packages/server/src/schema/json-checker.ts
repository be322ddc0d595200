import type { Static, TSchema } from '@sinclair/typebox';
import { TypeCompiler, type TypeCheck } from '@sinclair/typebox/compiler';

const SHOWN_CHARACTERS_MAX = 80;

/** Checks JSON that others send. Its schema is compiled at once: make one, and use it for every value. */
export class JsonChecker<S extends TSchema> {
  readonly #schema: S;
  readonly #check: TypeCheck<S>;
  /** Of the parts of the schema, compiled when one of them is looked at first. */
  readonly #parts = new Map<TSchema, TypeCheck<TSchema>>();

  constructor(schema: S) {
    this.#schema = schema;
    this.#check = TypeCompiler.Compile(schema);
  }

  fits(value: unknown): value is Static<S> {
    return this.#check.Check(value);
  }

  /**
   * Returns one line on the first thing that is wrong with a value that does not fit: where it is, what it is and what
   * is expected. `whole` names the value itself. Takes about as long as the check: TypeBox's own errors take 150 ms for
   * a message of 2.6 MB whose last number is wrong.
   */
  explain(value: unknown, whole: string): string {
    return this.#explain(this.#schema, value, '', whole);
  }

  #explain(schema: TSchema, value: unknown, at: string, whole: string): string {
    const here = at === '' ? whole : at;
    const inside = schema['type'] === 'object' ? this.#explainMembers(schema, value, at, whole) : null;
    return inside ?? this.#explainItems(schema, value, at, whole) ?? notAccepted(here, value, describe(schema));
  }

  #explainMembers(schema: TSchema, value: unknown, at: string, whole: string): string | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const properties = propertiesOf(schema);
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(properties, name));
    if (unknown !== undefined && schema['additionalProperties'] === false) {
      return `${at === '' ? whole : at}: unknown member ${shown(unknown)}; supported: ${Object.keys(properties).join(', ')}`;
    }
    const required = new Set<string>(schema['required'] as string[] | undefined);
    for (const [name, property] of Object.entries(properties)) {
      const member: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
      const memberAt = at === '' ? name : `${at}.${name}`;
      if (member === undefined && required.has(name)) return `${memberAt}: missing, expected ${describe(property)}`;
      if (member !== undefined && !this.#fitsPart(property, member)) {
        return this.#explain(property, member, memberAt, whole);
      }
    }
    return null;
  }

  #explainItems(
    { type, items, maxItems = Infinity }: TSchema,
    value: unknown,
    at: string,
    whole: string,
  ): string | null {
    if (type !== 'array' || !Array.isArray(value) || value.length > maxItems) return null;
    const index = value.findIndex((item) => !this.#fitsPart(items as TSchema, item));
    return index === -1 ? null : this.#explain(items as TSchema, value[index], `${at}[${index}]`, whole);
  }

  #fitsPart(schema: TSchema, value: unknown): boolean {
    let check = this.#parts.get(schema);
    if (check === undefined) {
      check = TypeCompiler.Compile(schema);
      this.#parts.set(schema, check);
    }
    return check.Check(value);
  }
}

/** One line on a value that is not accepted. */
export function notAccepted(at: string, value: unknown, expected: string): string {
  return `${at}: got ${shown(value)}, expected ${expected}`;
}

/** A value for a message to people, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

function propertiesOf(schema: TSchema): Readonly<Record<string, TSchema>> {
  return (schema['properties'] as Record<string, TSchema> | undefined) ?? {};
}

/** What a schema takes, in words that go behind "expected". */
function describe(schema: TSchema): string {
  const { type, const: only, enum: texts, anyOf, minimum, maximum, minLength, maxLength, maxItems } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(texts)) return `one of ${texts.join(', ')}`;
  if (Array.isArray(anyOf)) return anyOf.map((each: TSchema) => describe(each)).join(' or ');
  switch (type) {
    case 'integer':
      return `an integer${range(minimum, maximum)}`;
    case 'number':
      return `a number${range(minimum, maximum)}`;
    case 'string':
      if (maxLength === undefined) return 'a string';
      return `a string of ${minLength > 0 ? `${minLength} to` : 'at most'} ${maxLength} characters`;
    case 'array':
      return maxItems === undefined
        ? 'an array'
        : `an array of at most ${maxItems} ${maxItems === 1 ? 'item' : 'items'}`;
    case 'boolean':
      return 'true or false';
    case 'object':
      return `an object with ${Object.keys(propertiesOf(schema)).join(', ')}`;
    default:
      return String(type);
  }
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  const from = minimum === undefined ? '' : ` from ${minimum}`;
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? from : `${from} to ${maximum}`;
}

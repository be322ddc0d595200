/** The JSON schema of values of a type, and of no other: the compiler holds that a schema and its type name the same members. */
export interface Schema<T> {
  readonly json: JsonSchema;
  /** Whether a member may be absent. */
  readonly isOptional: boolean;
  /** Never there; takes and gives a T, so that a schema of a part of a type is none of the type. */
  readonly of?: (value: T) => T;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export function text(description?: string): Schema<string> {
  return schema({ type: 'string' }, description);
}

/** A whole number that may not fit a double, as decimal digits. */
export function decimal(description?: string): Schema<string> {
  return schema({ type: 'string', pattern: String.raw`^-?\d+$` }, description);
}

/** A whole number of things. */
export function count(description?: string): Schema<number> {
  return schema({ type: 'integer', minimum: 0 }, description);
}

export function number(description?: string): Schema<number> {
  return schema({ type: 'number' }, description);
}

export function flag(description?: string): Schema<boolean> {
  return schema({ type: 'boolean' }, description);
}

export function oneOfTexts<const T extends string>(values: readonly T[]): Schema<T> {
  return schema({ type: 'string', enum: values });
}

export function nullable<T>({ json }: Schema<T>): Schema<T | null> {
  return schema({ anyOf: [json, { type: 'null' }] });
}

export function optional<T>({ json }: Schema<T>): Schema<T | undefined> {
  return { json, isOptional: true };
}

export function list<T>({ json }: Schema<T>, description?: string): Schema<readonly T[]> {
  return schema({ type: 'array', items: json }, description);
}

/** Two of a kind. */
export function pair<T extends readonly [unknown, unknown]>({ json }: Schema<T[0]>): Schema<T> {
  return schema({ type: 'array', items: json, minItems: 2, maxItems: 2 });
}

export function record<T>({ json }: Schema<T>): Schema<Readonly<Record<string, T>>> {
  return schema({ type: 'object', additionalProperties: json });
}

/** An object with these members and no others. */
export function object<T extends object>(
  members: { readonly [K in keyof T]-?: Schema<T[K]> },
  description?: string,
): Schema<T> {
  const entries = Object.entries(members as unknown as Readonly<Record<string, Schema<unknown>>>);
  return schema(
    {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, { json }]) => [name, json])),
      required: entries.filter(([, { isOptional }]) => !isOptional).map(([name]) => name),
      additionalProperties: false,
    },
    description,
  );
}

/** What is described elsewhere. */
export function anyObject<T extends object>(required: readonly (keyof T & string)[], description: string): Schema<T> {
  return schema({ type: 'object', required }, description);
}

function schema<T>(json: JsonSchema, description?: string): Schema<T> {
  return { json: description === undefined ? json : { ...json, description }, isOptional: false };
}

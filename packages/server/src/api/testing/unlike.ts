/** The part of JSON Schema that our OpenAPI description uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
}

export type Types = Readonly<Record<string, JsonSchema>>;

/** Where a value is not as the schema says: a line for each place. `types` are what references lead to. */
export function unlike(value: unknown, given: JsonSchema, types: Types, at = '$'): string[] {
  const schema = given.$ref === undefined ? given : referred(given.$ref, types);
  if (schema.anyOf !== undefined) {
    const fits = schema.anyOf.some((one) => unlike(value, one, types, at).length === 0);
    return fits ? [] : [`${at}: ${JSON.stringify(value)} is none of the alternatives`];
  }
  if (typeName(value, schema) !== schema.type) return [`${at}: ${JSON.stringify(value)} is no ${schema.type}`];
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [`${at}: ${JSON.stringify(value)} is not listed`];
  if (typeof value === 'string') {
    return new RegExp(schema.pattern ?? '').test(value)
      ? []
      : [`${at}: ${JSON.stringify(value)} is not ${schema.pattern}`];
  }
  if (typeof value === 'number') return value >= (schema.minimum ?? value) ? [] : [`${at}: ${value} is too small`];
  if (Array.isArray(value)) {
    const { items, minItems = 0, maxItems = Infinity } = schema;
    if (value.length < minItems || value.length > maxItems) return [`${at}: it has ${value.length} items`];
    return items === undefined ? [] : value.flatMap((item, index) => unlike(item, items, types, `${at}[${index}]`));
  }
  return typeof value === 'object' && value !== null ? unlikeMembers(value, schema, types, at) : [];
}

function unlikeMembers(value: object, schema: JsonSchema, types: Types, at: string): string[] {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const missing = required.filter((name) => !(name in value)).map((name) => `${at}.${name} is missing`);
  const wrong = Object.entries(value).flatMap(([name, member]) => {
    const own = properties[name] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    if (own !== undefined) return unlike(member, own, types, `${at}.${name}`);
    return additionalProperties === false ? [`${at}.${name} is not described`] : [];
  });
  return [...missing, ...wrong];
}

function referred($ref: string, types: Types): JsonSchema {
  const schema = types[$ref.replace('#/components/schemas/', '')];
  if (schema === undefined) throw new Error(`${$ref} leads nowhere`);
  return schema;
}

function typeName(value: unknown, { type }: JsonSchema): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) && type === 'integer' ? 'integer' : 'number';
  return typeof value;
}

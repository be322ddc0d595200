import { ConfigError } from '../errors.ts';
import type { StartingSpan } from './policy.ts';

/** What a value must be: equal to this one, or to one of these, or a text that the expression finds itself in. */
export type Condition = string | number | boolean | RegExp | readonly (string | number | boolean)[];

/** Each that is given must be met. */
export interface Conditions {
  /** The span's name at its start. */
  readonly name?: string | RegExp | readonly string[] | undefined;
  readonly kind?: SpanKindName | readonly SpanKindName[] | undefined;
  readonly service?: string | RegExp | readonly string[] | undefined;
  /** `http.request.method`. */
  readonly method?: string | RegExp | readonly string[] | undefined;
  /** `http.route`, where it is known at the start. */
  readonly route?: string | RegExp | readonly string[] | undefined;
  /** `url.path`. */
  readonly path?: string | RegExp | readonly string[] | undefined;
  /** Attributes that the span starts with, by key. */
  readonly attributes?: Readonly<Record<string, Condition>> | undefined;
}

export type SpanKindName = (typeof KINDS)[number];

/** In the order of `SpanKind` of OpenTelemetry's API. */
const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

const METHOD = 'http.request.method';
const PATH = 'url.path';
const ATTRIBUTE_CONDITIONS = { method: METHOD, route: 'http.route', path: PATH } as const;

export const CONDITIONS: Readonly<Record<keyof Conditions, true>> = {
  name: true,
  kind: true,
  service: true,
  method: true,
  route: true,
  path: true,
  attributes: true,
};

type Matches = (span: StartingSpan) => boolean;

/** @throws ConfigError for a condition that nothing can meet. */
export function compileConditions(setting: string, conditions: Conditions): Matches {
  const all: Matches[] = [];
  const { name, kind, service, attributes } = conditions;
  if (kind !== undefined) {
    const kinds = kindsOf(`${setting}.kind`, kind);
    all.push((span) => kinds.includes(span.kind));
  }
  if (name !== undefined) {
    const isName = compile(`${setting}.name`, name);
    all.push((span) => isName(span.name));
  }
  if (service !== undefined) {
    const isService = compile(`${setting}.service`, service);
    all.push((span) => isService(span.service));
  }
  for (const [condition, key] of Object.entries(ATTRIBUTE_CONDITIONS)) {
    const given = conditions[condition as keyof typeof ATTRIBUTE_CONDITIONS];
    if (given !== undefined) all.push(attributeMatches(key, compile(`${setting}.${condition}`, given)));
  }
  if (attributes !== undefined) {
    if (typeof attributes !== 'object' || attributes === null || Object.keys(attributes).length === 0) {
      throw new ConfigError(`${setting}.attributes`, attributes, 'an object of attributes and their values');
    }
    for (const [key, condition] of Object.entries(attributes)) {
      all.push(attributeMatches(key, compile(`${setting}.attributes.${key}`, condition)));
    }
  }
  const [only] = all;
  return all.length === 1 && only !== undefined ? only : (span) => all.every((matches) => matches(span));
}

function kindsOf(setting: string, given: SpanKindName | readonly SpanKindName[]): number[] {
  const names = Array.isArray(given) ? (given as readonly SpanKindName[]) : [given as SpanKindName];
  const kinds = names.map((name) => KINDS.indexOf(name));
  if (kinds.length > 0 && !kinds.includes(-1)) return kinds;
  throw new ConfigError(setting, given, `one or several of ${KINDS.join(', ')}`);
}

function attributeMatches(key: string, matches: (value: unknown) => boolean): Matches {
  return (span) => matches(span.attributes[key]);
}

function compile(setting: string, condition: Condition): (value: unknown) => boolean {
  if (condition instanceof RegExp) {
    // One with g or y would remember where it found something last.
    const expression = new RegExp(condition.source, condition.flags.replace(/[gy]/g, ''));
    return (value) => typeof value === 'string' && expression.test(value);
  }
  if (Array.isArray(condition)) {
    const values = new Set<unknown>(condition as readonly unknown[]);
    if (values.size > 0 && [...values].every(isScalar)) return (value) => values.has(value);
  } else if (isScalar(condition)) return (value) => value === condition;
  throw new ConfigError(setting, condition, 'a value, a list of values, or a regular expression');
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'string') return value !== '';
  return typeof value === 'boolean' || (typeof value === 'number' && !Number.isNaN(value));
}

const HEALTH_CHECK =
  /^\/(?:_?health|healthz|livez|live|liveness|readyz|ready|readiness|startupz|ping|(?:health|actuator\/health)\/?(?:live|ready|liveness|readiness|startup)?)\/?$/;

/** Whether it is a probe by its path, which says nothing and comes all day. */
export function isHealthCheck(span: StartingSpan): boolean {
  const path = span.attributes[PATH];
  if (typeof path !== 'string' || !HEALTH_CHECK.test(path)) return false;
  const method = span.attributes[METHOD];
  return method === undefined || method === 'GET' || method === 'HEAD';
}

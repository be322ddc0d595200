import { wrongValue } from '../../runtime/config-error.ts';
import { SPAN_KINDS, type SpanKindName } from '../../span/span-kind.ts';
import type { StartingSpan } from '../ports.ts';

/** What a value must be: equal to this one, to one of these, or a string that the expression matches. */
export type Condition = string | number | boolean | RegExp | readonly (string | number | boolean)[];

/** Conditions of a rule; all that are given must be met. What a span does not have at its start meets none. */
export interface Conditions {
  /** The span's name at its start. */
  readonly name?: string | RegExp | readonly string[] | undefined;
  /** The span's kind, or one of these. */
  readonly kind?: SpanKindName | readonly SpanKindName[] | undefined;
  /** The tracer's `service`. */
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

const METHOD = 'http.request.method';
const PATH = 'url.path';
const SUBJECTS = {
  name: 'name',
  service: 'service',
  method: { attribute: METHOD },
  route: { attribute: 'http.route' },
  path: { attribute: PATH },
} as const;

export const CONDITIONS: Readonly<Record<keyof Conditions, true>> = {
  name: true,
  kind: true,
  service: true,
  method: true,
  route: true,
  path: true,
  attributes: true,
};

/** Which of a span's values a condition is about: its name, its service, or an attribute. */
type Subject = 'name' | 'service' | { readonly attribute: string };

/** A condition on one value. One shape for all of them: closures of many kinds cost twice as much to call. */
class ValueCondition {
  readonly #subject: 'name' | 'service' | undefined;
  readonly #attribute: string;
  readonly #equal: unknown;
  readonly #oneOf: ReadonlySet<unknown> | undefined;
  readonly #expression: RegExp | undefined;

  /** @throws ConfigError for a condition that nothing can meet. */
  constructor(setting: string, subject: Subject, condition: Condition) {
    this.#subject = typeof subject === 'string' ? subject : undefined;
    this.#attribute = typeof subject === 'string' ? '' : subject.attribute;
    // An expression with g or y would remember where it found something last.
    this.#expression =
      condition instanceof RegExp ? new RegExp(condition.source, condition.flags.replace(/[gy]/g, '')) : undefined;
    this.#oneOf = Array.isArray(condition) ? new Set<unknown>(condition as readonly unknown[]) : undefined;
    this.#equal = condition;
    if (this.#expression !== undefined) return;
    const values = this.#oneOf ?? new Set<unknown>([condition]);
    if (values.size === 0 || ![...values].every(isScalar)) {
      throw wrongValue(setting, condition, 'a value, an array of values, or a regular expression');
    }
  }

  isMetBy(span: StartingSpan): boolean {
    const value = this.#subject === undefined ? span.attributes[this.#attribute] : span[this.#subject];
    if (this.#expression !== undefined) return typeof value === 'string' && this.#expression.test(value);
    return this.#oneOf === undefined ? value === this.#equal : this.#oneOf.has(value);
  }
}

/** The conditions of a rule, compiled. */
export class CompiledConditions {
  /** A bit for each kind; 0 for any. */
  readonly #kinds: number;
  readonly #values: readonly ValueCondition[];

  /** @throws ConfigError for a condition that nothing can meet. */
  constructor(setting: string, conditions: Conditions) {
    const { kind, attributes = {} } = conditions;
    this.#kinds = kind === undefined ? 0 : kindsOf(`${setting}.kind`, kind);
    if (
      typeof attributes !== 'object' ||
      (conditions.attributes !== undefined && Object.keys(attributes).length === 0)
    ) {
      throw wrongValue(`${setting}.attributes`, attributes, 'an object of attributes and their values');
    }
    const values: ValueCondition[] = [];
    for (const [name, subject] of Object.entries(SUBJECTS)) {
      const condition = conditions[name as keyof typeof SUBJECTS];
      if (condition !== undefined) values.push(new ValueCondition(`${setting}.${name}`, subject, condition));
    }
    for (const [attribute, condition] of Object.entries(attributes)) {
      values.push(new ValueCondition(`${setting}.attributes.${attribute}`, { attribute }, condition));
    }
    this.#values = values;
  }

  areMetBy(span: StartingSpan): boolean {
    if (this.#kinds !== 0 && (this.#kinds & (1 << span.kind)) === 0) return false;
    const values = this.#values;
    for (let i = 0; i < values.length; i++) if (values[i]?.isMetBy(span) === false) return false;
    return true;
  }
}

function kindsOf(setting: string, given: SpanKindName | readonly SpanKindName[]): number {
  const names = Array.isArray(given) ? (given as readonly SpanKindName[]) : [given as SpanKindName];
  const kinds = names.map((name) => SPAN_KINDS.indexOf(name));
  if (kinds.length > 0 && !kinds.includes(-1)) return kinds.reduce((bits, kind) => bits | (1 << kind), 0);
  throw wrongValue(setting, given, `one or more of ${SPAN_KINDS.join(', ')}`);
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

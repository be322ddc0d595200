import { Type } from '@sinclair/typebox';
import { parseTraceId, TRACE_ID_ACCEPTED } from '@throughline/trace/client';
import { Problem } from './problem.ts';
import { parseTime, TIME_ACCEPTED } from './parse-time.ts';
import { named } from '../schema/named-schema.ts';

/** One parameter of a query string: how it is read, and how OpenAPI describes it. */
export interface Parameter<T> {
  /** What is accepted, as the end of the sentence "expected …". */
  readonly accepted: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** Whether it may be given several times. */
  readonly repeatable: boolean;
  readonly required: boolean;
  /** Whether a value without a character is one. */
  readonly mayBeEmpty: boolean;
  /** Reads all values given; undefined when a value is not accepted. */
  read(values: readonly string[]): T | undefined;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;
export type ParameterValues<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

/** Characters of a value that an error message repeats. */
const REPEATED_CHARACTERS = 100;

/**
 * Reads a query string. Throws a 400 that names the parameter, what was given and what is accepted. A parameter that
 * the route does not know is refused too: an answer to a misspelt filter would look like the answer to the filter; with
 * `ignoresUnknown` it is skipped. A
 * value that is empty counts as not given, unless the parameter is a name: a span may have one without a character.
 */
export function readParameters<P extends Parameters>(
  parameters: P,
  query: URLSearchParams,
  ignoresUnknown = false,
): ParameterValues<P> {
  for (const name of new Set(query.keys())) {
    if (!ignoresUnknown && !Object.hasOwn(parameters, name)) throw unknownParameter(name, Object.keys(parameters));
  }
  const values: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const given = query.getAll(name);
    values[name] = readParameter(name, parameter, parameter.mayBeEmpty ? given : given.filter((text) => text !== ''));
  }
  return values as ParameterValues<P>;
}

function readParameter(name: string, parameter: Parameter<unknown>, given: readonly string[]): unknown {
  if (given.length > 1 && !parameter.repeatable) {
    throw invalid(`parameter ${name}: got ${given.length} values, expected one`);
  }
  if (given.length === 0 && parameter.required) {
    throw invalid(`parameter ${name}: missing value, expected ${parameter.accepted}`);
  }
  const value = parameter.read(given);
  if (value !== undefined) return value;
  const shown = given.map((text) => JSON.stringify(shorten(text))).join(', ');
  throw invalid(`parameter ${name}: got ${shorten(shown)}, expected ${parameter.accepted}`);
}

function unknownParameter(name: string, known: readonly string[]): Problem {
  const hint = known.length === 0 ? 'this path takes none' : `supported: ${known.join(', ')}`;
  return new Problem(400, 'unknown_parameter', `unknown parameter ${JSON.stringify(shorten(name))}; ${hint}`);
}

function invalid(message: string): Problem {
  return new Problem(400, 'invalid_parameter', message);
}

function shorten(text: string): string {
  return text.length <= REPEATED_CHARACTERS ? text : `${text.slice(0, REPEATED_CHARACTERS)}…`;
}

interface Description {
  readonly accepted: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** A parameter that may be left out; it is null then. */
export function optional<T>(description: Description, parse: (text: string) => T | undefined): Parameter<T | null> {
  return {
    ...description,
    repeatable: false,
    required: false,
    mayBeEmpty: false,
    read: ([text]) => (text === undefined ? null : parse(text)),
  };
}

/** A parameter that may be given up to `countMax` times. */
export function repeated<T>(
  description: Description,
  countMax: number,
  parse: (text: string) => T | undefined,
): Parameter<readonly T[]> {
  return {
    ...description,
    accepted: `${description.accepted}, at most ${countMax} times`,
    repeatable: true,
    required: false,
    mayBeEmpty: false,
    read: (values) => {
      if (values.length > countMax) return undefined;
      const parsed = values.map(parse);
      return parsed.includes(undefined) ? undefined : (parsed as T[]);
    },
  };
}

/** What a parameter accepts that accepts any text. */
export const ANY_TEXT = 'text';

export function anyText(description: string): Parameter<string | null> {
  return optional({ accepted: ANY_TEXT, description, schema: { type: 'string' } }, (value) => value);
}

/** The name of something that spans name; `name=` is the empty name, and no filter is none of them. */
export function spanName(description: string): Parameter<string | null> {
  return { ...anyText(description), accepted: 'a name, which may be empty', mayBeEmpty: true };
}

/** A name that must be given, and may be empty. */
export function requiredName(description: string): Parameter<string> {
  return {
    accepted: 'a name, which may be empty',
    description,
    schema: { type: 'string' },
    repeatable: false,
    required: true,
    mayBeEmpty: true,
    read: ([name]) => name,
  };
}

/** A text that must be given, of at least a character. */
export function requiredText(accepted: string, description: string): Parameter<string> {
  return {
    accepted,
    description,
    schema: { type: 'string', minLength: 1 },
    repeatable: false,
    required: true,
    mayBeEmpty: false,
    read: ([text]) => text,
  };
}

export function oneOf<const T extends string>(values: readonly T[], description: string): Parameter<T | null> {
  return optional(
    { accepted: `one of ${values.join(', ')}`, description, schema: { type: 'string', enum: values } },
    (given) => values.find((value) => value === given),
  );
}

const timeParameter = named(
  'TimeParameter',
  Type.String({ description: `A moment in a query string: ${TIME_ACCEPTED}.` }),
);

export function time(description: string): Parameter<bigint | null> {
  return optional(
    { accepted: TIME_ACCEPTED, description, schema: timeParameter },
    (given) => parseTime(given) ?? undefined,
  );
}

/** Milliseconds in decimal, answered as nanoseconds. */
export function milliseconds(description: string): Parameter<bigint | null> {
  return optional(
    {
      accepted: 'milliseconds in decimal with at most 6 decimal places, such as 250 or 0.5',
      description,
      schema: { type: 'number', minimum: 0 },
    },
    (given) => {
      const [, whole, fraction = ''] = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(given) ?? [];
      return whole === undefined ? undefined : BigInt(whole + fraction.padEnd(6, '0'));
    },
  );
}

export function integer(
  { least, most, defaultValue }: { readonly least: number; readonly most: number; readonly defaultValue: number },
  description: string,
): Parameter<number> {
  return {
    accepted: `an integer from ${least} to ${most}`,
    description,
    schema: { type: 'integer', minimum: least, maximum: most, default: defaultValue },
    repeatable: false,
    required: false,
    mayBeEmpty: false,
    read: ([given]) => {
      if (given === undefined) return defaultValue;
      const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

/** A comma-separated list of trace ids in whatever form; repeats count once. */
export function traceIds(countMax: number, description: string): Parameter<readonly string[]> {
  return {
    accepted: `1 to ${countMax} trace ids with commas between them, each of ${TRACE_ID_ACCEPTED}`,
    description,
    schema: { type: 'string' },
    repeatable: false,
    required: true,
    mayBeEmpty: false,
    read: ([given = '']) => {
      const ids = given.split(',').map((id) => parseTraceId(id));
      if (ids.includes(null)) return undefined;
      const distinct = [...new Set(ids as string[])];
      return distinct.length <= countMax ? distinct : undefined;
    },
  };
}

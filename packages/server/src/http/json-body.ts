import type { Static, TSchema } from '@sinclair/typebox';
import { JsonChecker } from '../schema/json-checker.ts';
import { Problem } from './problem.ts';

/** The JSON that a route takes. */
export interface JsonBody<T = unknown> {
  /** For OpenAPI. */
  readonly schema: TSchema;
  /** A larger one is answered 413. */
  readonly bytesMax: number;
  /** The key of that limit's setting. */
  readonly limit: string;
  /** Returns what is in a body; throws a 400 that says what is wrong with it. */
  read(bytes: Uint8Array): T;
}

export interface JsonBodyOptions {
  readonly bytesMax: number;
  readonly limit: string;
  /** Of the 400. */
  readonly code: string;
  /** Called for each body that is rejected here. */
  readonly onRejected?: () => void;
}

/** A body that has to fit the schema. */
export function jsonBody<S extends TSchema>(schema: S, options: JsonBodyOptions): JsonBody<Static<S>> {
  const checker = new JsonChecker(schema);
  return bodyOf(schema, options, (given) => {
    if (checker.fits(given)) return given;
    throw new Problem(400, options.code, checker.explain(given, 'the body'));
  });
}

/** A body that only its reader can judge; the schema is for OpenAPI. */
export function describedBody(schema: TSchema, options: JsonBodyOptions): JsonBody {
  return bodyOf(schema, options, (given) => given);
}

function bodyOf<T>(schema: TSchema, options: JsonBodyOptions, check: (given: unknown) => T): JsonBody<T> {
  const { bytesMax, limit, code, onRejected } = options;
  const read = (bytes: Uint8Array): T => {
    try {
      return check(parse(bytes, code));
    } catch (error) {
      onRejected?.();
      throw error;
    }
  };
  return { schema, bytesMax, limit, read };
}

function parse(bytes: Uint8Array, code: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    throw new Problem(400, code, 'the body is not valid JSON');
  }
}

import type { Attributes } from './attributes.ts';
import { property } from '../runtime/property.ts';

/** The attributes of an `exception` event for whatever was thrown (OpenTelemetry, "Recording errors"). Never throws. */
export function exceptionAttributes(exception: unknown): Attributes {
  const attributes: Attributes = {};
  const type = errorType(exception);
  if (type !== '') attributes['exception.type'] = type;
  const message = errorMessage(exception);
  if (message !== '') attributes['exception.message'] = message;
  const stack = stackWithCauses(exception);
  if (stack !== '') attributes['exception.stacktrace'] = stack;
  return attributes;
}

/**
 * Errors below the one that was recorded: what it has as its cause, and the members of an AggregateError.
 */
const CAUSES_MAX = 8;
const STACK_CHARACTERS_MAX = 16_384;

/** The stack, and behind it those of the causes, as Node prints them. */
function stackWithCauses(exception: unknown): string {
  const stack = textOf(exception, 'stack');
  const below = causesOf(exception);
  if (below.length === 0) return stack;
  const seen = new Set<unknown>([exception]);
  const parts = [stack === '' ? `${errorType(exception)}: ${errorMessage(exception)}` : stack];
  for (let next = below.shift(); next !== undefined && seen.size <= CAUSES_MAX; next = below.shift()) {
    const [label, error] = next;
    if (seen.has(error)) continue;
    seen.add(error);
    const own = textOf(error, 'stack');
    const text =
      own !== ''
        ? own
        : typeof error === 'object'
          ? `${errorType(error)}: ${errorMessage(error)}`
          : errorMessage(error);
    parts.push(`  [${label}]: ${text.replaceAll('\n', '\n  ')}`);
    below.push(...causesOf(error));
  }
  const whole = parts.join('\n');
  return whole.length > STACK_CHARACTERS_MAX ? `${whole.slice(0, STACK_CHARACTERS_MAX)}…` : whole;
}

function causesOf(error: unknown): [label: string, error: unknown][] {
  const found: [string, unknown][] = [];
  const cause = property(error, 'cause');
  if (cause !== undefined && cause !== null) found.push(['cause', cause]);
  const errors = property(error, 'errors');
  if (Array.isArray(errors)) {
    for (let at = 0; at < Math.min(errors.length, CAUSES_MAX); at++)
      found.push([`errors ${at}`, property(errors, String(at))]);
  }
  return found;
}

/** The error's class in few different words: its code where it has one (`ECONNREFUSED`), else its name. */
export function errorType(error: unknown): string {
  return textOf(error, 'code') || textOf(error, 'name') || (typeof error === 'string' ? '' : typeof error);
}

export function errorMessage(error: unknown): string {
  if (typeof error === 'object' && error !== null) return textOf(error, 'message');
  try {
    return String(error);
  } catch {
    return '';
  }
}

function textOf(value: unknown, name: string): string {
  const text = property(value, name);
  return typeof text === 'string' ? text : '';
}

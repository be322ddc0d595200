import type { Attributes } from './attributes.ts';
import { property } from './property.ts';

/** The attributes of an `exception` event for whatever was thrown (OpenTelemetry, "Recording errors"). Never throws. */
export function exceptionAttributes(exception: unknown): Attributes {
  const attributes: Attributes = {};
  const type = errorType(exception);
  if (type !== '') attributes['exception.type'] = type;
  const message = errorMessage(exception);
  if (message !== '') attributes['exception.message'] = message;
  const stack = textOf(exception, 'stack');
  if (stack !== '') attributes['exception.stacktrace'] = stack;
  return attributes;
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

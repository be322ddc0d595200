import { checkCount, checkKnownNames, checkNumber, MILLIS_MAX } from '../runtime/checks.ts';
import type { ConfigEnvironment } from './environment.ts';
import type { RetryOptions } from '../export/transport/retry.ts';
import { DEFAULT_SPAN_LIMITS, type SpanLimits } from '../span/span-limits.ts';

const LIMIT_VARIABLES: Readonly<Partial<Record<keyof SpanLimits, readonly string[]>>> = {
  attributeCountLimit: ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
  attributeValueLengthLimit: ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'],
  eventCountLimit: ['OTEL_SPAN_EVENT_COUNT_LIMIT'],
  linkCountLimit: ['OTEL_SPAN_LINK_COUNT_LIMIT'],
  attributePerEventCountLimit: ['OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT'],
  attributePerLinkCountLimit: ['OTEL_LINK_ATTRIBUTE_COUNT_LIMIT'],
};

const DEFAULT_RETRY: RetryOptions = { maxAttempts: 10, initialDelayMillis: 1000, maxDelayMillis: 30_000 };

/** Limits of a span, each with its option and variables. */
export function resolveLimits(given: Partial<SpanLimits> | undefined, env: ConfigEnvironment): SpanLimits {
  checkKnownNames('limits', given, DEFAULT_SPAN_LIMITS);
  const limits: Record<string, number> = {};
  for (const [name, fallback] of Object.entries(DEFAULT_SPAN_LIMITS)) {
    const key = name as keyof SpanLimits;
    const option = checkCount(`limits.${name}`, given?.[key], 0);
    const fromEnv = (): number | undefined => firstNumber(env, LIMIT_VARIABLES[key] ?? [], 0, Infinity, true);
    limits[name] = env.choose(`limits.${name}`, option, fromEnv, fallback as number);
  }
  return Object.freeze(limits) as unknown as SpanLimits;
}

/** The first of several variables that holds a number. */
export function firstNumber(
  env: ConfigEnvironment,
  variables: readonly string[],
  min: number,
  max: number,
  isCount = false,
): number | undefined {
  for (const variable of variables) {
    const value = env.number(variable, min, max, isCount);
    if (value !== undefined) return value;
  }
  return undefined;
}

export function resolveRetry(given: Partial<RetryOptions> | undefined): RetryOptions {
  checkKnownNames('retry', given, DEFAULT_RETRY);
  return Object.freeze({
    maxAttempts: checkCount('retry.maxAttempts', given?.maxAttempts, 1) ?? DEFAULT_RETRY.maxAttempts,
    initialDelayMillis:
      checkNumber('retry.initialDelayMillis', given?.initialDelayMillis, 0, MILLIS_MAX) ??
      DEFAULT_RETRY.initialDelayMillis,
    maxDelayMillis:
      checkNumber('retry.maxDelayMillis', given?.maxDelayMillis, 0, MILLIS_MAX) ?? DEFAULT_RETRY.maxDelayMillis,
  });
}

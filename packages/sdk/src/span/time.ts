import type { HrTime } from '@opentelemetry/api';

/** `[seconds, nanoseconds]` or milliseconds since the epoch, a Date, or a reading of `performance.now()`. */
export type TimeInput = HrTime | number | Date;

const NS_PER_MS = 1_000_000n;
/** OTLP's times have 64 bits. */
const UNIX_NANO_MAX = 2n ** 64n - 1n;

/**
 * Unix nanoseconds of a time that the application gave, exactly, or `undefined` when it is not a time that OTLP can
 * carry. Never throws. `zeroUnixNano` is when `performance.now()` was 0, `monotonicMs` what it is.
 */
export function givenUnixNano(time: unknown, zeroUnixNano: bigint, monotonicMs: number): bigint | undefined {
  try {
    const unixNano = parse(time, zeroUnixNano, monotonicMs);
    return unixNano === undefined || unixNano < 0n || unixNano > UNIX_NANO_MAX ? undefined : unixNano;
  } catch {
    // A proxy or a method of the application's threw, or there are more seconds than any number of nanoseconds.
    return undefined;
  }
}

/** Whether it has the form of a time, and is not a set of attributes. Never throws. */
export function isTimeInput(value: unknown): value is TimeInput {
  if (typeof value === 'number') return true;
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Date || Array.isArray(value);
  } catch {
    return false;
  }
}

function parse(time: unknown, zeroUnixNano: bigint, monotonicMs: number): bigint | undefined {
  if (typeof time === 'number') {
    if (!isCount(time)) return undefined;
    // OpenTelemetry allows both; no wall time of this century is below a process's age.
    return time <= monotonicMs ? zeroUnixNano + nsOfMs(time) : nsOfMs(time);
  }
  if (time instanceof Date) {
    const ms = time.getTime();
    return Number.isNaN(ms) ? undefined : nsOfMs(ms);
  }
  if (Array.isArray(time) && time.length === 2) {
    const [seconds, nanoseconds] = time as [unknown, unknown];
    if (!isCount(seconds) || !isCount(nanoseconds)) return undefined;
    return nsOfMs(seconds * 1000) + BigInt(Math.round(nanoseconds));
  }
  return undefined;
}

function nsOfMs(ms: number): bigint {
  const wholeMs = Math.floor(ms);
  return BigInt(wholeMs) * NS_PER_MS + BigInt(Math.round((ms - wholeMs) * 1e6));
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

import type { HrTime } from '@opentelemetry/api';
import type { LocalTrace } from './local-trace.ts';

/** `[seconds, nanoseconds]` or milliseconds since the epoch, a Date, or a reading of `performance.now()`. */
export type TimeInput = HrTime | number | Date;

const NS_PER_MS = 1e6;

/**
 * Nanoseconds from the trace's anchor to a time that the application gave, or `undefined` when it is not a time.
 * Exact to the nanosecond within 104 days of the anchor.
 */
export function givenTimeNs(trace: LocalTrace, time: unknown, monotonicMs: number): number | undefined {
  if (typeof time === 'number') {
    if (!Number.isFinite(time) || time < 0) return undefined;
    // OpenTelemetry allows both; no wall time of this century is below a process's age.
    if (time <= monotonicMs) return (time - trace.anchorMonotonicMs) * NS_PER_MS;
    return sinceAnchorNs(trace, Math.floor(time), (time % 1) * NS_PER_MS);
  }
  if (time instanceof Date) {
    const ms = time.getTime();
    return Number.isNaN(ms) ? undefined : sinceAnchorNs(trace, ms, 0);
  }
  if (Array.isArray(time) && time.length === 2) {
    const [seconds, nanoseconds] = time as [unknown, unknown];
    if (!isCount(seconds) || !isCount(nanoseconds)) return undefined;
    return sinceAnchorNs(trace, seconds * 1000, nanoseconds);
  }
  return undefined;
}

/** Moves the anchor of a new local root to the start that the application gave for it, so that old times stay exact. */
export function anchorAtGivenTime(trace: LocalTrace, time: unknown, monotonicMs: number): void {
  const ns = givenTimeNs(trace, time, monotonicMs);
  if (ns === undefined || typeof time === 'number') return;
  const [unixMs, subMs] = Array.isArray(time) ? splitHrTime(time as HrTime) : [(time as Date).getTime(), 0];
  const shiftMs = unixMs - trace.anchorUnixMs + (subMs - trace.anchorNs) / NS_PER_MS;
  trace.anchorMonotonicMs += shiftMs;
  trace.anchorUnixMs = unixMs;
  trace.anchorNs = subMs;
}

function splitHrTime([seconds, nanoseconds]: HrTime): [unixMs: number, subMs: number] {
  const ms = Math.floor(nanoseconds / NS_PER_MS);
  return [seconds * 1000 + ms, nanoseconds - ms * NS_PER_MS];
}

function sinceAnchorNs(trace: LocalTrace, unixMs: number, ns: number): number {
  return (unixMs - trace.anchorUnixMs) * NS_PER_MS + (ns - trace.anchorNs);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

import { traceStateMember, withTraceStateMember } from '../../span/trace-state.ts';
import { parseThreshold, type Threshold } from './threshold.ts';

const VENDOR = 'ot';
/** W3C's limit for a member's value, and OpenTelemetry's for its own. */
const VALUE_CHARACTERS_MAX = 256;

/** Sampling in OpenTelemetry's member of a tracestate. Of a sub-key that is there twice, the first counts. */
export interface OtMember {
  /** Whether there is a `th`, well-formed or not. */
  readonly hasThreshold: boolean;
  /** What `th` states; `undefined` where it is malformed. */
  readonly threshold: Threshold | undefined;
  /** What `rv` states, as two 28-bit integers; `undefined` where it is malformed, and then as if it were absent. */
  readonly randomness: { readonly high28: number; readonly low28: number } | undefined;
}

const NONE: OtMember = { hasThreshold: false, threshold: undefined, randomness: undefined };

// A caller keeps to a threshold for long, and sends the same text with every request.
let lastText = '';
let lastMember = NONE;

export function otMember(traceState: string): OtMember {
  if (traceState === lastText) return lastMember;
  lastMember = readMember(traceState);
  lastText = traceState;
  return lastMember;
}

function readMember(traceState: string): OtMember {
  const th = otValue(traceState, 'th');
  const rv = otValue(traceState, 'rv');
  if (th === undefined && rv === undefined) return NONE;
  return {
    hasThreshold: th !== undefined,
    threshold: th === undefined ? undefined : parseThreshold(th),
    randomness:
      rv !== undefined && /^[0-9a-f]{14}$/.test(rv)
        ? { high28: parseInt(rv.slice(0, 7), 16), low28: parseInt(rv.slice(7), 16) }
        : undefined,
  };
}

/**
 * The value of a sub-key (`th`, `rv`) of OpenTelemetry's member, or `undefined`. Of one that is there twice, the first
 * counts.
 */
export function otValue(traceState: string, subKey: string): string | undefined {
  if (!traceState.includes('ot=')) return undefined;
  const member = traceStateMember(traceState, VENDOR);
  if (member === undefined || member.length > VALUE_CHARACTERS_MAX) return undefined;
  for (const pair of member.split(';')) {
    if (pair.startsWith(`${subKey}:`)) return pair.slice(subKey.length + 1);
  }
  return undefined;
}

/**
 * The tracestate with a sub-key of OpenTelemetry's member set, or erased for `undefined`; its others are kept. Where
 * they leave no room, the last ones go, but never `rv`: a member that is too long would cost the whole header at the
 * next service.
 */
export function withOtValue(traceState: string, subKey: string, value: string | undefined): string {
  if (traceState === '') return value === undefined ? '' : `${VENDOR}=${subKey}:${value}`;
  if (value === undefined && otValue(traceState, subKey) === undefined) return traceState;
  const member = traceStateMember(traceState, VENDOR);
  const pairs = member === undefined ? [] : member.split(';').filter((pair) => !pair.startsWith(`${subKey}:`));
  if (value !== undefined) pairs.unshift(`${subKey}:${value}`);
  for (let i = pairs.length - 1; i > 0 && pairs.join(';').length > VALUE_CHARACTERS_MAX; i--) {
    if (pairs[i]?.startsWith('rv:') !== true) pairs.splice(i, 1);
  }
  return withTraceStateMember(traceState, VENDOR, pairs.join(';'));
}

import { traceStateMember, withTraceStateMember } from '../propagation/trace-state.ts';

const VENDOR = 'ot';
/** W3C's limit for a member's value, and OpenTelemetry's for its own. */
const VALUE_CHARACTERS_MAX = 256;

/** The value of a sub-key (`th`, `rv`) of OpenTelemetry's member, or `undefined`. Of one that stands twice, the first counts. */
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
 * The tracestate with a sub-key of OpenTelemetry's member set, or erased for `undefined`; its others are kept. Where they leave no room,
 * the last ones go, but never `rv`: a member that is too long would cost the whole header at the next service.
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

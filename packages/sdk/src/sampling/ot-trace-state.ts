import { traceStateMember, withTraceStateMember } from '../propagation/trace-state.ts';

const VENDOR = 'ot';
/** OpenTelemetry's own limit for its member. */
const VALUE_CHARACTERS_MAX = 256;

/** The value of a sub-key (`th`, `rv`) of OpenTelemetry's member, or `undefined`. */
export function otValue(traceState: string, subKey: string): string | undefined {
  if (!traceState.includes('ot=')) return undefined;
  const member = traceStateMember(traceState, VENDOR);
  if (member === undefined || member.length > VALUE_CHARACTERS_MAX) return undefined;
  for (const pair of member.split(';')) {
    if (pair.startsWith(`${subKey}:`)) return pair.slice(subKey.length + 1);
  }
  return undefined;
}

/** The tracestate with a sub-key of OpenTelemetry's member set, or erased for `undefined`; its others are kept. */
export function withOtValue(traceState: string, subKey: string, value: string | undefined): string {
  if (traceState === '') return value === undefined ? '' : `${VENDOR}=${subKey}:${value}`;
  if (value === undefined && otValue(traceState, subKey) === undefined) return traceState;
  const member = traceStateMember(traceState, VENDOR);
  const pairs = member === undefined ? [] : member.split(';').filter((pair) => !pair.startsWith(`${subKey}:`));
  if (value !== undefined) pairs.unshift(`${subKey}:${value}`);
  return withTraceStateMember(traceState, VENDOR, pairs.join(';'));
}

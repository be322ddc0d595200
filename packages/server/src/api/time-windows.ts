import { Problem } from '../http/problem.ts';
import type { TimeWindow } from '../insight/window-slices.ts';

/** The last moment that a signed number of 64 bits holds, as spans have it. */
const LAST_UNIX_NANO = 2n ** 63n - 1n;
export const HOUR_NS = 3_600_000_000_000n;

/** Throws a 400 for what is no window. */
export function windowOf(fromName: string, fromUnixNano: bigint, toName: string, toUnixNano: bigint): TimeWindow {
  if (toUnixNano > LAST_UNIX_NANO) {
    throw new Problem(400, 'invalid_windows', `${toName} is after the year 2262; expected nanoseconds since 1970`);
  }
  if (fromUnixNano >= toUnixNano) throw new Problem(400, 'invalid_windows', `${fromName} is not before ${toName}`);
  return { fromUnixNano, toUnixNano };
}

export function before(unixNano: bigint, lengthNs: bigint): bigint {
  return unixNano > lengthNs ? unixNano - lengthNs : 0n;
}

import { randomUUID } from 'node:crypto';

/** The store has whole seconds. */
const SECOND_MS = 1_000;

interface Lifetime {
  readonly session: string;
  readonly isUp: boolean;
  readonly seen: Date;
}

/** The session of a process that starts now; `nowMs`: milliseconds since the epoch. */
export function sessionFrom(nowMs: number): string {
  return `${randomUUID()} since ${Math.floor(nowMs)}`;
}

/** When a session began, in milliseconds since the epoch; null for one of a version that did not say. */
export function startOf(session: string): number | null {
  const [, since] = / since (\d{1,15})$/.exec(session) ?? [];
  return since === undefined ? null : Number(since);
}

/**
 * Since when one collector or another has been there without a break, in milliseconds since the epoch: those that
 * listen now, and those that ended no earlier than these began. 0 where one of them does not say when it began.
 *
 * @param ownMs when this collector began.
 */
export function thereSince(ownMs: number, others: readonly Lifetime[]): number {
  let sinceMs = ownMs;
  for (const one of others.toSorted((x, y) => untilOf(y) - untilOf(x))) {
    if (untilOf(one) < sinceMs) break;
    sinceMs = Math.min(sinceMs, startOf(one.session) ?? 0);
  }
  return sinceMs;
}

function untilOf({ isUp, seen }: Lifetime): number {
  return isUp ? Number.MAX_VALUE : seen.getTime() + SECOND_MS;
}

import type { AlertRule } from './rules/rule.ts';
import type { Verdict } from './judge.ts';

/** `pending`: the limit is passed, and not for long enough yet. */
export type AlertStatus = 'ok' | 'pending' | 'firing';

/** What is remembered of a rule; plain JSON. All times are milliseconds since the epoch. */
export interface AlertState {
  readonly status: AlertStatus;
  /** The end of the window with which the status began. */
  readonly sinceMs: number;
  /** The end of the last window that was looked at; null before the first. */
  readonly evaluatedMs: number | null;
  /** Of the last window; null before the first, and where it could not be looked at. */
  readonly verdict: Verdict | null;
  /** The end of the last window that passed the limit; null for none. */
  readonly beyondMs: number | null;
  /** The end of the first of the last windows that have all kept the limit; null where the last one has not. */
  readonly withinSinceMs: number | null;
  /** Where the rule fires. */
  readonly incident: Incident | null;
}

/** From when a rule fires until it resolves. */
export interface Incident {
  /** Stays the same over its notifications and over restarts. */
  readonly dedupKey: string;
  /** The end of the window with which the rule fired. */
  readonly firedMs: number;
  /** When the limit began to be passed, as far as whole windows show. */
  readonly beganMs: number;
  /** When people were notified last; null while they were not. */
  readonly notifiedMs: number | null;
  readonly notifications: number;
  /** Channels that were notified, which are told when it is over. */
  readonly channels: readonly string[];
}

export const NEW_STATE: AlertState = {
  status: 'ok',
  sinceMs: 0,
  evaluatedMs: null,
  verdict: null,
  beyondMs: null,
  withinSinceMs: null,
  incident: null,
};

/** So many steps may lie between two looks: a query that fails once or takes long must not begin anew each time. */
const GAP_STEPS = 3;

export type Timing = Pick<AlertRule, 'windowMs' | 'forMs' | 'resolveForMs'> & {
  /** From one evaluation to the next. */
  readonly stepMs: number;
};

export interface Step {
  readonly state: AlertState;
  readonly event: 'fired' | 'resolved' | null;
}

/**
 * The state after one more window, which ended at `endMs`. A rule fires only when all windows of `forMs` have passed
 * the limit, and resolves only when all of `resolveForMs` have kept it. A window that decides nothing ends what was
 * pending and keeps what fires. Windows that were not looked at count as such, where the last one does not reach back
 * to the one before and more than two are missing.
 *
 * @param dedupKeyOf names the incident that begins.
 */
export function stepAlert(
  state: AlertState,
  verdict: Verdict,
  endMs: number,
  { windowMs, forMs, resolveForMs, stepMs }: Timing,
  dedupKeyOf: (firedMs: number) => string,
): Step {
  const agoMs = state.evaluatedMs === null ? Number.POSITIVE_INFINITY : endMs - state.evaluatedMs;
  const isGap = agoMs < 0 || agoMs > Math.max(windowMs, GAP_STEPS * stepMs);
  const looked = {
    ...state,
    evaluatedMs: endMs,
    verdict,
    beyondMs: verdict === 'beyond' ? endMs : state.beyondMs,
    withinSinceMs: verdict === 'within' ? (isGap ? endMs : (state.withinSinceMs ?? endMs)) : null,
  };
  if (state.status === 'firing') {
    const isOver = looked.withinSinceMs !== null && endMs - looked.withinSinceMs >= resolveForMs;
    if (!isOver) return { state: looked, event: null };
    return { state: { ...looked, status: 'ok', sinceMs: endMs, incident: null }, event: 'resolved' };
  }
  if (verdict !== 'beyond') {
    const isNew = state.status !== 'ok' || state.evaluatedMs === null;
    return { state: { ...looked, status: 'ok', sinceMs: isNew ? endMs : state.sinceMs }, event: null };
  }
  const sinceMs = state.status === 'pending' && !isGap ? state.sinceMs : endMs;
  if (endMs - sinceMs < forMs) return { state: { ...looked, status: 'pending', sinceMs }, event: null };
  const incident = {
    dedupKey: dedupKeyOf(endMs),
    firedMs: endMs,
    beganMs: sinceMs - windowMs,
    notifiedMs: null,
    notifications: 0,
    channels: [],
  };
  return { state: { ...looked, status: 'firing', sinceMs: endMs, incident }, event: 'fired' };
}

/** A window that could not be looked at changes nothing: what is pending waits for the next. */
export function skipAlert(state: AlertState): AlertState {
  return { ...state, verdict: null };
}

export type Notification = 'fired' | 'repeated' | 'resolved';

/**
 * Which notification is due after a step, if any; `before`: the state before it, which has the incident that is over.
 * While a rule is silenced nobody hears that it fires; if it still does when the silence ends, they do then.
 */
export function notificationDue(
  before: AlertState,
  { state, event }: Step,
  { repeatEveryMs, silencedUntilMs }: Pick<AlertRule, 'repeatEveryMs' | 'silencedUntilMs'>,
  nowMs: number,
): Notification | null {
  // Whoever was told that it fires hears that it is over, and nobody else.
  if (event === 'resolved') return (before.incident?.notifications ?? 0) > 0 ? 'resolved' : null;
  if (silencedUntilMs !== null && nowMs < silencedUntilMs) return null;
  const { incident } = state;
  if (incident === null) return null;
  if (incident.notifications === 0) return 'fired';
  const { notifiedMs } = incident;
  return repeatEveryMs > 0 && notifiedMs !== null && nowMs - notifiedMs >= repeatEveryMs ? 'repeated' : null;
}

/** The state when people have been notified. */
export function notified(state: AlertState, channels: readonly string[], nowMs: number): AlertState {
  const { incident } = state;
  if (incident === null) return state;
  return {
    ...state,
    incident: {
      ...incident,
      notifiedMs: nowMs,
      notifications: incident.notifications + 1,
      channels: [...new Set([...incident.channels, ...channels])],
    },
  };
}

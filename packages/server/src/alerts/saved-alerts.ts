import { NEW_STATE, type AlertState } from './alert-state.ts';
import type { AlertMessage } from './channels/alert-message.ts';
import type { ShownReading } from './tell-alert.ts';

/** What is kept of a rule over a restart, and while another collector runs the job; plain JSON. */
export interface SavedRule {
  readonly state: AlertState;
  /** Of the last window that was measured. */
  readonly reading: ShownReading | null;
  /** For how many requests one that is stored stood, when there were some. */
  readonly weight: number;
  /** The message with which the incident was notified, for the one that says that it is over. */
  readonly told: AlertMessage | null;
}

/** A message that a channel has yet to take. */
export interface WaitingMessage {
  readonly channel: string;
  readonly message: AlertMessage;
  readonly attempts: number;
  /** Not before; milliseconds since the epoch. */
  readonly dueMs: number;
  /** Of several recipients those that have yet to get it; all where it is not given. */
  readonly left?: readonly string[];
}

export interface SavedAlerts {
  readonly version: 1;
  /** By the name of the rule. */
  readonly rules: Readonly<Record<string, SavedRule>>;
  /** The oldest first. */
  readonly waiting: readonly WaitingMessage[];
}

export const NOTHING_SAVED: SavedAlerts = { version: 1, rules: {}, waiting: [] };
export const NEW_RULE: SavedRule = { state: NEW_STATE, reading: null, weight: 1, told: null };

/** Of each channel and incident the message that comes next: what follows waits for it. */
export function firstOfEach(waiting: readonly WaitingMessage[]): WaitingMessage[] {
  const earlier = new Set<string>();
  return waiting.filter(({ channel, message }) => {
    const key = `${channel} ${message.dedupKey}`;
    const isFirst = !earlier.has(key);
    earlier.add(key);
    return isFirst;
  });
}

/** Where the states are kept. */
export interface AlertStates {
  /** What was saved last; null where nothing was, or nothing that can be used. Rejects where that cannot be known. */
  load(): Promise<SavedAlerts | null>;
  /** Rejects where it is not certain that it is kept. One call at a time. */
  save(alerts: SavedAlerts): Promise<void>;
}

/** Null for what this version has not written: of a newer one nothing is known. */
export function parseSaved(text: string): SavedAlerts | null {
  try {
    const saved = JSON.parse(text) as Partial<SavedAlerts> | null;
    const isOurs = saved?.version === 1 && typeof saved.rules === 'object' && Array.isArray(saved.waiting);
    return isOurs ? (saved as SavedAlerts) : null;
  } catch {
    return null;
  }
}

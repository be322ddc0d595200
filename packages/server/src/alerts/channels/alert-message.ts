import type { AlertRule } from '../rules/rule.ts';

/** `test`: nothing has happened, and somebody tries whether it would be heard. */
export type AlertEvent = 'fired' | 'repeated' | 'resolved' | 'test';

/** What a channel is given to tell people; as JSON it is what a webhook receives. All texts are one line each. */
export interface AlertMessage {
  /** Of this layout. */
  readonly version: 1;
  /** The same each time that this message is sent; another one for each message. */
  readonly id: string;
  /** The same for all messages of one incident. */
  readonly dedupKey: string;
  /** The same for all messages of the rule. */
  readonly fingerprint: string;
  readonly event: AlertEvent;
  readonly headline: string;
  /** What is known besides, the most important first. */
  readonly details: readonly string[];
  readonly rule: {
    readonly name: string;
    readonly watch: AlertRule['watch'];
    readonly severity: AlertRule['severity'];
    readonly description: string;
    readonly service: string | null;
    readonly operation: string | null;
    readonly kind: string | null;
    readonly attributes: Readonly<Record<string, string>>;
    readonly links: Readonly<Record<string, string>>;
  };
  /** Times as in `2026-11-30T16:04:00.000Z`; null where they are not known, as in a test. */
  readonly beganAt: string | null;
  readonly firedAt: string | null;
  readonly resolvedAt: string | null;
  /** Null where nothing was measured. */
  readonly measured: Measured | null;
  /** Who is likeliest to be the cause; null where none stands out. */
  readonly suspect: {
    readonly service: string;
    readonly operation: string | null;
    readonly kind: string;
    readonly text: string;
  } | null;
  /** A trace that shows it; null where none was found. */
  readonly example: { readonly traceId: string; readonly headline: string; readonly url: string } | null;
  /** Of the UI: the traces that the rule is about. */
  readonly url: string;
}

export interface Measured {
  readonly value: number | null;
  /** The interval; `upper` is null where nothing bounds it. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly unit: 'requestsPerSecond' | 'share' | 'ns' | 'score';
  readonly limit: { readonly direction: 'above' | 'below'; readonly value: number } | null;
  readonly confidence: number;
  readonly windowSeconds: number;
  /** As an estimate of all that there were. */
  readonly requests: number;
}

/** What a rule watches: a rate, the share that failed, a quantile of durations, or whatever is unusual. */
export type Watch = 'rate' | 'errors' | 'latency' | 'unusual';
export const WATCHES: readonly Watch[] = ['rate', 'errors', 'latency', 'unusual'];

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What becomes of a rule while there are no requests: nothing, or as if the limit were passed or kept. */
export const NO_DATA = ['keep', 'fire', 'resolve'] as const;
export type NoData = (typeof NO_DATA)[number];

/** The kinds of spans by their names, with OTLP's numbers. */
export const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type Kind = keyof typeof KINDS;

/** Which requests, or which spans. */
export interface Selection {
  /** Null for the whole system, which only a rule for what is unusual may watch. */
  readonly service: string | null;
  readonly operation: string | null;
  /** Null for requests. */
  readonly kind: Kind | null;
  /** Each has to match. */
  readonly attributes: readonly { readonly key: string; readonly value: string }[];
}

export interface Limit {
  readonly direction: 'above' | 'below';
  /** Requests a second, a share from 0 to 1, or nanoseconds, as the rule watches. */
  readonly value: number;
}

export interface AlertRule {
  /** Unique among the rules; one line. */
  readonly name: string;
  readonly watch: Watch;
  readonly of: Selection;
  /** Null for what is unusual. */
  readonly limit: Limit | null;
  /** Of a latency; above 0 and below 1. */
  readonly quantile: number;
  /** What an evaluation looks at: whole minutes. */
  readonly windowMs: number;
  /** How long the limit has to be passed before the rule fires. */
  readonly forMs: number;
  /** How long it has to be kept before the rule resolves. */
  readonly resolveForMs: number;
  /** Of what is unusual: the time before the window that it is compared with. */
  readonly baselineMs: number;
  /** Of the interval, such as 0.99. */
  readonly confidence: number;
  /** With fewer requests in the window nothing is decided. */
  readonly minRequests: number;
  /** Null where the rule does not say: it keeps its state, and a rate goes by what zero requests mean. */
  readonly noData: NoData | null;
  readonly severity: Severity;
  /** Names of channels. */
  readonly notify: readonly string[];
  /** 0 for never. */
  readonly repeatEveryMs: number;
  /** Until then nobody is notified; milliseconds since the epoch, null for not at all. */
  readonly silencedUntilMs: number | null;
  /** For people: a sentence or two; '' for none. */
  readonly description: string;
  /** By their names: a runbook, a dashboard. */
  readonly links: Readonly<Record<string, string>>;
}

/** A secret is never in the file of the rules, but where the file says. */
export type Secret = { readonly env: string } | { readonly file: string };
/** What may be in the file, or be a secret. */
export type Text = string | Secret;

export interface WebhookChannel {
  readonly type: 'webhook';
  readonly name: string;
  readonly url: Text;
  readonly headers: Readonly<Record<string, Text>>;
  /** Of the signature; null for none. */
  readonly secret: Secret | null;
}

export interface SlackChannel {
  readonly type: 'slack';
  readonly name: string;
  readonly url: Secret;
}

export interface EmailChannel {
  readonly type: 'email';
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** From the first byte on, by STARTTLS, which has to succeed, or not at all. */
  readonly tls: 'tls' | 'starttls' | 'none';
  /** Null without a login. */
  readonly login: { readonly user: string; readonly password: Secret } | null;
  /** Certificates that are trusted in place of those that Node knows; null for Node's. */
  readonly caFile: string | null;
  readonly from: string;
  readonly to: readonly string[];
}

export type Channel = WebhookChannel | SlackChannel | EmailChannel;

/** What a file of alerts says. */
export interface AlertRules {
  readonly rules: readonly AlertRule[];
  readonly channels: readonly Channel[];
}

export const NO_RULES: AlertRules = { rules: [], channels: [] };

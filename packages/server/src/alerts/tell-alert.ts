import { createHash } from 'node:crypto';
import { formatDuration } from '@throughline/trace';
import { uiPath, writeTag } from '@throughline/trace/client';
import { quantityText, shortNumber } from '../quantity-text.ts';
import type { Incident } from './alert-state.ts';
import type { AlertEvent, AlertMessage, Measured } from './channels/alert-message.ts';
import { plainText } from './channels/plain-text.ts';
import type { AlertRule, Watch } from './rules/rule.ts';

/** What was found out for a message: no part of it has to be. */
export interface AlertFindings {
  /** A suspect that stands out. */
  readonly suspect: {
    readonly service: string;
    readonly operation: string | null;
    readonly kind: string;
    readonly text: string;
  } | null;
  readonly example: { readonly traceId: string; readonly headline: string } | null;
}

export const NO_FINDINGS: AlertFindings = { suspect: null, example: null };

/** What a window says, as it is remembered; plain JSON. */
export interface ShownReading {
  readonly value: number | null;
  readonly lower: number | null;
  /** Null where nothing bounds it. */
  readonly upper: number | null;
  readonly requests: number;
  /** The length of what was looked at; missing where an earlier version has saved it, and then the rule's. */
  readonly windowMs?: number;
}

export interface AlertOccasion {
  readonly event: AlertEvent;
  /** Null in a test. */
  readonly incident: Incident | null;
  /** Null where nothing was measured. */
  readonly reading: ShownReading | null;
  /** The end of the window. */
  readonly endMs: number;
  readonly findings: AlertFindings;
  /** Of the UI, without a slash at its end. */
  readonly publicUrl: string;
}

export const UNITS: Readonly<Record<Watch, Measured['unit']>> = {
  rate: 'requestsPerSecond',
  errors: 'share',
  latency: 'ns',
  unusual: 'score',
};

/** Stays the same as long as the rule has its name. */
export function fingerprintOf({ name }: Pick<AlertRule, 'name'>): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

/** Another one for each time that the rule fires. */
export function dedupKeyOf(rule: Pick<AlertRule, 'name'>, firedMs: number): string {
  return `${fingerprintOf(rule)}-${Math.floor(firedMs / 1_000)}`;
}

/** The story of an alert, as every channel tells it. */
export function tellAlert(rule: AlertRule, occasion: AlertOccasion): AlertMessage {
  const { event, incident, reading, endMs, findings, publicUrl } = occasion;
  const dedupKey = incident?.dedupKey ?? dedupKeyOf(rule, endMs);
  const { example, suspect } = findings;
  const times = incident === null ? null : { beganMs: incident.beganMs, firedMs: incident.firedMs };
  return {
    version: 1,
    id: `${dedupKey}-${event}-${incident?.notifications ?? 0}`,
    dedupKey,
    fingerprint: fingerprintOf(rule),
    event,
    headline: headlineOf(rule, occasion),
    details: detailsOf(rule, occasion),
    rule: {
      name: rule.name,
      watch: rule.watch,
      severity: rule.severity,
      description: rule.description,
      service: rule.of.service,
      operation: rule.of.operation,
      kind: rule.of.kind,
      attributes: Object.fromEntries(rule.of.attributes.map(({ key, value }) => [key, value])),
      links: rule.links,
    },
    beganAt: times === null ? null : isoOf(times.beganMs),
    firedAt: times === null ? null : isoOf(times.firedMs),
    resolvedAt: event === 'resolved' ? isoOf(endMs) : null,
    measured: reading === null ? null : measuredOf(rule, reading),
    suspect: suspect === null ? null : { ...suspect, text: plainText(suspect.text) },
    example:
      example === null
        ? null
        : {
            traceId: example.traceId,
            headline: plainText(example.headline),
            url: `${publicUrl}${uiPath('trace', { traceId: example.traceId })}`,
          },
    url: addressOf(rule, times?.beganMs ?? endMs - rule.windowMs, endMs, publicUrl),
  };
}

function measuredOf(rule: AlertRule, { value, lower, upper, requests, windowMs }: ShownReading): Measured {
  return {
    value,
    lower,
    upper,
    unit: UNITS[rule.watch],
    limit: rule.limit,
    confidence: rule.confidence,
    windowSeconds: (windowMs ?? rule.windowMs) / 1_000,
    requests: Math.round(requests),
  };
}

const PREFIXES: Readonly<Record<AlertEvent, string>> = {
  fired: '',
  repeated: 'Still: ',
  resolved: 'Resolved: ',
  test: 'Test: ',
};

function headlineOf(rule: AlertRule, { event, reading, findings: { suspect } }: AlertOccasion): string {
  const what = plainText(selectionOf(rule), 120);
  if (event === 'test') return `${PREFIXES.test}this is how the rule "${plainText(rule.name)}" would be heard`;
  if (rule.watch === 'unusual') {
    const why = suspect === null || event === 'resolved' ? '' : `: ${plainText(suspect.text, 160)}`;
    if (event === 'resolved') return `${PREFIXES.resolved}nothing is unusual in ${what}`;
    return `${event === 'repeated' ? 'Still unusual' : 'Unusual'}: ${what}${why}`;
  }
  return `${PREFIXES[event]}${what}: ${measuredText(rule, reading)}`;
}

function measuredText(rule: AlertRule, reading: ShownReading | null): string {
  const { limit, watch } = rule;
  const bound = limit === null ? '' : `the limit is ${quantityText(UNITS[watch], limit.value)}`;
  if (reading === null || reading.value === null) return `no requests; ${bound}`;
  const value = quantityText(UNITS[watch], reading.value);
  const side =
    limit === null || reading.value > limit.value !== (limit.direction === 'above')
      ? `; ${bound}`
      : `, ${limit.direction} ${quantityText(UNITS[watch], limit.value)}`;
  switch (watch) {
    case 'errors':
      return `${value} of requests fail${side}`;
    case 'latency':
      return `p${shortNumber(rule.quantile * 100)} is ${value}${side}`;
    default:
      return `${value}${side}`;
  }
}

function detailsOf(rule: AlertRule, occasion: AlertOccasion): string[] {
  const { event, incident, reading, endMs, findings } = occasion;
  if (event === 'test') return ['Nothing has happened. Somebody has run "throughline alerts test".'];
  const { suspect, example } = findings;
  return [
    ...(reading === null ? [] : intervalText(rule, reading, endMs)),
    ...(incident === null ? [] : [sinceText(incident, event, endMs)]),
    ...(suspect === null || rule.watch === 'unusual' ? [] : [`Likeliest cause: ${plainText(suspect.text)}`]),
    ...(example === null ? [] : [`An example: ${plainText(example.headline)}`]),
    ...(rule.description === '' ? [] : [rule.description]),
  ];
}

function intervalText(rule: AlertRule, { lower, upper, requests, windowMs }: ShownReading, endMs: number): string[] {
  if (lower === null) return [];
  const { watch, confidence } = rule;
  const from = quantityText(UNITS[watch], lower);
  const range =
    upper === null ? `It is at least ${from}` : `It is between ${from} and ${quantityText(UNITS[watch], upper)}`;
  const count = Math.round(requests);
  const seen = `${count} ${count === 1 ? 'request' : 'requests'} in ${formatDuration((windowMs ?? rule.windowMs) * 1e6)} to ${timeOf(endMs)}`;
  return [`${range} with ${shortNumber(confidence * 100)}% confidence: ${seen}.`];
}

function sinceText({ beganMs, firedMs }: Incident, event: AlertEvent, endMs: number): string {
  const lasted = formatDuration(Math.max(0, endMs - beganMs) * 1e6);
  return event === 'resolved'
    ? `It began at ${timeOf(beganMs)}, fired at ${timeOf(firedMs)} and lasted ${lasted}.`
    : `It began at ${timeOf(beganMs)}, ${lasted} ago.`;
}

/** `checkout POST /pay (server, tenant=acme)`. */
function selectionOf({ of: { service, operation, kind, attributes } }: Pick<AlertRule, 'of'>): string {
  if (service === null) return 'any service';
  const more = [...(kind === null ? [] : [kind]), ...attributes.map(({ key, value }) => `${key}=${value}`)];
  const name = service === '' ? '(no service)' : service;
  return `${name}${operation === null ? '' : ` ${operation}`}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}

function addressOf({ of, watch, limit }: AlertRule, fromMs: number, toMs: number, publicUrl: string): string {
  const search = new URLSearchParams();
  if (of.service !== null && of.service !== '') search.set('service', of.service);
  if (of.operation !== null) search.set('operation', of.operation);
  if (watch === 'errors' && limit?.direction === 'above') search.set('status', 'error');
  if (watch === 'latency' && limit?.direction === 'above') search.set('min', `${limit.value / 1e6}ms`);
  for (const tag of of.attributes) search.append('tag', writeTag(tag));
  search.set('from', isoOf(fromMs));
  search.set('to', isoOf(toMs));
  return `${publicUrl}${uiPath('explore', { search: search.toString() })}`;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** `2026-11-30 16:04 UTC`. */
function timeOf(ms: number): string {
  return `${isoOf(ms).slice(0, 16).replace('T', ' ')} UTC`;
}

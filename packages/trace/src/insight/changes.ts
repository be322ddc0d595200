import { formatDuration } from '../format-duration.ts';
import { SpanKind } from '../otlp.ts';
import { examplesOf } from './examples.ts';
import { kindOf, ownTimes, serviceOf } from './own-times.ts';
import type { SpanTable } from './span-table.ts';
import { BASELINE_MIN, likelihoodRatio, quantile, riseOf, usualOf, weightOf } from './statistics.ts';

/**
 * What may change between two windows: requests to an operation become `slower` or `faster`, more of them fail
 * (`failures`) or fewer (`fewer-failures`), there are more or fewer of them (`more-requests`, `fewer-requests`); an
 * operation or a version is there that was not before (`new-operation`, `new-version`), or is not any more
 * (`gone-operation`).
 */
export type ChangeKind =
  | 'slower'
  | 'faster'
  | 'failures'
  | 'fewer-failures'
  | 'more-requests'
  | 'fewer-requests'
  | 'new-operation'
  | 'gone-operation'
  | 'new-version';

/** Something that differs between two windows. */
export interface Change {
  readonly kind: ChangeKind;
  readonly service: string;
  /** Null for what the whole service has in common, such as its version. */
  readonly operation: string | null;
  /** How much speaks for it, and how much it matters; comparable within one list. */
  readonly score: number;
  /** The measure in the baseline and in the incident, in its unit; null where it has none. */
  readonly before: number | null;
  readonly after: number | null;
  readonly unit: 'ns' | 'share' | 'perMinute' | null;
  /** Requests that were looked at. */
  readonly count: number;
  readonly baselineCount: number;
  readonly text: string;
  /** Examples of the incident; at most three. */
  readonly traceIds: readonly string[];
  readonly spanIds: readonly string[];
}

/** A table, and how much of the traffic it shows. */
export interface TableOfWindow {
  readonly table: SpanTable;
  readonly minutes: number;
  /** Share of the window's traces that is in the table, above 0 up to 1. */
  readonly share: number;
}

const MS = 1e6;
const SLACK_NS = 2 * MS;
const LIKELIHOOD_MIN = 6;
const FAILURE_SHARE_MIN = 0.005;
/** Rates that differ by less are not worth a word. */
const RATE_RATIO_MIN = 1.5;
const RATE_FALL_MAX = 1 / RATE_RATIO_MIN;
/** Traffic that doubles is news, and no harm. */
const RATE_WEIGHT = 0.3;
const NEW_WEIGHT = 0.5;
/** Of the versions before so many are named. */
const VERSIONS_MAX = 3;
/** Fewer requests than this do not make an operation new or gone. */
const REQUESTS_MIN = 5;

interface Requests {
  readonly spans: number[];
  failed: number;
}

/** All that differs, what matters most first. Both tables share a vocabulary. */
export function findChanges(baseline: TableOfWindow, incident: TableOfWindow): Change[] {
  const before = requestsOf(baseline.table);
  const during = requestsOf(incident.table);
  const operations = new Set([...before.keys(), ...during.keys()]);
  const changes = [...operations].flatMap((operation) =>
    changesOf(operation, baseline, before.get(operation) ?? NONE, incident, during.get(operation) ?? NONE),
  );
  return [...changes, ...newVersions(baseline.table, incident.table)].toSorted(
    (a, b) => b.score - a.score || compareTexts(a.text, b.text),
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

const NONE: Requests = { spans: [], failed: 0 };

/** Spans that begin the work of a service, and calls that nobody answered, by operation. */
function requestsOf(table: SpanTable): Map<number, Requests> {
  const requests = new Map<number, Requests>();
  const { callee } = ownTimes(table);
  for (let span = 0; span < table.count; span++) {
    // What its parent is, nobody knows.
    if (table.isOrphan[span] === 1) continue;
    const kind = kindOf(table, span);
    const parent = table.parent[span]!;
    const isUnanswered = kind === SpanKind.client && callee[span]! < 0;
    const isEntry = parent < 0 ? kind !== SpanKind.client : serviceOf(table, parent) !== serviceOf(table, span);
    if (!isEntry && !isUnanswered && kind !== SpanKind.server && kind !== SpanKind.consumer) continue;
    const operation = table.operation[span]!;
    let known = requests.get(operation);
    if (known === undefined) {
      known = { spans: [], failed: 0 };
      requests.set(operation, known);
    }
    known.spans.push(span);
    if (table.failure[span]! !== 0) known.failed++;
  }
  return requests;
}

function changesOf(
  operation: number,
  baseline: TableOfWindow,
  before: Requests,
  incident: TableOfWindow,
  during: Requests,
): Change[] {
  const { vocabulary } = incident.table;
  const { service, name, peer } = vocabulary.operations[operation]!;
  const label = `${vocabulary.services.textOf(service)} ${name}${peer === '' ? '' : ` (${peer})`}`;
  const base = {
    service: vocabulary.services.textOf(service),
    operation: name,
    count: during.spans.length,
    baselineCount: before.spans.length,
  };
  const examples = (spans: readonly number[]): Pick<Change, 'traceIds' | 'spanIds'> =>
    examplesOf(incident.table, spans);
  const changes: Change[] = [];
  if (before.spans.length >= BASELINE_MIN && during.spans.length > 0) {
    const duration = durationChange(baseline.table, before.spans, incident.table, during.spans);
    if (duration !== null) {
      const { kind, score, usual, now, spans } = duration;
      const text = `${label} is ${kind}: median ${formatDuration(usual)} → ${formatDuration(now)}`;
      changes.push({ ...base, kind, score, before: usual, after: now, unit: 'ns', text, ...examples(spans) });
    }
    const failures = failureChange(before, during);
    if (failures !== null) {
      const { kind, score, usual, now } = failures;
      const text = `${label} fails ${kind === 'failures' ? 'more' : 'less'} often: ${percent(usual)} → ${percent(now)}`;
      const failed = during.spans.filter((span) => incident.table.failure[span]! !== 0);
      changes.push({ ...base, kind, score, before: usual, after: now, unit: 'share', text, ...examples(failed) });
    }
  }
  const rate = rateChange(baseline, before, incident, during);
  if (rate !== null) {
    const { kind, score, usual, now } = rate;
    const text = rateText(label, kind, usual, now);
    changes.push({
      ...base,
      kind,
      score,
      before: usual,
      after: now,
      unit: 'perMinute',
      text,
      ...examples(during.spans),
    });
  }
  return changes;
}

interface Measure<K extends ChangeKind> {
  readonly kind: K;
  readonly score: number;
  readonly usual: number;
  readonly now: number;
}

function durationChange(
  baseline: SpanTable,
  before: readonly number[],
  incident: SpanTable,
  during: readonly number[],
): (Measure<'slower' | 'faster'> & { readonly spans: readonly number[] }) | null {
  const usually = Float64Array.from(before, (span) => baseline.durationNs[span]!).toSorted();
  const now = Float64Array.from(during, (span) => incident.durationNs[span]!);
  const usual = usualOf(usually, SLACK_NS);
  const slower = riseOf(usually, now, usual, MS);
  const medians = { usual: usual.median, now: quantile(now.slice().toSorted(), 0.5) };
  if (slower.evidence > 0) {
    const spans = during.filter((_, at) => now[at]! > usual.threshold);
    // What only some requests show, the median does not.
    const shown = Math.max(medians.now, slower.share < 0.5 ? usual.median + slower.excess : medians.now);
    return { kind: 'slower', score: slower.evidence * weightOf(during.length), ...medians, now: shown, spans };
  }
  const mirrored = Float64Array.from(usually, (ns) => -ns).toReversed();
  const faster = riseOf(
    mirrored,
    now.map((ns) => -ns),
    usualOf(mirrored, Math.min(SLACK_NS, usual.median / 4)),
    MS,
  );
  if (faster.evidence === 0) return null;
  return { kind: 'faster', score: (faster.evidence * weightOf(during.length)) / 4, ...medians, spans: during };
}

function failureChange(before: Requests, during: Requests): Measure<'failures' | 'fewer-failures'> | null {
  const usual = before.failed / before.spans.length;
  const now = during.failed / during.spans.length;
  // One failure more than there were is what must be reckoned with.
  const likely = (before.failed + 1) / (before.spans.length + 2);
  if (now > usual + FAILURE_SHARE_MIN && likelihoodRatio(during.spans.length, now, likely) >= LIKELIHOOD_MIN) {
    const score = 8 * Math.sqrt(now - usual) * weightOf(during.spans.length);
    return { kind: 'failures', score, usual, now };
  }
  const stillLikely = (during.failed + 1) / (during.spans.length + 2);
  if (usual > now + FAILURE_SHARE_MIN && likelihoodRatio(before.spans.length, usual, stillLikely) >= LIKELIHOOD_MIN) {
    const score = 2 * Math.sqrt(usual - now) * weightOf(during.spans.length);
    return { kind: 'fewer-failures', score, usual, now };
  }
  return null;
}

type RateKind = 'more-requests' | 'fewer-requests' | 'new-operation' | 'gone-operation';

function rateChange(
  baseline: TableOfWindow,
  before: Requests,
  incident: TableOfWindow,
  during: Requests,
): Measure<RateKind> | null {
  const exposureBefore = baseline.minutes * baseline.share;
  const exposureDuring = incident.minutes * incident.share;
  if (exposureBefore <= 0 || exposureDuring <= 0) return null;
  const usual = before.spans.length / exposureBefore;
  const now = during.spans.length / exposureDuring;
  const expected = usual * exposureDuring;
  if (before.spans.length === 0) {
    if (during.spans.length < REQUESTS_MIN) return null;
    return { kind: 'new-operation', score: NEW_WEIGHT * weightOf(during.spans.length), usual, now };
  }
  // Requests come in bursts: the variance of a count is taken to be four times that of a Poisson process.
  const deviations = Math.abs(during.spans.length - expected) / Math.sqrt(4 * Math.max(1, expected));
  if (deviations < 4) return null;
  if (during.spans.length === 0 && expected >= REQUESTS_MIN) {
    return { kind: 'gone-operation', score: RATE_WEIGHT * 8 * weightOf(expected), usual, now };
  }
  const ratio = now / usual;
  if (ratio < RATE_RATIO_MIN && ratio > RATE_FALL_MAX) return null;
  const score =
    RATE_WEIGHT * Math.min(8, Math.abs(Math.log2(ratio)) * 2) * weightOf(Math.max(expected, during.spans.length));
  return { kind: ratio > 1 ? 'more-requests' : 'fewer-requests', score, usual, now };
}

function rateText(label: string, kind: RateKind, usual: number, now: number): string {
  if (kind === 'new-operation') return `${label} is new: ${perMinute(now)}`;
  if (kind === 'gone-operation') return `${label} is not called any more: ${perMinute(usual)} before`;
  return `${label} has ${kind === 'more-requests' ? 'more' : 'fewer'} requests: ${perMinute(usual)} → ${perMinute(now)}`;
}

function newVersions(baseline: SpanTable, incident: SpanTable): Change[] {
  const { instances, services } = incident.vocabulary;
  const known = versionsIn(baseline);
  const versionsBefore = new Map<number, string[]>();
  for (const { instance } of known.values()) {
    const { service, version } = instances[instance]!;
    const versions = versionsBefore.get(service) ?? [];
    versionsBefore.set(service, version === '' ? versions : [...versions, version]);
  }
  return [...versionsIn(incident)].flatMap(([key, { instance, spans }]) => {
    const { service, version } = instances[instance]!;
    if (version === '' || known.has(key) || !versionsBefore.has(service)) return [];
    const name = services.textOf(service);
    const before = (versionsBefore.get(service) ?? []).slice(0, VERSIONS_MAX);
    return {
      kind: 'new-version' as const,
      service: name,
      operation: null,
      score: NEW_WEIGHT * weightOf(spans.length),
      before: null,
      after: null,
      unit: null,
      count: spans.length,
      baselineCount: 0,
      text: `${name} runs version ${version}${before.length === 0 ? '' : `, before ${before.join(' and ')}`}`,
      ...examplesOf(incident, spans),
    };
  });
}

function versionsIn(table: SpanTable): Map<string, { readonly instance: number; readonly spans: number[] }> {
  const { instances } = table.vocabulary;
  const versions = new Map<string, { readonly instance: number; readonly spans: number[] }>();
  for (let span = 0; span < table.count; span++) {
    const instance = table.instance[span]!;
    const { service, version } = instances[instance]!;
    const key = `${service} ${version}`;
    const known = versions.get(key);
    if (known === undefined) versions.set(key, { instance, spans: [span] });
    else known.spans.push(span);
  }
  return versions;
}

function percent(share: number): string {
  const percentage = share * 100;
  return `${percentage < 10 && percentage > 0 ? percentage.toFixed(1) : Math.round(percentage)}%`;
}

function perMinute(rate: number): string {
  return `${rate < 10 ? Number(rate.toPrecision(2)) : Math.round(rate)} a minute`;
}

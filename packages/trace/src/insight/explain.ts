import { Evaluation, type Hypothesis, nameOf, type SuspectKind } from './hypotheses.ts';
import { findOutcomeRises } from './outcomes.ts';
import { messagesOf, ownTimes } from './own-times.ts';
import { collectSites, type Measured } from './sites.ts';
import type { SpanTable } from './span-table.ts';
import { percent, suspectText, valuesText } from './suspect-text.ts';

/** Whether a cause was found. */
export type Conclusion = 'found' | 'not-enough-evidence' | 'nothing-unusual';

/** A service that may be the cause of an incident, with what speaks for it. */
export interface Suspect {
  readonly service: string;
  /** The operation that stands out; null where the whole service, or calls to it, do. */
  readonly operation: string | null;
  /** Attributes of the resource that set the affected part of the service apart; null where all of it is affected. */
  readonly resource: Readonly<Record<string, string>> | null;
  readonly kind: SuspectKind;
  /** 0 for nothing; from `FOUND_SCORE` on it may be found. */
  readonly score: number;
  readonly text: string;
  readonly evidence: readonly SuspectEvidence[];
}

/** What was counted at one place. */
export interface SuspectEvidence {
  readonly text: string;
  readonly traceIds: readonly string[];
  readonly spanIds: readonly string[];
  /** How many calls were looked at, and in the baseline. */
  readonly count: number;
  readonly baselineCount: number;
  /** Share of them that are unusual, from 0 to 1, and in the baseline. */
  readonly share: number;
  readonly baselineShare: number;
}

export interface Explanation {
  readonly conclusion: Conclusion;
  /** One sentence. */
  readonly text: string;
  /** The likeliest first. */
  readonly suspects: readonly Suspect[];
  /** What makes the comparison less certain; for people. */
  readonly warnings: readonly string[];
}

const SUSPECTS_MAX = 5;
const UNUSUAL_SCORE = 2;
const FOUND_SCORE = 8;
/** How much likelier than the second suspect the first must be. */
const LEAD = 1.3;
const EXAMPLES = 3;
/** Of fewer traces nothing is concluded. */
const TRACES_MIN = 20;
/** Share of spans without their parent from which on it is said. */
const ORPHANS_MAX = 0.2;
/** An outcome that nobody has seen tells something only where enough were looked at. */
const OUTCOME_BASELINE_MIN = 15;

/**
 * Names the service that is the likeliest cause of what differs between two windows of traces. Both tables share a
 * vocabulary. Never throws; what cannot be told from so few traces is `not-enough-evidence`.
 */
export function explainIncident(baseline: SpanTable, incident: SpanTable): Explanation {
  const isMessage = messagesOf(baseline, ownTimes(baseline));
  const before: Measured = { table: baseline, times: ownTimes(baseline, isMessage) };
  const during: Measured = { table: incident, times: ownTimes(incident, isMessage) };
  const evaluation = new Evaluation(during, collectSites(before, during), findOutcomeRises(before, during));
  const taken = new Set<string>();
  const found: Hypothesis[] = [];
  while (found.length < SUSPECTS_MAX) {
    const [best] = evaluation.hypotheses(taken);
    if (best === undefined || best.score <= 0) break;
    found.push(best);
    taken.add(nameOf(best.service, best.peer));
  }
  const conclusion = conclusionOf(found, baseline, incident);
  const suspects = found.map((hypothesis) => suspectOf(baseline, during, hypothesis));
  return { conclusion, text: textOf(conclusion, suspects), suspects, warnings: warningsOf(baseline, incident) };
}

function textOf(conclusion: Conclusion, [first, second]: readonly Suspect[]): string {
  if (conclusion === 'nothing-unusual' || first === undefined) return 'Nothing unusual: the two windows are alike.';
  if (conclusion === 'found') return first.text;
  const other = second === undefined ? '' : `; ${second.service} is nearly as likely`;
  return `Not enough evidence for one cause. The likeliest: ${first.text}${other}`;
}

function warningsOf(baseline: SpanTable, incident: SpanTable): string[] {
  return [
    ...fewTraces('baseline', baseline),
    ...fewTraces('incident', incident),
    ...orphans('baseline', baseline),
    ...orphans('incident', incident),
  ];
}

function fewTraces(name: string, { traceIds }: SpanTable): string[] {
  if (traceIds.length === 0) return [`The ${name} has no traces.`];
  return traceIds.length < TRACES_MIN ? [`The ${name} has only ${traceIds.length} traces.`] : [];
}

function orphans(name: string, { count, isOrphan }: SpanTable): string[] {
  const share = count === 0 ? 0 : isOrphan.reduce((sum, one) => sum + one, 0) / count;
  return share > ORPHANS_MAX ? [`Of the spans of the ${name}, ${percent(share)} lack their parent.`] : [];
}

function conclusionOf(
  [best, next]: readonly Hypothesis[],
  { traceIds: before }: SpanTable,
  { traceIds: during }: SpanTable,
): Conclusion {
  if (Math.min(before.length, during.length) < TRACES_MIN) return 'not-enough-evidence';
  if (best === undefined || best.score < UNUSUAL_SCORE) return 'nothing-unusual';
  if (best.score < FOUND_SCORE || best.score < LEAD * (next?.score ?? 0)) return 'not-enough-evidence';
  const outcome = best.outcomes[0];
  if (outcome !== undefined && outcome.baselineCount < OUTCOME_BASELINE_MIN) return 'not-enough-evidence';
  return 'found';
}

function suspectOf(baseline: SpanTable, measured: Measured, hypothesis: Hypothesis): Suspect {
  const { operations, services } = measured.table.vocabulary;
  const { service, peer, part, kind, score } = hypothesis;
  const version = part === null && peer === '' ? newVersionOf(service, baseline, measured.table) : null;
  const operation = operationOf(hypothesis);
  return {
    service: peer === '' ? services.textOf(service) : peer,
    operation: operation === 0 ? null : operations[operation]!.name,
    resource: part !== null ? { [part.key]: part.value } : version === null ? null : { 'service.version': version },
    kind,
    score,
    text: suspectText(measured.table.vocabulary, hypothesis, version),
    evidence: evidenceOf(measured, hypothesis),
  };
}

/** That of the callee, where it is not known which end is slow. */
function operationOf({ service, sites: [measured], outcomes: [outcome], peer }: Hypothesis): number {
  if (measured !== undefined) {
    const { site, to } = measured;
    const isInto = (site.kind === 'gap' || site.kind === 'lag') && (to === service || peer !== '');
    return isInto ? site.callee : site.operation;
  }
  if (outcome === undefined) return 0;
  return outcome.isUnanswered && outcome.accused === service
    ? (outcome.lost[0] ?? outcome.operation)
    : outcome.operation;
}

/** The only version that a service has in the incident, if it had others before. */
function newVersionOf(service: number, baseline: SpanTable, incident: SpanTable): string | null {
  const during = versionsOf(service, incident);
  const before = versionsOf(service, baseline);
  const [version] = during;
  return version !== undefined && during.size === 1 && before.size > 0 && !before.has(version) ? version : null;
}

function versionsOf(service: number, { vocabulary: { instances }, instance, count }: SpanTable): ReadonlySet<string> {
  const seen = new Set<number>();
  for (let span = 0; span < count; span++) seen.add(instance[span]!);
  const own = [...seen].map((number) => instances[number]!).filter((one) => one.service === service);
  return new Set(own.map(({ version }) => version).filter((version) => version !== ''));
}

function evidenceOf({ table }: Measured, { sites, outcomes }: Hypothesis): SuspectEvidence[] {
  const { operations, services, failures } = table.vocabulary;
  const label = (operation: number): string =>
    `${services.textOf(operations[operation]!.service)} ${operations[operation]!.name}`;
  const idsOf = (spans: readonly number[]): Pick<SuspectEvidence, 'traceIds' | 'spanIds'> => ({
    traceIds: spans.slice(0, EXAMPLES).map((span) => table.traceIds[table.trace[span]!]!),
    spanIds: spans.slice(0, EXAMPLES).map((span) => table.spanIds[span]!),
  });
  const ofSites = sites.slice(0, SUSPECTS_MAX).map((measured): SuspectEvidence => {
    const { site, rise } = measured;
    const unusual = site.incident.spans.filter((_, at) => site.incident.values[at]! > rise.threshold);
    const where =
      site.kind === 'own' || site.kind === 'order'
        ? label(site.operation)
        : `${label(site.operation)} → ${label(site.callee)}`;
    return {
      text: `${where}: ${valuesText(measured)} in ${percent(rise.share)}`,
      ...idsOf(unusual),
      count: rise.count,
      baselineCount: rise.baselineCount,
      share: rise.share,
      baselineShare: rise.usualShare,
    };
  });
  const ofOutcomes = outcomes.slice(0, SUSPECTS_MAX).map((outcome): SuspectEvidence => {
    const failure = failures.textOf(outcome.failure);
    const lost = outcome.lost.map(label).join(', ');
    const added = outcome.added.map(label).join(', ');
    const what = [failure, lost && `without ${lost}`, added && `with ${added}`].filter(Boolean).join(', ');
    return {
      text: `${label(outcome.operation)}: ${what} in ${percent(outcome.share)}`,
      ...idsOf(outcome.spans),
      count: outcome.count,
      baselineCount: outcome.baselineCount,
      share: outcome.share,
      baselineShare: outcome.usualShare,
    };
  });
  return [...ofSites, ...ofOutcomes];
}

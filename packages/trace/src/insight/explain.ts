import { examplesOf } from './examples.ts';
import type { ApartAttribute } from './attributes-apart.ts';
import { Evaluation, type Hypothesis, nameOf, type SuspectKind } from './hypotheses.ts';
import { findOutcomeRises } from './outcomes.ts';
import { messagesOf, ownTimes } from './own-times.ts';
import { collectSites, type Measured } from './sites.ts';
import type { SpanTable } from './span-table.ts';
import { listText, percent, shortName, suspectText, valuesText } from './suspect-text.ts';

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
  /** What the affected requests have more often than others: associated with them, which need not be the cause. */
  readonly attributes: readonly ApartAttribute[];
}

/** Requests that show what a suspect is suspected of, and others of the same operation that do not. */
export interface Selection {
  readonly service: string;
  readonly traceIds: readonly string[];
  readonly otherTraceIds: readonly string[];
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
  /** Of the first suspect, where only some requests are affected: `withAttributes` takes what sets them apart. */
  readonly selection: Selection | null;
}

const SUSPECTS_MAX = 5;
const UNUSUAL_SCORE = 2;
const FOUND_SCORE = 8;
/** How much likelier than the second suspect the first must be. */
const LEAD = 1.3;
/** Where more are affected, hardly any others are left to compare with. */
const SELECTED_SHARE_MAX = 0.9;
const SELECTED_MAX = 300;
/** Of the affected requests, and of those with the attribute, so many must be both. */
const OF_ONE_KIND_MIN = 0.6;
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
  return {
    conclusion,
    text: textOf(conclusion, suspects),
    suspects,
    warnings: warningsOf(baseline, incident),
    selection: found[0] === undefined ? null : selectionOf(during, found[0]),
  };
}

/**
 * The explanation with what sets the requests of its selection apart. A fault that hits all requests of one kind, and
 * few others, speaks for its suspect as much as one that hits all requests.
 */
export function withAttributes<E extends Omit<Explanation, 'selection'>>(
  explanation: E,
  attributes: readonly ApartAttribute[],
): E {
  const [first, ...others] = explanation.suspects;
  const [attribute] = attributes;
  if (first === undefined || attribute === undefined) return explanation;
  const share = Math.max(first.evidence[0]?.share ?? 1, 0.01);
  const isOfOneKind = attribute.share >= OF_ONE_KIND_MIN && attribute.selectedShare >= OF_ONE_KIND_MIN;
  const score = first.score * (isOfOneKind ? Math.max(1, attribute.selectedShare / share) : 1);
  const text = `${first.text}, ${percent(attribute.share)} of them with ${attribute.key}=${attribute.value}`;
  const suspects = [{ ...first, score, text, attributes }, ...others];
  const isFound =
    explanation.conclusion === 'not-enough-evidence' &&
    explanation.warnings.length === 0 &&
    isSure(score, others[0]?.score);
  const conclusion = isFound ? 'found' : explanation.conclusion;
  return { ...explanation, conclusion, suspects, text: textOf(conclusion, suspects) };
}

function isSure(score: number, next = 0): boolean {
  return score >= FOUND_SCORE && score >= LEAD * next;
}

/** Null where nearly all requests are affected, so that nothing can set them apart. */
function selectionOf(
  { table }: Measured,
  { service, sites: [measured], outcomes: [outcome] }: Hypothesis,
): Selection | null {
  const share = measured?.rise.share ?? outcome?.share ?? 1;
  if (share > SELECTED_SHARE_MAX) return null;
  const { incident } = measured?.site ?? {};
  const isAbove = (_: number, at: number): boolean => incident!.values[at]! > measured!.rise.threshold;
  const selected = incident?.spans.filter(isAbove) ?? outcome?.spans ?? [];
  const others = incident?.spans.filter((span, at) => !isAbove(span, at)) ?? outcome?.others ?? [];
  const tracesOf = (spans: readonly number[]): Set<string> =>
    new Set(spans.slice(0, SELECTED_MAX).map((span) => table.traceIds[table.trace[span]!]!));
  const traceIds = tracesOf(selected);
  const otherTraceIds = [...tracesOf(others)].filter((id) => !traceIds.has(id));
  return { service: table.vocabulary.services.textOf(service), traceIds: [...traceIds], otherTraceIds };
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
  if (!isSure(best.score, next?.score)) return 'not-enough-evidence';
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
    attributes: [],
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
    shortName(`${services.textOf(operations[operation]!.service)} ${operations[operation]!.name}`);
  const idsOf = (spans: readonly number[]): Pick<SuspectEvidence, 'traceIds' | 'spanIds'> => examplesOf(table, spans);
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
    const lost = listText(outcome.lost, label);
    const added = listText(outcome.added, label);
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

import { formatDuration } from '../format-duration.ts';
import type { Hypothesis, MeasuredSite } from './hypotheses.ts';
import type { OutcomeRise } from './outcomes.ts';
import type { Operation, Vocabulary } from './vocabulary.ts';

/** One sentence that names the suspect first: `payment is slow: POST /pay 12 ms → 480 ms in 78% of 412 calls`. */
export function suspectText(vocabulary: Vocabulary, hypothesis: Hypothesis, newVersion: string | null): string {
  const { sites, outcomes, kind } = hypothesis;
  const [site] = sites;
  const [outcome] = outcomes;
  const name = nameOfSuspect(vocabulary, hypothesis);
  const since = newVersion === null ? '' : `, since version ${newVersion}`;
  if (site !== undefined) return `${name} ${siteText(vocabulary, hypothesis, site)}${since}`;
  if (outcome !== undefined) return `${name} ${outcomeText(vocabulary, hypothesis, outcome)}${since}`;
  return `${name}: ${kind}`;
}

/** `12 ms → 480 ms`, `1 → 40` */
export function valuesText({ site, rise }: Pick<MeasuredSite, 'site' | 'rise'>): string {
  const value = (amount: number): string => {
    if (site.kind === 'count') return String(amount < 1 ? Number(amount.toPrecision(2)) : Math.round(amount));
    return site.kind === 'order' ? percent(amount) : formatDuration(Math.round(amount));
  };
  return `${value(rise.usualMedian)} → ${value(rise.usualMedian + rise.excess)}`;
}

const LISTED_MAX = 3;
const NAME_LENGTH_MAX = 200;

/** The first of them, and how many more. */
export function listText(operations: readonly number[], label: (operation: number) => string): string {
  const rest = operations.length - LISTED_MAX;
  const first = operations.slice(0, LISTED_MAX).map((operation) => shortName(label(operation)));
  return first.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** Long names would hide the sentence. */
export function shortName(name: string): string {
  return name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX)}…`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function nameOfSuspect({ services }: Vocabulary, { service, peer, part }: Hypothesis): string {
  const name = peer === '' ? services.textOf(service) : peer;
  if (part === null) return name;
  if (part.key === 'service.version') return `${name} ${part.value}`;
  return part.key === 'host.name' ? `${name} on ${part.value}` : `${name} (only ${part.value})`;
}

function siteText(vocabulary: Vocabulary, { kind, service, peer }: Hypothesis, measured: MeasuredSite): string {
  const { site, rise, from, to } = measured;
  const { operations, services } = vocabulary;
  const operation = shortened(operations[site.operation]!);
  const called = shortened(operations[site.callee] ?? operations[0]!);
  const extent = `in ${percent(rise.share)} of ${rise.count} calls`;
  const values = `${valuesText(measured)} ${extent}`;
  if (site.kind === 'count') {
    const target = called.service === service ? called.name : `${services.textOf(called.service)} ${called.name}`;
    return `calls ${target} more often: ${valuesText(measured)} times for each ${operation.name}, ${extent}`;
  }
  if (site.kind === 'order') return `makes calls of ${operation.name} one after another that ran at once, ${extent}`;
  if (site.kind === 'lag') return `lets messages wait: ${called.name} begins ${values}`;
  if (site.kind === 'gap') {
    const way = `${services.textOf(from)} → ${services.textOf(to)} ${called.name}`;
    return kind === 'network' ? `is slow to reach: between ${way} ${values}` : `is slow: between ${way} ${values}`;
  }
  if (peer !== '') return `is slow: ${services.textOf(from)} ${operation.name} ${values}`;
  const asked = operation.peer === '' ? operation.name : `${operation.name} to ${operation.peer}`;
  return `is slow: ${asked} ${values}`;
}

function outcomeText(vocabulary: Vocabulary, { service }: Hypothesis, outcome: OutcomeRise): string {
  const { operations, services, failures } = vocabulary;
  const operation = shortened(operations[outcome.operation]!);
  const extent = `in ${percent(outcome.share)} of ${outcome.count} calls, usually ${percent(outcome.usualShare)}`;
  const failure = outcome.failure === 0 ? '' : failures.textOf(outcome.failure);
  if (outcome.isUnanswered && outcome.accused !== vocabulary.serviceOf(outcome.operation)) {
    const caller = `${services.textOf(operation.service)} ${operation.name}`;
    return `does not answer ${caller}${failure === '' ? '' : ` (${failure})`} ${extent}`;
  }
  if (failure !== '') return `fails: ${operation.name} with ${failure} ${extent}`;
  const label = (number: number): string => {
    const { service: of, name } = operations[number]!;
    return of === service ? name : `${services.textOf(of)} ${name}`;
  };
  const lost = listText(outcome.lost, label);
  if (lost !== '') return `leaves out calls: ${operation.name} without ${lost} ${extent}`;
  const added = listText(outcome.added, label);
  return `behaves differently: ${operation.name}${added === '' ? '' : ` with ${added}`} ${extent}`;
}

function shortened(operation: Operation): Operation {
  return { ...operation, name: shortName(operation.name) };
}

import { formatDuration } from '../format-duration.ts';
import type { Hypothesis, MeasuredSite } from './hypotheses.ts';
import type { OutcomeRise } from './outcomes.ts';
import type { Vocabulary } from './vocabulary.ts';

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
  const operation = operations[site.operation]!;
  const called = operations[site.callee]!;
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
  const operation = operations[outcome.operation]!;
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
  const lost = outcome.lost.map(label).join(', ');
  if (lost !== '') return `leaves out calls: ${operation.name} without ${lost} ${extent}`;
  const added = outcome.added.map(label).join(', ');
  return `behaves differently: ${operation.name}${added === '' ? '' : ` with ${added}`} ${extent}`;
}

import type { SpanTable } from './span-table.ts';
import type { OutcomeRise } from './outcomes.ts';
import type { Measured, Samples, Site } from './sites.ts';
import {
  BASELINE_MIN,
  likelihoodRatio,
  quantile,
  type Rise,
  riseOf,
  usualOf,
  type Usual,
  weightOf,
} from './statistics.ts';
import type { Instance, Vocabulary } from './vocabulary.ts';

/**
 * What a suspect is suspected of: `slow`, its own work takes longer; `operation`, that of one of its operations;
 * `network`, calls take longer on the way to it, or from it; `queue`, messages wait longer for it; `failures`, its
 * spans fail, or it does not answer; `calls`, it does not do what it usually does; `more-calls`, it calls others more
 * often; `serial`, its calls wait for each other.
 */
export type SuspectKind = 'slow' | 'operation' | 'network' | 'queue' | 'failures' | 'calls' | 'more-calls' | 'serial';

/** One site with what was found of it. */
export interface MeasuredSite {
  readonly site: Site;
  readonly usual: Usual;
  readonly rise: Rise;
  /** Of the values' count. */
  readonly weight: number;
  /** The services that it is between; the same one for a site within one. */
  readonly from: number;
  readonly to: number;
  /** The peer that a client span names which nobody answered; '' for others. */
  readonly peer: string;
  /** Of a part of a service: the same site of all of it. */
  readonly whole?: MeasuredSite;
}

/** Which part of a service is looked at: all of it, or the instances that have something in common. */
export interface Part {
  readonly key: 'service.instance.id' | 'service.version' | 'host.name';
  readonly value: string;
  readonly has: (instance: Instance) => boolean;
}

export interface Hypothesis {
  readonly service: number;
  /** A peer that sends no spans, and is suspected itself; '' for none. */
  readonly peer: string;
  readonly part: Part | null;
  readonly kind: SuspectKind;
  readonly score: number;
  /** Those that moved, the strongest first. */
  readonly sites: readonly MeasuredSite[];
  readonly outcomes: readonly OutcomeRise[];
}

const MILLISECOND_NS = 1e6;
const SLACK: Record<Site['kind'], number> = {
  own: 2 * MILLISECOND_NS,
  gap: 2 * MILLISECOND_NS,
  // Clocks that drift apart make a few milliseconds.
  lag: 100 * MILLISECOND_NS,
  count: 0.5,
  order: 0.25,
};
const UNIT: Record<Site['kind'], number> = {
  own: MILLISECOND_NS,
  gap: MILLISECOND_NS,
  lag: 50 * MILLISECOND_NS,
  count: 1,
  order: 0.1,
};

/** Evidence from which on a site has moved as its hypothesis says. */
const MOVED = 1.5;
/** Share of the affected traces' time from which on an excess counts fully. */
const IMPACT_FULL = 0.4;
/** A part of a service is the answer where the rest of it moved at most this much as far. */
const REST_MAX = 0.25;
/** Of more instances, or versions, or hosts, no single one is looked for. */
const PARTS_MAX = 100;
/** What the waiting of messages tells where more of them are sent. */
const CROWDED_WEIGHT = 0.3;
const ONE_CLOCK_WEIGHT = 0.05;
/** Messages that a process must have sent or taken to be compared with others. */
const ONE_CLOCK_MIN = 4;

export class Evaluation {
  readonly sites: readonly MeasuredSite[];
  readonly #vocabulary: Vocabulary;
  readonly #incident: Measured;
  readonly #outcomes: readonly OutcomeRise[];
  readonly #parts = new Map<number, readonly Part[]>();
  readonly #instancesOf: ReadonlyMap<number, readonly Instance[]>;
  readonly #durations = new Map<number, number>();
  /** Operations that are called more often. */
  readonly #crowded: ReadonlySet<number>;

  constructor(incident: Measured, sites: readonly Site[], outcomes: readonly OutcomeRise[]) {
    this.#vocabulary = incident.table.vocabulary;
    this.#incident = incident;
    this.#outcomes = outcomes;
    const pools = new Pools(sites, this.#vocabulary);
    this.#instancesOf = instancesIn(incident.table);
    this.sites = sites.flatMap((site) => this.#measure(site, pools));
    const more = this.sites.filter(({ site, rise }) => site.kind === 'count' && rise.evidence > 0);
    this.#crowded = new Set(more.map(({ site }) => site.callee));
  }

  #measure(site: Site, pools: Pools): MeasuredSite[] {
    if (site.incident.values.length === 0) return [];
    const baseline = pools.baselineOf(site);
    if (baseline === null) return [];
    const vocabulary = this.#vocabulary;
    const usual = usualOf(baseline, SLACK[site.kind]);
    const values = riseOf(baseline, site.incident.values, usual, UNIT[site.kind]);
    const rise = site.kind === 'count' ? strongerOf(values, oftenRise(baseline, site.incident.values)) : values;
    const from = vocabulary.serviceOf(site.operation);
    return [
      {
        site,
        usual,
        rise,
        weight: weightOf(site.incident.values.length),
        from,
        to:
          site.kind === 'own' || site.kind === 'order' || site.kind === 'count'
            ? from
            : vocabulary.serviceOf(site.callee),
        peer: site.kind === 'own' ? vocabulary.operations[site.operation]!.peer : '',
      },
    ];
  }

  /** The best explanation by each service and peer, the best first; `without`: those that are explained already. */
  hypotheses(without: ReadonlySet<string>): Hypothesis[] {
    const isFree = ({ from, to, peer }: MeasuredSite): boolean =>
      !without.has(nameOf(from, '')) && !without.has(nameOf(to, '')) && (peer === '' || !without.has(nameOf(0, peer)));
    const sites = this.sites.filter(isFree);
    const outcomes = this.#outcomes.filter(
      ({ operation, accused }) =>
        !without.has(nameOf(this.#vocabulary.serviceOf(operation), '')) && !without.has(nameOf(accused, '')),
    );
    const found: Hypothesis[] = [];
    const groups = groupSites(sites);
    for (const { accused } of outcomes) if (!groups.has(accused)) groups.set(accused, []);
    for (const [service, own] of groups) {
      const best = this.#bestOf(service, own, outcomes);
      if (best !== null) found.push(best);
    }
    found.push(...this.#peers(sites));
    return found.toSorted((a, b) => b.score - a.score);
  }

  #bestOf(service: number, sites: readonly MeasuredSite[], outcomes: readonly OutcomeRise[]): Hypothesis | null {
    const base = { service, peer: '' };
    const all: Hypothesis[] = this.#latencies(service, sites).map((one) => ({
      ...base,
      part: null,
      outcomes: [],
      ...one,
    }));
    for (const part of this.#partsOf(service)) {
      const ofPart = sites.flatMap((site) => this.#within(site, service, part));
      for (const one of this.#latencies(service, ofPart)) {
        if (this.#isAlone(one.sites, service, part)) all.push({ ...base, part, outcomes: [], ...one });
      }
    }
    const own = outcomes.filter(({ accused }) => accused === service).toSorted((a, b) => b.evidence - a.evidence);
    for (const kind of ['failures', 'calls'] as const) {
      const some = own.filter(({ failure, isUnanswered }) => (failure !== 0 || isUnanswered) === (kind === 'failures'));
      if (some.length > 0)
        all.push({ ...base, part: null, kind, score: this.#votesOf(some), sites: [], outcomes: some });
    }
    return all.reduce<Hypothesis | null>((best, one) => (best === null || one.score > best.score ? one : best), null);
  }

  #latencies(service: number, sites: readonly MeasuredSite[]): Pick<Hypothesis, 'kind' | 'score' | 'sites'>[] {
    const own = sites.filter(({ site, from }) => site.kind === 'own' && from === service);
    const into = sites.filter(({ site, to }) => site.kind === 'gap' && to === service);
    const out = sites.filter(({ site, from }) => site.kind === 'gap' && from === service);
    const counts = sites.filter(({ site, from }) => site.kind === 'count' && from === service);
    const lags = sites
      .filter(({ site, to }) => site.kind === 'lag' && to === service)
      .map((lag) => {
        if (this.#isOneClock(lag)) return { ...lag, weight: lag.weight * ONE_CLOCK_WEIGHT };
        return this.#isCrowded(lag) ? { ...lag, weight: lag.weight * CROWDED_WEIGHT } : lag;
      });
    const orders = sites.filter(({ site, from }) => site.kind === 'order' && from === service);
    const scored: Pick<Hypothesis, 'kind' | 'score' | 'sites'>[] = [];
    const add = (kind: SuspectKind, score: number, from: readonly MeasuredSite[], hasImpact = true): void => {
      const moved = from.filter(({ rise }) => rise.evidence > 0).toSorted((a, b) => strength(b) - strength(a));
      if (score > 0) scored.push({ kind, score: score * (hasImpact ? this.#impact(moved) : 1), sites: moved });
    };
    add('network', sum(into) * precision(into), into);
    // One slow way may be slow at either end.
    const isManyWays = new Set(out.filter(({ rise }) => rise.evidence > 0).map(({ to }) => to)).size > 1;
    if (isManyWays) add('network', sum(out) * precision(out), out);
    add('slow', sum([...own, ...out]) * precision([...own, ...out]) + sum(into) * precision(into), [
      ...own,
      ...out,
      ...into,
    ]);
    for (const [kind, some, hasImpact] of [
      ['operation', own, true],
      ['queue', lags, false],
      ['more-calls', counts, true],
      ['serial', orders, true],
    ] as const) {
      const best = strongest(some);
      if (best !== undefined) add(kind, strength(best), [best], hasImpact);
    }
    return scored;
  }

  /** Of each service that something was seen in, the strongest: those that call the same callee vote together. */
  #votesOf(outcomes: readonly OutcomeRise[]): number {
    const best = new Map<number, number>();
    for (const { operation, evidence } of outcomes) {
      const service = this.#vocabulary.serviceOf(operation);
      best.set(service, Math.max(best.get(service) ?? 0, evidence));
    }
    return [...best.values()].reduce((total, evidence) => total + evidence, 0);
  }

  /** A database, queue or host that sends no spans: suspected where several services wait for it. */
  #peers(sites: readonly MeasuredSite[]): Hypothesis[] {
    const byPeer = new Map<string, MeasuredSite[]>();
    for (const site of sites) {
      if (site.peer === '') continue;
      const same = byPeer.get(site.peer);
      if (same === undefined) byPeer.set(site.peer, [site]);
      else same.push(site);
    }
    return [...byPeer].flatMap(([peer, own]) => {
      if (new Set(own.map(({ from }) => from)).size < 2) return [];
      const moved = own.filter(({ rise }) => rise.evidence > 0).toSorted((a, b) => strength(b) - strength(a));
      if (new Set(moved.map(({ from }) => from)).size < 2) return [];
      const score = sum(own) * precision(own) * this.#impact(moved);
      return [{ service: 0, peer, part: null, kind: 'slow', score, sites: moved, outcomes: [] }];
    });
  }

  /** A queue lets all messages wait: where only those from or to one process seem to, it is a clock that is wrong. */
  #isOneClock({ site, rise }: MeasuredSite): boolean {
    if (rise.evidence === 0) return false;
    const { table } = this.#incident;
    const ends = [(span: number) => table.instance[span]!, (span: number) => table.instance[table.parent[span]!]!];
    return ends.some((endOf) => {
      const byInstance = new Map<number, { all: number; late: number }>();
      for (const [at, span] of site.incident.spans.entries()) {
        const known = byInstance.get(endOf(span)) ?? { all: 0, late: 0 };
        known.all++;
        if (site.incident.values[at]! > rise.threshold) known.late++;
        byInstance.set(endOf(span), known);
      }
      const shares = [...byInstance.values()]
        .filter(({ all }) => all >= ONE_CLOCK_MIN)
        .map(({ all, late }) => late / all);
      return shares.length > 1 && Math.min(...shares) <= REST_MAX * Math.max(...shares);
    });
  }

  /** Whether more messages are sent to a queue: then it is no wonder that they wait. */
  #isCrowded({ site }: MeasuredSite): boolean {
    return this.#crowded.has(site.callee) || this.#crowded.has(site.operation);
  }

  /** How much of the affected traces' time the excess of some sites makes up, from 0 to 1. */
  #impact(sites: readonly MeasuredSite[]): number {
    const { table } = this.#incident;
    const excess = new Map<number, number>();
    for (const { site, rise } of sites) {
      const each = site.kind === 'count' ? this.#usualDuration(site.callee) : 1;
      const { values, spans } = site.incident;
      for (let at = 0; at < values.length; at++) {
        if (values[at]! <= rise.threshold) continue;
        if (site.kind === 'order') {
          const ns = (values[at]! - rise.usualMedian) * table.durationNs[spans[at]!]!;
          const ofTrace = table.trace[spans[at]!]!;
          excess.set(ofTrace, (excess.get(ofTrace) ?? 0) + ns);
          continue;
        }
        const trace = table.trace[spans[at]!]!;
        excess.set(trace, (excess.get(trace) ?? 0) + (values[at]! - rise.usualMedian) * each);
      }
    }
    const shares = Float64Array.from(
      excess,
      ([trace, ns]) => ns / Math.max(1, table.traceDurationNs[trace]!),
    ).toSorted();
    return Math.min(1, quantile(shares, 0.5) / IMPACT_FULL);
  }

  /** Of a called operation: the median of its spans. */
  #usualDuration(operation: number): number {
    const known = this.#durations.get(operation);
    if (known !== undefined) return known;
    const { table } = this.#incident;
    const durations: number[] = [];
    for (let span = 0; span < table.count && durations.length < 1_000; span++) {
      if (table.operation[span] === operation) durations.push(table.durationNs[span]!);
    }
    const median = quantile(Float64Array.from(durations).toSorted(), 0.5);
    this.#durations.set(operation, median);
    return median;
  }

  /** Instances of a service that have something in common that others of it have not. */
  #partsOf(service: number): readonly Part[] {
    const known = this.#parts.get(service);
    if (known !== undefined) return known;
    const instances = this.#instancesOf.get(service) ?? [];
    const parts = (key: Part['key'], valueOf: (instance: Instance) => string): Part[] => {
      const values = new Set(instances.map(valueOf).filter((value) => value !== ''));
      if (values.size < 2 || values.size > PARTS_MAX) return [];
      return [...values].map((value) => ({ key, value, has: (instance) => valueOf(instance) === value }));
    };
    const found = [
      ...parts('service.version', ({ version }) => version),
      ...parts('service.instance.id', ({ id }) => id),
      ...parts('host.name', ({ host }) => host),
    ];
    this.#parts.set(service, found);
    return found;
  }

  #within(measured: MeasuredSite, service: number, part: Part): MeasuredSite[] {
    const samples = this.#samplesOf(measured, service, part, true);
    if (samples.values.length === 0) return [];
    const { site, usual } = measured;
    const rise = riseOf(site.baseline.values, samples.values, usual, UNIT[site.kind]);
    return [
      {
        ...measured,
        site: { ...site, incident: samples },
        rise,
        weight: weightOf(samples.values.length),
        whole: measured,
      },
    ];
  }

  /** Values whose end in the service is in the part, or is not. */
  #samplesOf({ site, from }: MeasuredSite, service: number, part: Part, isIn: boolean): Samples {
    const { table, times } = this.#incident;
    const { instances } = this.#vocabulary;
    const values: number[] = [];
    const spans: number[] = [];
    for (let at = 0; at < site.incident.spans.length; at++) {
      const span = site.incident.spans[at]!;
      const end = site.kind === 'gap' && from !== service ? times.callee[span]! : span;
      if (part.has(instances[table.instance[end]!]!) !== isIn) continue;
      values.push(site.incident.values[at]!);
      spans.push(span);
    }
    return { values, spans };
  }

  /** Whether the rest of the service is as usual where a part of it is not. */
  #isAlone(sites: readonly MeasuredSite[], service: number, part: Part): boolean {
    let ofPart = 0;
    let ofRest = 0;
    let restCount = 0;
    for (const measured of sites) {
      const full = measured.whole;
      if (full === undefined) continue;
      const { values } = this.#samplesOf(full, service, part, false);
      const above = values.filter((value) => value > measured.usual.threshold).length;
      const rest = values.length === 0 ? 0 : Math.max(0, above / values.length - measured.rise.usualShare);
      ofPart += Math.max(0, measured.rise.share - measured.rise.usualShare) * measured.weight;
      ofRest += rest * measured.weight;
      restCount += values.length;
    }
    return restCount >= BASELINE_MIN && ofRest <= REST_MAX * ofPart;
  }
}

const SOME_CALLS_MAGNITUDE = 2;

/** A call that was made sometimes and is made more often now: no single count of it is unusual. */
function oftenRise(baseline: ArrayLike<number>, values: ArrayLike<number>): Rise {
  const usual = sometimes(baseline);
  const usualShare = (usual + 1) / (baseline.length + 2);
  const share = sometimes(values) / Math.max(1, values.length);
  // Requests differ, and like ones come together.
  const likelihood = likelihoodRatio(values.length / ALIKE, share, usualShare);
  const certainty = likelihood < 3 ? 0 : Math.min(1, likelihood / 8);
  const rise = share <= usualShare ? 0 : (share - usualShare) / (1 - usualShare);
  return {
    count: values.length,
    baselineCount: baseline.length,
    share,
    usualShare,
    usualMedian: usualShare,
    median: share,
    threshold: 0,
    excess: share - usualShare,
    evidence: rise * certainty * SOME_CALLS_MAGNITUDE,
  };
}

function sometimes(counts: ArrayLike<number>): number {
  let some = 0;
  for (let at = 0; at < counts.length; at++) if (counts[at]! > 0) some++;
  return some;
}

/** How many requests tell as much as one, where they are alike. */
const ALIKE = 4;

function strongerOf(a: Rise, b: Rise): Rise {
  return b.evidence > a.evidence ? b : a;
}

/** Baselines for sites that have too few values of their own: those of what is most like them. */
class Pools {
  readonly #sorted = new Map<string, Float64Array>();
  readonly #values = new Map<string, number[]>();
  readonly #vocabulary: Vocabulary;

  constructor(sites: readonly Site[], vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    for (const site of sites) {
      for (const key of this.#keys(site)) {
        const values = this.#values.get(key) ?? [];
        for (const value of site.baseline.values) values.push(value);
        this.#values.set(key, values);
      }
    }
  }

  /** In ascending order; null where nothing is like it. */
  baselineOf(site: Site): Float64Array | null {
    if (site.baseline.values.length >= BASELINE_MIN) return Float64Array.from(site.baseline.values).toSorted();
    for (const key of this.#keys(site)) {
      const values = this.#values.get(key) ?? [];
      if (values.length < BASELINE_MIN) continue;
      const sorted = this.#sorted.get(key) ?? Float64Array.from(values).toSorted();
      this.#sorted.set(key, sorted);
      return sorted;
    }
    return null;
  }

  #keys({ kind, operation, callee }: Site): string[] {
    const { operations } = this.#vocabulary;
    const { service, name } = operations[operation]!;
    if (kind === 'own') return [`own ${service} ${name}`];
    if (kind === 'count' || kind === 'order') return [];
    return [
      `${kind} to ${callee}`,
      `${kind} into ${operations[callee]!.service}`,
      `${kind} of ${operation}`,
      `${kind} from ${service}`,
    ];
  }
}

/** A name for a suspect in a set. */
export function nameOf(service: number, peer: string): string {
  return peer === '' ? `service ${service}` : `peer ${peer}`;
}

export function strength({ rise, weight }: MeasuredSite): number {
  return rise.evidence * weight;
}

function strongest(sites: readonly MeasuredSite[]): MeasuredSite | undefined {
  return sites.reduce<MeasuredSite | undefined>(
    (best, site) => (best === undefined || strength(site) > strength(best) ? site : best),
    undefined,
  );
}

function sum(sites: readonly MeasuredSite[]): number {
  return sites.reduce((total, site) => total + strength(site), 0);
}

/** Which share of what a hypothesis predicts has happened. */
function precision(sites: readonly MeasuredSite[]): number {
  let moved = 0;
  let weight = 0;
  for (const site of sites) {
    moved += site.weight * Math.min(1, site.rise.evidence / MOVED);
    weight += site.weight;
  }
  return weight === 0 ? 0 : moved / weight;
}

/** By each service that a site begins or ends in. */
function groupSites(sites: readonly MeasuredSite[]): Map<number, MeasuredSite[]> {
  const groups = new Map<number, MeasuredSite[]>();
  for (const site of sites) {
    for (const service of new Set([site.from, site.to])) {
      const group = groups.get(service);
      if (group === undefined) groups.set(service, [site]);
      else group.push(site);
    }
  }
  return groups;
}

function instancesIn({ instance, count, vocabulary }: SpanTable): Map<number, Instance[]> {
  const seen = new Set<number>();
  for (let span = 0; span < count; span++) seen.add(instance[span]!);
  const byService = new Map<number, Instance[]>();
  for (const number of seen) {
    const one = vocabulary.instances[number]!;
    const known = byService.get(one.service);
    if (known === undefined) byService.set(one.service, [one]);
    else known.push(one);
  }
  return byService;
}

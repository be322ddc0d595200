import type { Incident, IncidentOptions, TimeWindow, Truth } from './incident.ts';
import type { Ledger } from './ledger.ts';
import { Random } from './random.ts';
import { byStart } from './recorder.ts';
import { Scene, someMoment } from './scene.ts';
import { TrafficShares } from './shares.ts';
import { Simulation } from './simulation.ts';
import { Site } from './site.ts';
import { systemsInTurn } from './systems.ts';
import type { Topology } from './topology.ts';
import { World } from './world.ts';

/** A kind of fault: what it does to a system, if that has a place for it. */
export interface FaultKind {
  readonly name: string;
  readonly group: string;
  readonly plan: (site: Site) => FaultPlan | null;
}

/** A fault at its place. */
export interface FaultPlan {
  readonly truth: Pick<Truth, 'services' | 'operations' | 'description'> & Partial<Truth>;
  /** Before the traffic of either window. */
  readonly prepare?: () => void;
  /** When it happens. */
  readonly begin: () => void;
  /** Services besides those of the truth that nothing else may change. */
  readonly touches?: readonly string[];
  /** What the simulation then knows of itself. */
  readonly effects: readonly Effect[];
}

/** What becomes of a sum of the ledger from normal to faulty time: its mean, or how often it is added to. */
export type Effect =
  | {
      readonly kind: 'mean-rises' | 'mean-falls' | 'rate-rises' | 'rate-falls';
      readonly key: string;
      readonly factor: number;
    }
  | { readonly kind: 'mean-adds'; readonly key: string; readonly by: number }
  /** Neither rises nor falls by more than this factor. */
  | { readonly kind: 'mean-stays'; readonly key: string; readonly factor: number };

export interface SimulatedIncident {
  readonly incident: Incident;
  readonly ledger: Ledger;
  readonly effects: readonly Effect[];
}

const WARM_UP_MS = 8000;
/** What still runs at the end of a window has this long to end. */
const DRAIN_MS = 300_000;
const TRACES = 400;
/** Systems are drawn so often until one has a place where the fault would show. */
const ATTEMPTS = 10;

/** @throws RangeError for options that are out of range, and Error for a kind that no system has a place for */
export function simulate(kind: FaultKind, seed: number, options: IncidentOptions = {}): SimulatedIncident {
  const random = new Random(`${kind.name} ${seed}`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const name = attempt === 0 ? `${kind.name} ${seed}` : `${kind.name} ${seed} again ${attempt}`;
    for (const topology of systemsInTurn(random, name)) {
      const stage = stageOf(topology, random.fork(topology.name), options);
      const plan = kind.plan(stage.site);
      if (plan) return run(kind, seed, stage, plan);
    }
  }
  throw new Error(`no system has a place for ${kind.name}`);
}

interface Stage {
  readonly site: Site;
  readonly scene: Scene;
  readonly random: Random;
  readonly topology: Topology;
  readonly ratePerSecond: number;
  readonly baseline: { readonly fromMs: number; readonly toMs: number };
  readonly incident: { readonly fromMs: number; readonly toMs: number };
  readonly sinceMs: number;
  readonly originUnixNano: bigint;
  readonly isPlain: boolean;
}

function stageOf(topology: Topology, random: Random, options: IncidentOptions): Stage {
  const { tracesPerWindow = TRACES, baselineTraces = tracesPerWindow, plain = false, sampling = 1 } = options;
  if (!(tracesPerWindow > 0 && baselineTraces > 0)) throw new RangeError('a window needs traces');
  const ratePerSecond = topology.ratePerSecond * random.between(0.85, 1.2);
  const baselineMs = (1000 * baselineTraces) / ratePerSecond;
  const incidentMs = (1000 * tracesPerWindow) / ratePerSecond;
  const baseline = { fromMs: WARM_UP_MS, toMs: WARM_UP_MS + baselineMs };
  // Either just before the incident, or somewhat earlier.
  const gapMs = random.chance(0.5) ? 0 : random.between(2, 40) * 60_000;
  const incident = { fromMs: baseline.toMs + gapMs, toMs: baseline.toMs + gapMs + incidentMs };
  const sinceMs = incident.fromMs + random.between(0, 0.12) * incidentMs;
  const moment = someMoment(random);
  const originUnixNano =
    options.fromUnixNano === undefined ? moment : options.fromUnixNano - BigInt(WARM_UP_MS) * 1_000_000n;
  const simulation = new Simulation();
  const world = new World(topology, random.fork('world'));
  const scene = new Scene(
    simulation,
    world,
    random,
    { originUnixNano, plain, sampling },
    { normal: baseline, faulty: { fromMs: sinceMs, toMs: incident.toMs } },
  );
  const site = new Site(scene, new TrafficShares(topology), random.fork('place'), {
    baseline,
    incident,
    sinceMs,
    ratePerSecond,
  });
  return { site, scene, random, topology, ratePerSecond, baseline, incident, sinceMs, originUnixNano, isPlain: plain };
}

function run(kind: FaultKind, seed: number, stage: Stage, plan: FaultPlan): SimulatedIncident {
  const { scene, baseline, incident, sinceMs } = stage;
  // At any time of the day, a window has the traces that are asked for.
  const ratePerSecond = stage.ratePerSecond / scene.shareOfDay(baseline.fromMs);
  const windowAt = (ms: number): number =>
    ms >= incident.fromMs && ms < incident.toMs ? 1 : ms >= baseline.fromMs && ms < baseline.toMs ? 0 : -1;
  plan.prepare?.();
  const startMs = Math.max(baseline.toMs, incident.fromMs - WARM_UP_MS);
  scene.live({ fromMs: 0, toMs: baseline.toMs }, ratePerSecond, windowAt);
  scene.live({ fromMs: startMs, toMs: incident.toMs }, ratePerSecond, windowAt);
  deployHarmlessly(stage, plan);
  scene.simulation.at(sinceMs, plan.begin);
  scene.simulation.run(incident.toMs + DRAIN_MS);
  const unixNano = (ms: number): bigint => stage.originUnixNano + BigInt(Math.round(ms * 1e6));
  const window = ({ fromMs, toMs }: { fromMs: number; toMs: number }): TimeWindow => ({
    fromUnixNano: unixNano(fromMs),
    toUnixNano: unixNano(toMs),
  });
  const spans = [...scene.recorder.take(0), ...scene.recorder.take(1)].toSorted(byStart);
  return {
    incident: {
      fault: kind.name,
      seed,
      topology: stage.topology.name,
      truth: {
        conclusion: 'found',
        since: unixNano(sinceMs),
        ...plan.truth,
        resource: visibleResource(plan.truth.resource ?? null, stage.isPlain),
      },
      baseline: window(baseline),
      incident: window(incident),
      spans,
    },
    ledger: scene.ledger,
    effects: plan.effects,
  };
}

/** Plain spans have no version and no host. */
function visibleResource(resource: Truth['resource'], isPlain: boolean): Truth['resource'] {
  return isPlain && resource && !('service.instance.id' in resource) ? null : resource;
}

/** Services that the fault has nothing to do with get new versions now and then, which change nothing. */
function deployHarmlessly({ scene, random, baseline, incident }: Stage, { truth, touches = [] }: FaultPlan): void {
  const busy = new Set([...truth.services, ...touches]);
  const deploys = random.fork('harmless deploys');
  const others = [...scene.world.services.values()].filter(({ name }) => !busy.has(name));
  for (const [{ fromMs, toMs }, probability] of [
    [baseline, 0.3],
    [incident, 0.3],
  ] as const) {
    if (others.length === 0 || !deploys.chance(probability)) continue;
    const service = deploys.pick(others);
    scene.simulation.at(deploys.between(fromMs, toMs), () => scene.deploy(service));
  }
}

import type { Interval } from './ledger.ts';
import type { Random } from './random.ts';
import type { Scene } from './scene.ts';
import type { EdgeShare, OperationShare, TopicShare, TrafficShares, UseShare } from './shares.ts';
import type { Process, Slots } from './simulation.ts';
import { innerOf } from './steps.ts';
import type { Step } from './topology.ts';
import type { Edge, Instance, Service, Use } from './parts.ts';
import type { World } from './world.ts';

/** Less often than this for each request, a fault would be too rare to be seen. */
const SHARE_MIN = 0.12;

function workIn(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => {
    if (step.kind === 'work') return sum + step.latency.medianMs;
    const times = step.kind === 'repeat' ? (step.min + step.max) / 2 : step.kind === 'maybe' ? step.probability : 1;
    return sum + times * workIn(innerOf(step));
  }, 0);
}

/** Where a fault can happen: a system that runs, and choices among its parts that are busy enough. */
export class Site {
  readonly world: World;
  readonly random: Random;
  readonly scene: Scene;
  readonly shares: TrafficShares;
  readonly baseline: Interval;
  readonly incident: Interval;
  readonly sinceMs: number;
  /** Requests from outside. */
  readonly ratePerSecond: number;

  constructor(
    scene: Scene,
    shares: TrafficShares,
    random: Random,
    times: {
      readonly baseline: Interval;
      readonly incident: Interval;
      readonly sinceMs: number;
      readonly ratePerSecond: number;
    },
  ) {
    this.scene = scene;
    this.world = scene.world;
    this.shares = shares;
    this.random = random;
    this.baseline = times.baseline;
    this.incident = times.incident;
    this.sinceMs = times.sinceMs;
    this.ratePerSecond = times.ratePerSecond;
  }

  get nowMs(): number {
    return this.scene.simulation.now;
  }

  /** From 0 when the fault begins to 1 at the end. */
  get progress(): number {
    return Math.min(1, Math.max(0, (this.nowMs - this.sinceMs) / (this.incident.toMs - this.sinceMs)));
  }

  operation(isMeant: (share: OperationShare, service: Service) => boolean = () => true): OperationShare | null {
    return this.#pick(this.shares.operations.filter((share) => isMeant(share, this.world.service(share.service))));
  }

  /** A query to a database. */
  statement(isMeant: (share: UseShare) => boolean = () => true): UseShare | null {
    return this.use('database', (share) => share.query.latency.medianMs < 100 && isMeant(share));
  }

  use(type: string, isMeant: (share: UseShare) => boolean = () => true): UseShare | null {
    return this.#pick(
      this.shares.uses.filter((share) => this.world.peer(share.query.peer).plan.type === type && isMeant(share)),
    );
  }

  edge(isMeant: (share: EdgeShare) => boolean = () => true): EdgeShare | null {
    return this.#pick(this.shares.edges.filter(isMeant));
  }

  topic(): TopicShare | null {
    return this.#pick(this.shares.topics);
  }

  /** A service that is asked often, by others or from outside, and its share. */
  service(isMeant: (service: Service) => boolean = () => true): { service: Service; perRequest: number } | null {
    const perService = new Map<string, number>();
    for (const { service, perRequest } of this.shares.operations) {
      perService.set(service, (perService.get(service) ?? 0) + perRequest);
    }
    return this.#pick(
      [...perService]
        .map(([name, perRequest]) => ({ service: this.world.service(name), perRequest }))
        .filter(({ service }) => isMeant(service)),
    );
  }

  /** One of several instances of a service that is asked often. */
  instance(isMeant: (service: Service) => boolean = () => true): { service: Service; instance: Instance } | null {
    const found = this.service((service) => service.instances.length > 1 && isMeant(service));
    if (!found || found.perRequest < 2.5 * SHARE_MIN) return null;
    return { service: found.service, instance: this.random.pick(found.service.instances) };
  }

  /** While the fault lasts, again and again. */
  repeatedly(everyMs: number, action: () => void): void {
    action();
    this.scene.simulation.after(everyMs, () => {
      if (this.nowMs < this.incident.toMs) this.repeatedly(everyMs, action);
    });
  }

  /** Something holds what requests need, most of the time: about `holdMs` long, then a quarter of that not. */
  hold(slots: Slots, holdMs: number): void {
    this.scene.simulation.start(this.#hold(slots, holdMs));
  }

  *#hold(slots: Slots, holdMs: number): Process {
    while (this.nowMs < this.incident.toMs) {
      yield* slots.acquire();
      yield this.random.between(0.5, 1.5) * holdMs;
      slots.release();
      yield this.random.between(0.5, 1.5) * (holdMs / 4);
    }
  }

  /** Its own work for a request, as planned. */
  workMs(service: string, operation: string): number {
    return workIn(this.world.service(service).plan.operations[operation]?.steps ?? []);
  }

  /** What steps take if nobody else is there and nothing is slow, without the network. */
  nominalMs(steps: readonly Step[]): number {
    return steps.reduce((sum, step) => {
      switch (step.kind) {
        case 'work':
        case 'query':
          return sum + step.latency.medianMs;
        case 'call': {
          const { operations } = this.world.service(step.service).plan;
          return sum + this.nominalMs(operations[step.operation]?.steps ?? []);
        }
        case 'cached':
          return sum + step.query.latency.medianMs + (1 - step.hitRatio) * this.nominalMs(step.miss);
        case 'parallel':
          return sum + Math.max(...step.steps.map((each) => this.nominalMs([each])));
        case 'repeat':
          return sum + ((step.min + step.max) / 2) * this.nominalMs(step.steps);
        case 'maybe':
          return sum + step.probability * this.nominalMs(step.steps);
        default:
          return sum + this.nominalMs(innerOf(step));
      }
    }, 0);
  }

  /** Of the fastest of a service's operations. */
  nominalMsOf(service: string): number {
    const { operations } = this.world.service(service).plan;
    return Math.min(...Object.values(operations).map(({ steps }) => this.nominalMs(steps)));
  }

  /** How much longer an operation's own work has to take for so many milliseconds more, and at least this factor. */
  factorFor(service: string, operation: string, addedMs: number, min: number): number {
    return Math.max(min, 1 + addedMs / Math.max(0.3, this.workMs(service, operation)));
  }

  isEntry(service: string): boolean {
    return this.world.entries.some((entry) => entry.service === service);
  }

  useOf({ service, query }: UseShare): Use {
    return this.world.use(service, query.peer, query.name);
  }

  /** All ways into a service or a peer. */
  edgesInto(to: string): Edge[] {
    const callers = [
      ...this.shares.edges.filter((share) => share.to === to).map(({ from }) => from),
      ...this.shares.uses.filter(({ query }) => query.peer === to).map(({ service }) => service),
    ];
    return [...new Set(callers)].map((from) => this.world.edge(from, to));
  }

  /** A peer by its address, if any span names it. */
  visible(peer: string): string[] {
    return this.usersOf(peer).some((user) => this.world.service(user).plan.querySpans) ? [peer] : [];
  }

  /** The services that ask a peer. */
  usersOf(peer: string): string[] {
    return [...new Set(this.shares.uses.filter(({ query }) => query.peer === peer).map(({ service }) => service))];
  }

  #pick<T extends { readonly perRequest: number }>(shares: readonly T[]): T | null {
    const busy = shares.filter(({ perRequest }) => perRequest >= SHARE_MIN);
    return busy.length > 0 ? this.random.pick(busy) : null;
  }
}

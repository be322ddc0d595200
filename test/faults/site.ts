import type { Interval } from './ledger.ts';
import type { Random } from './random.ts';
import type { Scene } from './scene.ts';
import type { EdgeShare, OperationShare, TopicShare, TrafficShares, UseShare } from './shares.ts';
import type { Edge, Instance, Service, Use, World } from './world.ts';

/** Less often than this for each request, a fault would be too rare to be seen. */
const SHARE_MIN = 0.12;

/** Where a fault can happen: a system that runs, and choices among its parts that are busy enough. */
export class Site {
  readonly world: World;
  readonly random: Random;
  readonly scene: Scene;
  readonly shares: TrafficShares;
  readonly incident: Interval;
  readonly sinceMs: number;

  constructor(
    scene: Scene,
    shares: TrafficShares,
    random: Random,
    times: { readonly incident: Interval; readonly sinceMs: number },
  ) {
    this.scene = scene;
    this.world = scene.world;
    this.shares = shares;
    this.random = random;
    this.incident = times.incident;
    this.sinceMs = times.sinceMs;
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

  /** The services that ask a peer. */
  usersOf(peer: string): string[] {
    return [...new Set(this.shares.uses.filter(({ query }) => query.peer === peer).map(({ service }) => service))];
  }

  #pick<T extends { readonly perRequest: number }>(shares: readonly T[]): T | null {
    const busy = shares.filter(({ perRequest }) => perRequest >= SHARE_MIN);
    return busy.length > 0 ? this.random.pick(busy) : null;
  }
}

import type { Edge, Entry, Host, Instance, Operation, Peer, Shares, Topic, Use, Version } from './parts.ts';
import { namedIn, Service } from './parts.ts';
import type { Random } from './random.ts';
import { Slots } from './simulation.ts';
import type { OperationPlan, ServicePlan, Topology } from './topology.ts';

/** A system at work: what the traffic asks at every step, and what faults change. */
export class World {
  readonly topology: Topology;
  readonly services = new Map<string, Service>();
  readonly peers = new Map<string, Peer>();
  readonly topics = new Map<string, Topic>();
  readonly hosts: Host[] = [];
  readonly locks = new Map<string, Slots>();
  readonly entries: Entry[];
  readonly tenants: Shares[];
  readonly countries: Shares[];
  readonly paymentMethods: Shares[];
  /** Multiplies the requests from outside. */
  load = 1;
  readonly #edges = new Map<string, Edge>();
  readonly #uses = new Map<string, Use>();
  readonly #random: Random;
  #watch: (instance: Instance) => void = () => undefined;

  constructor(topology: Topology, random: Random) {
    this.topology = topology;
    this.#random = random;
    this.entries = topology.entries.map((entry) => ({ ...entry, cancelRate: 0.004 }));
    this.tenants = someShares(random, TENANTS, random.integer(6, 14));
    this.countries = someShares(random, COUNTRIES, 8);
    this.paymentMethods = someShares(random, PAYMENT_METHODS, 4);
    this.#makeHosts();
    for (const [name, plan] of Object.entries(topology.services))
      this.services.set(name, this.#makeService(name, plan));
    for (const [address, plan] of Object.entries(topology.peers)) {
      this.peers.set(address, {
        address,
        plan,
        slots: new Slots(plan.capacity),
        slowness: () => 1,
        upkeepFactor: 1,
        failure: () => null,
      });
    }
    for (const [name, plan] of Object.entries(topology.topics)) {
      this.topics.set(name, {
        name,
        plan,
        waiting: [],
        idle: [],
        busy: 0,
        busyMax: Infinity,
        copies: 1,
        poisonRate: 0,
      });
    }
  }

  /** @throws Error for a name that the topology does not have; so do the three below */
  service(name: string): Service {
    return namedIn(this.services, name);
  }

  peer(address: string): Peer {
    return namedIn(this.peers, address);
  }

  topic(name: string): Topic {
    return namedIn(this.topics, name);
  }

  edge(from: string, to: string): Edge {
    const key = `${from}>${to}`;
    let edge = this.#edges.get(key);
    if (!edge) {
      // Half of a round trip in a zone, or between two.
      const oneWayMs = this.#random.fork(key).between(0.1, 0.7);
      edge = {
        from,
        to,
        oneWayMs,
        delayMs: () => 0,
        failure: () => null,
        loses: () => false,
        timeoutMs: null,
        retries: null,
      };
      this.#edges.set(key, edge);
    }
    return edge;
  }

  use(service: string, peer: string, name: string): Use {
    const key = `${service}>${peer}>${name}`;
    let use = this.#uses.get(key);
    if (!use) {
      use = { service, peer, name, slowness: () => 1, failure: () => null, hitFactor: () => 1 };
      this.#uses.set(key, use);
    }
    return use;
  }

  lock(name: string): Slots {
    let lock = this.locks.get(name);
    if (!lock) {
      lock = new Slots(1);
      this.locks.set(name, lock);
    }
    return lock;
  }

  /** A version of a service with operations of its own, which runs nowhere yet. */
  newVersion(service: Service): Version {
    return { name: nextVersion(service.version.name, this.#random), operations: operationsOf(service.plan) };
  }

  /** Calls back with each instance, now or once it is made. */
  watchInstances(watch: (instance: Instance) => void): void {
    this.#watch = watch;
    for (const { instances } of this.services.values()) for (const instance of instances) watch(instance);
  }

  /** One more instance, which gets requests from now on. */
  addInstance(service: Service, version = service.version): Instance {
    const instance = this.#makeInstance(service, version, this.#random.pick(this.hosts));
    service.instances.push(instance);
    this.#watch(instance);
    return instance;
  }

  /** An instance ends; what it works on is still finished. */
  removeInstance(service: Service, instance: Instance): void {
    instance.isGone = true;
    service.instances = service.instances.filter((each) => each !== instance);
  }

  /** The same instance of a new process: the id is new, and whatever it held is gone. */
  restart(service: Service, instance: Instance, version = instance.version): Instance {
    const fresh = this.#makeInstance(service, version, instance.host);
    service.instances = service.instances.map((each) => (each === instance ? fresh : each));
    instance.isGone = true;
    this.#watch(fresh);
    return fresh;
  }

  #makeHosts(): void {
    const count = Math.max(2, Math.ceil(Object.keys(this.topology.services).length / 4) + 1);
    for (let at = 0; at < count; at += 1) {
      this.hosts.push({
        name: `node-${this.#random.hex(8).slice(0, 5)}`,
        zone: `zone-${'abc'.charAt(at % 3)}`,
        clockMs: this.#random.logNormal(0.3, 1) * (this.#random.chance(0.5) ? 1 : -1),
        cpuFactor: 1,
        networkDelayMs: 0,
        failure: () => null,
      });
    }
  }

  #makeService(name: string, plan: ServicePlan): Service {
    const isEntry = this.topology.entries.some((entry) => entry.service === name);
    const service = new Service(name, plan, isEntry || this.#random.chance(0.4), this.#random.integer(0, 9));
    const version: Version = { name: plan.version, operations: operationsOf(plan) };
    const start = this.#random.integer(0, this.hosts.length - 1);
    for (let at = 0; at < plan.instances; at += 1) {
      const host = this.hosts[(start + at) % this.hosts.length] as Host;
      service.instances.push(this.#makeInstance(service, version, host));
    }
    return service;
  }

  #makeInstance(service: Service, version: Version, host: Host): Instance {
    const collects = service.plan.language === 'java' || service.plan.language === 'nodejs';
    return {
      id: `${service.name}-${this.#random.hex(8).slice(0, 6)}`,
      service: service.name,
      host,
      version,
      workers: new Slots(service.plan.workers),
      pools: new Map(),
      cores: 4,
      active: 0,
      // Some are slower than their siblings at all times.
      cpuFactor: this.#random.chance(0.1) ? this.#random.between(1.12, 1.3) : this.#random.between(0.95, 1.06),
      pausedUntilMs: 0,
      startedMs: -Infinity,
      pauseEveryMs: collects ? 15_000 : 60_000,
      pauseMs: collects ? 14 : 2,
      failure: () => null,
      isRefusing: false,
      isHanging: false,
      isDraining: false,
      isGone: false,
    };
  }
}

function operationsOf(plan: ServicePlan): Map<string, Operation> {
  return new Map(Object.entries(plan.operations).map(([name, operation]) => [name, operationFrom(name, operation)]));
}

/** An operation as planned, without any fault. */
export function operationFrom(name: string, plan: OperationPlan): Operation {
  return {
    name,
    steps: plan.steps,
    errorRate: plan.errorRate ?? 0.0008,
    notFoundRate: plan.notFoundRate ?? 0,
    slowness: () => 1,
    failure: () => null,
    skips: () => false,
  };
}

function nextVersion(version: string, random: Random): string {
  const [major = '1', minor = '0', patch = '0'] = version.split('.');
  return random.chance(0.6) ? `${major}.${minor}.${Number(patch) + 1}` : `${major}.${Number(minor) + 1}.0`;
}

const TENANTS =
  'acme bluebird cobalt delta-foods elmwood fjord globex harbor initech juniper kestrel lumen mistral nimbus orchid'.split(
    ' ',
  );
const COUNTRIES = ['DE', 'US', 'FR', 'GB', 'NL', 'SE', 'JP', 'BR', 'IN', 'CH'];
const PAYMENT_METHODS = ['card', 'wallet', 'invoice', 'transfer'];

/** Names with shares that fall from the first to the last. */
function someShares(random: Random, names: readonly string[], count: number): Shares[] {
  return random
    .shuffled(names)
    .slice(0, count)
    .map((name, at) => ({ name, weight: 1 / (at + 1.5) }));
}

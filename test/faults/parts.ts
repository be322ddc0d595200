import { Slots } from './simulation.ts';
import type { PeerPlan, ServicePlan, Step, TopicPlan } from './topology.ts';

/** A request from outside or a job, with what its spans have in common. */
export interface Request {
  readonly traceId: string;
  readonly person: Person;
  /** Which window it belongs to. */
  readonly window: number;
  /** Nobody waits for its result any more. */
  isCancelled: boolean;
}

/** On whose behalf a request is. */
export interface Person {
  readonly tenant: string;
  readonly country: string;
  readonly paymentMethod: string;
  readonly plan: string;
}

/** Why something did not work. */
export interface Failure {
  /** As in `error.type`. */
  readonly type: string;
  readonly message: string;
  /** The HTTP status that a service answers with. */
  readonly status: number;
  /** What its spans show: an error with an exception, the exception alone, or the error alone. */
  readonly shows?: 'all' | 'exception' | 'status';
  /** How long it takes to fail; by default no longer than it takes to answer. */
  readonly afterMs?: number;
}

/** An operation of one version of a service. */
export interface Operation {
  readonly name: string;
  steps: readonly Step[];
  errorRate: number;
  notFoundRate: number;
  /** Multiplies its own work. */
  slowness: (request: Request) => number;
  /** Decides before the first step whether it fails. */
  failure: (request: Request) => Failure | null;
  /** Returns at once, successfully, without its steps. */
  skips: (request: Request) => boolean;
}

export interface Version {
  readonly name: string;
  readonly operations: Map<string, Operation>;
}

export interface Host {
  readonly name: string;
  readonly zone: string;
  /** How far its clock is ahead. */
  clockMs: number;
  cpuFactor: number;
  networkDelayMs: number;
  failure: (request: Request) => Failure | null;
}

export interface Instance {
  id: string;
  readonly service: string;
  readonly host: Host;
  version: Version;
  readonly workers: Slots;
  /** Connections by the address of a database. */
  readonly pools: Map<string, Slots>;
  readonly cores: number;
  active: number;
  cpuFactor: number;
  pausedUntilMs: number;
  /** When its process began. */
  startedMs: number;
  /** Its garbage collector: the mean time between pauses, and their median. */
  pauseEveryMs: number;
  pauseMs: number;
  failure: (request: Request) => Failure | null;
  isRefusing: boolean;
  isHanging: boolean;
  /** The load balancer leaves it out. */
  isDraining: boolean;
  /** Its process has ended. */
  isGone: boolean;
}

export class Service {
  readonly name: string;
  readonly plan: ServicePlan;
  instances: Instance[];
  /** Whether its spans have the tenant. */
  readonly knowsPerson: boolean;
  /** Adds to each call that it makes: looking up a name. */
  nameLookupMs: () => number;
  /** Decides on arrival, such as a limit of the rate. */
  refusal: (request: Request) => Failure | null;
  /** It keeps fewer of its spans than the others by this factor. */
  samplingFactor = 1;
  #next: number;

  constructor(name: string, plan: ServicePlan, knowsPerson: boolean, first: number) {
    this.name = name;
    this.plan = plan;
    this.instances = [];
    this.knowsPerson = knowsPerson;
    this.nameLookupMs = () => 0;
    this.refusal = () => null;
    this.#next = first;
  }

  /** In turn. */
  nextInstance(): Instance {
    const ready = this.instances.filter(({ isDraining }) => !isDraining);
    const among = ready.length > 0 ? ready : this.instances;
    this.#next += 1;
    return among[this.#next % among.length] as Instance;
  }

  get version(): Version {
    return (this.instances[0] as Instance).version;
  }

  operation(name: string): Operation {
    return operationOf(this.version, name);
  }
}

/** What one service asks one peer for. */
export interface Use {
  readonly service: string;
  readonly peer: string;
  readonly name: string;
  slowness: (request: Request) => number;
  failure: (request: Request) => Failure | null;
  /** Of a cache: what its plan's ratio is multiplied by. */
  hitFactor: () => number;
}

export interface Peer {
  readonly address: string;
  readonly plan: PeerPlan;
  readonly slots: Slots;
  slowness: () => number;
  /** The same from time to time in a healthy one, such as a checkpoint of a database. */
  upkeepFactor: number;
  failure: (request: Request) => Failure | null;
}

/** The way from a service to another, or to a peer. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly oneWayMs: number;
  /** Adds to each direction. */
  delayMs: () => number;
  /** Fails at once, such as a refused connection. */
  failure: (request: Request) => Failure | null;
  /** The request never arrives. */
  loses: () => boolean;
  /** Replaces the timeout of the caller. */
  timeoutMs: number | null;
  /** Replaces the attempts after the first. */
  retries: number | null;
}

export interface Message {
  readonly request: Request;
  readonly spanId: string;
  readonly sentMs: number;
  deliveries: number;
  /** Its processing fails each time. */
  readonly isPoison: boolean;
}

export interface Topic {
  readonly name: string;
  readonly plan: TopicPlan;
  readonly waiting: Message[];
  readonly idle: (() => void)[];
  /** Messages that consumers work on, and how many they may at once. */
  busy: number;
  busyMax: number;
  /** Copies of each message. */
  copies: number;
  poisonRate: number;
}

export interface Entry {
  readonly service: string;
  readonly operation: string;
  weight: number;
  cancelRate: number;
}

export interface Shares {
  readonly name: string;
  weight: number;
}

export function operationOf(version: Version, name: string): Operation {
  return namedIn(version.operations, name);
}

/** An instance's connections to a database. */
export function connectionsOf(instance: Instance, peer: string, service: Service): Slots {
  let pool = instance.pools.get(peer);
  if (!pool) {
    pool = new Slots(service.plan.connections);
    instance.pools.set(peer, pool);
  }
  return pool;
}

/** @throws Error for a name that is not there */
export function namedIn<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`the system has no ${name}`);
  return found;
}

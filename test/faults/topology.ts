/** A lognormal time, and a heavy tail: with the probability `tail` it takes 4 to 12 times as long. */
export interface Latency {
  readonly medianMs: number;
  readonly sigma: number;
  readonly tail: number;
}

/** What an operation does, one step after the other. */
export type Step =
  | { readonly kind: 'work'; readonly latency: Latency }
  | CallStep
  | QueryStep
  | {
      readonly kind: 'cached';
      readonly query: QueryStep;
      readonly hitRatio: number;
      readonly miss: readonly Step[];
    }
  | { readonly kind: 'parallel'; readonly steps: readonly Step[] }
  | { readonly kind: 'repeat'; readonly min: number; readonly max: number; readonly steps: readonly Step[] }
  | { readonly kind: 'maybe'; readonly probability: number; readonly steps: readonly Step[] }
  | { readonly kind: 'inside'; readonly name: string; readonly steps: readonly Step[] }
  | { readonly kind: 'publish'; readonly topic: string }
  /** A transaction: the query waits for the lock, which is held until the steps are done. */
  | { readonly kind: 'locked'; readonly lock: string; readonly query: QueryStep; readonly steps: readonly Step[] };

export interface CallStep {
  readonly kind: 'call';
  readonly service: string;
  readonly operation: string;
  readonly timeoutMs: number;
  /** Attempts after the first. */
  readonly retries: number;
  /** The caller goes on without it if it fails. */
  readonly optional: boolean;
}

/** A request to a peer that has no spans of its own: a database, a cache, an API. */
export interface QueryStep {
  readonly kind: 'query';
  readonly peer: string;
  /** The name of its span. */
  readonly name: string;
  readonly latency: Latency;
  readonly timeoutMs: number;
  readonly optional: boolean;
}

export interface OperationPlan {
  readonly steps: readonly Step[];
  /** The share that ends with an error of the server at all times. */
  readonly errorRate?: number;
  /** The share that the service answers with 404 at all times. */
  readonly notFoundRate?: number;
}

export interface ServicePlan {
  readonly language: 'java' | 'go' | 'nodejs' | 'python' | 'dotnet';
  readonly protocol: 'http' | 'grpc';
  readonly instances: number;
  /** Requests that an instance works on at once. */
  readonly workers: number;
  /** Connections of an instance to each database. */
  readonly connections: number;
  /** Whether its calls of other services have spans. */
  readonly clientSpans: boolean;
  /** Whether its queries have spans. */
  readonly querySpans: boolean;
  readonly version: string;
  readonly operations: Readonly<Record<string, OperationPlan>>;
}

export interface PeerPlan {
  /** `api` and `silent-service` are reached over HTTP; the latter is ours, but has no spans. */
  readonly type: 'database' | 'cache' | 'api' | 'silent-service' | 'broker';
  /** As in `db.system.name` or `messaging.system`; '' for HTTP. */
  readonly system: string;
  /** Requests that it works on at once. */
  readonly capacity: number;
}

export interface TopicPlan {
  readonly broker: string;
  readonly service: string;
  readonly operation: string;
  /** Whether a message continues its producer's trace, or starts a trace with a link to it. */
  readonly trace: 'same' | 'linked';
  /** Messages that an instance works on at once. */
  readonly consumers: number;
}

export interface EntryPlan {
  readonly service: string;
  readonly operation: string;
  readonly weight: number;
}

/** Work that nobody asks for: it starts by the clock. */
export interface JobPlan {
  readonly service: string;
  readonly operation: string;
  readonly everySeconds: number;
}

export interface Topology {
  readonly name: string;
  /** Requests from outside, at the middle of the day. */
  readonly ratePerSecond: number;
  readonly entries: readonly EntryPlan[];
  readonly services: Readonly<Record<string, ServicePlan>>;
  /** By their address. */
  readonly peers: Readonly<Record<string, PeerPlan>>;
  readonly topics: Readonly<Record<string, TopicPlan>>;
  readonly jobs: readonly JobPlan[];
}

export function latency(medianMs: number, sigma = 0.35, tail = 0.005): Latency {
  return { medianMs, sigma, tail };
}

export function work(medianMs: number): Step {
  return { kind: 'work', latency: latency(medianMs) };
}

export function call(
  name: string,
  operation: string,
  options: { timeoutMs?: number; retries?: number; optional?: boolean } = {},
): CallStep {
  return { kind: 'call', service: name, operation, timeoutMs: 5000, retries: 0, optional: false, ...options };
}

export function query(
  peer: string,
  name: string,
  medianMs: number,
  options: { timeoutMs?: number; optional?: boolean } = {},
): QueryStep {
  return {
    kind: 'query',
    peer,
    name,
    latency: latency(medianMs, 0.45, 0.01),
    timeoutMs: 10_000,
    optional: false,
    ...options,
  };
}

export function cached(peer: string, name: string, hitRatio: number, miss: readonly Step[]): Step {
  return { kind: 'cached', query: query(peer, name, 0.6, { optional: true }), hitRatio, miss };
}

export function parallel(...steps: readonly Step[]): Step {
  return { kind: 'parallel', steps };
}

export function repeat(min: number, max: number, ...steps: readonly Step[]): Step {
  return { kind: 'repeat', min, max, steps };
}

export function maybe(probability: number, ...steps: readonly Step[]): Step {
  return { kind: 'maybe', probability, steps };
}

export function inside(name: string, ...steps: readonly Step[]): Step {
  return { kind: 'inside', name, steps };
}

export function publish(topic: string): Step {
  return { kind: 'publish', topic };
}

export function locked(lock: string, lockQuery: QueryStep, ...steps: readonly Step[]): Step {
  return { kind: 'locked', lock, query: lockQuery, steps };
}

/** A service; what its operations do is given by name. */
export function service(
  operations: Readonly<Record<string, readonly Step[] | OperationPlan>>,
  options: Partial<Omit<ServicePlan, 'operations'>> = {},
): ServicePlan {
  return {
    language: 'go',
    protocol: 'http',
    instances: 2,
    workers: 8,
    connections: 6,
    clientSpans: true,
    querySpans: true,
    version: '1.4.2',
    ...options,
    operations: Object.fromEntries(
      Object.entries(operations).map(([name, plan]) => [name, 'steps' in plan ? plan : { steps: plan }]),
    ),
  };
}

export function database(system: string, capacity = 24): PeerPlan {
  return { type: 'database', system, capacity };
}

export function cache(): PeerPlan {
  return { type: 'cache', system: 'redis', capacity: 64 };
}

export function api(): PeerPlan {
  return { type: 'api', system: '', capacity: 64 };
}

export function silentService(): PeerPlan {
  return { type: 'silent-service', system: '', capacity: 32 };
}

export function broker(system: 'kafka' | 'rabbitmq'): PeerPlan {
  return { type: 'broker', system, capacity: 64 };
}

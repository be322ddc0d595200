import { innerOf } from './steps.ts';
import type { OperationPlan, QueryStep, ServicePlan, Step, Topology } from './topology.ts';

/** How often something happens in a system without faults. */
interface Frequent {
  /** For each request from outside. */
  readonly perRequest: number;
}

export interface OperationShare extends Frequent {
  readonly service: string;
  readonly operation: string;
}

export interface UseShare extends Frequent {
  readonly service: string;
  /** The operations that do it. */
  readonly operations: readonly string[];
  readonly query: QueryStep;
  readonly isCached: boolean;
}

export interface EdgeShare extends Frequent {
  readonly from: string;
  readonly to: string;
  /** The operations of `from` that call. */
  readonly operations: readonly string[];
  /** None of its calls may fail without consequences. */
  readonly isNeeded: boolean;
}

export interface TopicShare extends Frequent {
  readonly topic: string;
  readonly producers: readonly string[];
}

/** What to expect of a system's traffic, by the probabilities of its plan. */
export class TrafficShares {
  readonly operations: readonly OperationShare[];
  readonly uses: readonly UseShare[];
  readonly edges: readonly EdgeShare[];
  readonly topics: readonly TopicShare[];

  readonly #topology: Topology;
  readonly #operations = new Map<string, { service: string; operation: string; perRequest: number }>();
  readonly #uses = new Map<
    string,
    { service: string; operations: string[]; query: QueryStep; isCached: boolean; perRequest: number }
  >();
  readonly #edges = new Map<
    string,
    { from: string; to: string; operations: string[]; isNeeded: boolean; perRequest: number }
  >();
  readonly #topics = new Map<string, { topic: string; producers: string[]; perRequest: number }>();

  constructor(topology: Topology) {
    this.#topology = topology;
    const total = topology.entries.reduce((sum, { weight }) => sum + weight, 0);
    for (const { service, operation, weight } of topology.entries) this.#visit(service, operation, weight / total);
    for (const { service, operation, everySeconds } of topology.jobs) {
      this.#visit(service, operation, 1 / everySeconds / topology.ratePerSecond);
    }
    this.operations = [...this.#operations.values()];
    this.uses = [...this.#uses.values()];
    this.edges = [...this.#edges.values()];
    this.topics = [...this.#topics.values()];
  }

  /** Spans of a request, about. */
  get spansPerRequest(): number {
    return [this.operations, this.uses, this.edges, this.topics]
      .flat()
      .reduce((sum, { perRequest }) => sum + perRequest, 0);
  }

  #visit(service: string, operation: string, times: number): void {
    const plan = planOf(this.#topology.services[service], operation);
    if (!plan) throw new Error(`${this.#topology.name} has no ${service} ${operation}`);
    const share = found(this.#operations, `${service}/${operation}`, () => ({ service, operation, perRequest: 0 }));
    share.perRequest += times;
    for (const step of plan.steps) this.#step(service, operation, step, times, false);
  }

  #step(service: string, operation: string, step: Step, times: number, isCached: boolean): void {
    if (step.kind === 'call') {
      const edge = found(this.#edges, `${service}>${step.service}`, () => {
        return { from: service, to: step.service, operations: [], isNeeded: true, perRequest: 0 };
      });
      edge.perRequest += times;
      edge.isNeeded &&= !step.optional;
      addOnce(edge.operations, operation);
      this.#visit(step.service, step.operation, times);
    } else if (step.kind === 'query') {
      const use = found(this.#uses, `${service}>${step.peer}>${step.name}`, () => {
        return { service, operations: [], query: step, isCached, perRequest: 0 };
      });
      use.perRequest += times;
      addOnce(use.operations, operation);
    } else if (step.kind === 'publish') {
      const topic = found(this.#topics, step.topic, () => ({ topic: step.topic, producers: [], perRequest: 0 }));
      topic.perRequest += times;
      addOnce(topic.producers, service);
      const plan = this.#topology.topics[step.topic];
      if (!plan) throw new Error(`${this.#topology.name} has no topic ${step.topic}`);
      this.#visit(plan.service, plan.operation, times);
    } else if (step.kind === 'cached') {
      this.#step(service, operation, step.query, times, true);
      for (const each of step.miss) this.#step(service, operation, each, times * (1 - step.hitRatio), false);
    } else {
      const factor = step.kind === 'repeat' ? (step.min + step.max) / 2 : step.kind === 'maybe' ? step.probability : 1;
      for (const each of innerOf(step)) this.#step(service, operation, each, times * factor, false);
    }
  }
}

function planOf(service: ServicePlan | undefined, operation: string): OperationPlan | undefined {
  return service?.operations[operation];
}

function found<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

function addOnce(list: string[], item: string): void {
  if (!list.includes(item)) list.push(item);
}

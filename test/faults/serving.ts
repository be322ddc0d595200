import {
  clientName,
  messageAttributes,
  pathOf,
  queryAttributes,
  rpcAttributes,
  serverAttributes,
  setStatus,
} from './attributes.ts';
import { CANCELLED, refused, timeoutFailure, usualFailure } from './failures.ts';
import type { GeneratedLink } from './incident.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import type { OpenSpan, Recorder } from './recorder.ts';
import { Kind } from './recorder.ts';
import type { Process, Simulation, Slots } from './simulation.ts';
import type { CallStep, Latency, QueryStep, Step } from './topology.ts';
import type { Edge, Failure, Host, Instance, Message, Operation, Request, Service, Topic } from './parts.ts';
import type { World } from './world.ts';
import { connectionsOf, operationOf } from './parts.ts';

export interface Outcome {
  readonly status: number;
  readonly failure: Failure | null;
}

/** An operation at work. */
interface Frame {
  readonly request: Request;
  readonly service: Service;
  readonly instance: Instance;
  readonly operation: Operation;
  /** The span that what it does next is below. */
  readonly parentSpanId: string;
}

/** How a request reaches a service. */
export interface Arrival {
  readonly request: Request;
  readonly parentSpanId: string;
  readonly service: Service;
  readonly instance: Instance;
  readonly operation: string;
  readonly kind: number;
  readonly links?: readonly GeneratedLink[];
  readonly failure?: Failure | undefined;
}
/** How long a service waits for a connection of its pool, and a transaction for a lock. */
const POOL_TIMEOUT_MS = 3000;
const LOCK_TIMEOUT_MS = 8000;

/** What services do for a request, step by step: work, calls, queries, messages. */
export class Serving {
  readonly #simulation: Simulation;
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #ledger: Ledger;
  readonly #random: Random;

  constructor(simulation: Simulation, world: World, recorder: Recorder, ledger: Ledger, random: Random) {
    this.#simulation = simulation;
    this.#world = world;
    this.#recorder = recorder;
    this.#ledger = ledger;
    this.#random = random;
  }

  /** A service works on a request, a message or a job; its span ends with that. */
  *serve(arrival: Arrival): Process<Outcome> {
    const { request, service, instance } = arrival;
    const { language } = service.plan;
    const fromMs = this.#simulation.now;
    // A server with threads sees a request when a thread is free for it; others begin its span at once.
    const hasThreads = language === 'java' || language === 'python' || language === 'dotnet';
    if (hasThreads) yield* instance.workers.acquire();
    const span = this.#recorder.start(
      request,
      arrival.parentSpanId,
      service,
      instance,
      arrival.operation,
      arrival.kind,
      arrival.links,
    );
    if (!hasThreads) yield* instance.workers.acquire();
    this.#ledger.add(`wait for ${service.name}`, this.#simulation.now - fromMs, fromMs);
    this.#describeServer(span, arrival);
    const operation = operationOf(instance.version, arrival.operation);
    const frame: Frame = { request, service, instance, operation, parentSpanId: span.spanId };
    const outcome = yield* this.#answer(frame, arrival);
    instance.workers.release();
    this.#finishServer(span, outcome);
    const { name } = service;
    const isFailed = Number(outcome.failure !== null && outcome.status !== 499);
    this.#ledger.add(`handling ${name}/${operation.name}`, this.#simulation.now - fromMs, fromMs);
    this.#ledger.add(`handling ${name}`, this.#simulation.now - fromMs, fromMs);
    this.#ledger.add(`failed ${name}`, isFailed, fromMs);
    this.#ledger.add(`failed ${name}/${operation.name}`, isFailed, fromMs);
    this.#ledger.add(`failed by ${instance.id}`, isFailed, fromMs);
    return outcome;
  }

  *#answer(frame: Frame, arrival: Arrival): Process<Outcome> {
    const { request, service, instance, operation } = frame;
    const before =
      arrival.failure ??
      service.refusal(request) ??
      instance.failure(request) ??
      instance.host.failure(request) ??
      operation.failure(request);
    if (before) {
      yield* this.#work(frame, BRIEF);
      if (before.afterMs !== undefined) yield before.afterMs;
      return { status: before.status, failure: before };
    }
    if (operation.skips(request)) {
      yield* this.#work(frame, BRIEF);
      return { status: 200, failure: null };
    }
    if (operation.notFoundRate > 0 && this.#random.chance(operation.notFoundRate)) {
      yield* this.#work(frame, BRIEF);
      return { status: 404, failure: null };
    }
    const isFailing = this.#random.chance(operation.errorRate);
    const isEarly = isFailing && this.#random.chance(0.5);
    const failure = isEarly ? null : yield* this.#perform(frame, operation.steps);
    if (failure) return { status: failure.status, failure };
    if (!isFailing) return { status: 200, failure: null };
    return { status: 500, failure: usualFailure(service) };
  }

  /** The steps in turn, up to the first that fails. */
  *#perform(frame: Frame, steps: readonly Step[]): Process<Failure | null> {
    for (const step of steps) {
      if (frame.request.isCancelled) return CANCELLED;
      const failure = yield* this.#step(frame, step);
      if (failure) return failure;
    }
    return null;
  }

  *#step(frame: Frame, step: Step): Process<Failure | null> {
    switch (step.kind) {
      case 'work':
        yield* this.#work(frame, step.latency);
        return null;
      case 'call':
        return yield* this.#call(frame, step);
      case 'query':
        return yield* this.#query(frame, step, null);
      case 'cached': {
        const { query } = step;
        const use = this.#world.use(frame.service.name, query.peer, query.name);
        const isHit = this.#random.chance(step.hitRatio * use.hitFactor());
        const isAway = (yield* this.#query(frame, query, null, { 'app.cache.hit': isHit })) !== null;
        this.#ledger.add(`hit ${use.service}>${use.peer}>${use.name}`, Number(isHit && !isAway));
        return isHit && !isAway ? null : yield* this.#perform(frame, step.miss);
      }
      case 'parallel': {
        const tasks = step.steps.map((each) => this.#simulation.start(this.#step(frame, each)));
        let failure: Failure | null = null;
        for (const task of tasks) failure = (yield* task.join()) ?? failure;
        return failure;
      }
      case 'repeat': {
        const times = this.#random.integer(step.min, step.max);
        for (let time = 0; time < times; time += 1) {
          const failure = yield* this.#perform(frame, step.steps);
          if (failure) return failure;
        }
        return null;
      }
      case 'maybe':
        return this.#random.chance(step.probability) ? yield* this.#perform(frame, step.steps) : null;
      case 'inside': {
        const { request, service, instance } = frame;
        const span = this.#recorder.start(request, frame.parentSpanId, service, instance, step.name, Kind.internal);
        span.attributes['code.function.name'] = step.name.replaceAll(' ', '_');
        const failure = yield* this.#perform({ ...frame, parentSpanId: span.spanId }, step.steps);
        if (failure && failure !== CANCELLED) this.#recorder.fail(span, failure, false);
        this.#recorder.end(span);
        return failure;
      }
      case 'publish':
        return yield* this.#publish(frame, this.#world.topic(step.topic));
      case 'locked': {
        const lock = this.#world.lock(step.lock);
        const failure = yield* this.#query(frame, step.query, lock);
        if (failure) return failure;
        const failureWithin = yield* this.#perform(frame, step.steps);
        lock.release();
        return failureWithin;
      }
      default:
        return step satisfies never;
    }
  }

  *#work(frame: Frame, latency: Latency): Process {
    const { instance, operation, request, service } = frame;
    instance.active += 1;
    const contention = Math.max(1, instance.active / instance.cores);
    const factor =
      operation.slowness(request) *
      instance.cpuFactor *
      instance.host.cpuFactor *
      contention *
      this.#warmUpFactor(instance);
    const ms = this.#sample(latency) * factor;
    const fromMs = this.#simulation.now;
    yield ms;
    yield* this.#pause(instance);
    instance.active -= 1;
    const tookMs = this.#simulation.now - fromMs;
    this.#ledger.add(`work of ${service.name}/${operation.name}`, tookMs, fromMs);
    this.#ledger.add(`work of ${service.name}`, tookMs / latency.medianMs, fromMs);
    this.#ledger.add(`work by ${instance.id}`, tookMs / latency.medianMs, fromMs);
    this.#ledger.add(`work on ${instance.host.name}`, tookMs / latency.medianMs, fromMs);
  }

  /** What is compiled at run time is slow at first. */
  #warmUpFactor({ startedMs, service }: Instance): number {
    const { language } = this.#world.service(service).plan;
    if (language === 'go' || language === 'python') return 1;
    return 1 + 0.8 * Math.exp((startedMs - this.#simulation.now) / 4000);
  }

  /** Nothing of an instance goes on before its pause is over. */
  *#pause(instance: Instance): Process {
    const restMs = instance.pausedUntilMs - this.#simulation.now;
    if (restMs > 0) yield restMs;
  }

  *#call(frame: Frame, step: CallStep): Process<Failure | null> {
    const edge = this.#world.edge(frame.service.name, step.service);
    const attempts = 1 + (edge.retries ?? step.retries);
    let failure: Failure | null = null;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      failure = yield* this.#attempt(frame, step, edge, attempt);
      if (!failure || (failure.status < 500 && failure.status !== 429)) break;
      if (attempt + 1 < attempts) yield this.#random.between(4, 20);
    }
    if (!failure || (step.optional && failure !== CANCELLED)) return null;
    if (failure === CANCELLED) return failure;
    return {
      type: failure.status === 504 ? 'timeout' : '500',
      message: `${step.service}: ${failure.message}`,
      status: failure.status === 504 ? 504 : 500,
      shows: 'status',
    };
  }

  *#attempt(frame: Frame, step: CallStep, edge: Edge, attempt: number): Process<Failure | null> {
    const { request, service, instance } = frame;
    const target = this.#world.service(step.service);
    const span = service.plan.clientSpans
      ? this.#recorder.start(request, frame.parentSpanId, service, instance, clientName(target, step), Kind.client)
      : null;
    const fromMs = this.#simulation.now;
    const lookupMs = service.nameLookupMs();
    if (lookupMs > 0) yield lookupMs;
    let failure = edge.failure(request);
    let status: number | undefined;
    if (failure) yield failure.afterMs ?? 2 * this.#onTheWayMs(edge, instance.host, null);
    else {
      const task = this.#simulation.start(this.#reach(frame, step, edge, span?.spanId ?? frame.parentSpanId));
      const timeoutMs = edge.timeoutMs ?? step.timeoutMs;
      if (yield* this.#simulation.within(task, timeoutMs)) {
        const outcome = task.result;
        status = outcome.status;
        failure = outcome.failure && outcome.failure.shows !== 'exception' ? outcome.failure : null;
      } else failure = timeoutFailure(target.plan.protocol, timeoutMs);
    }
    yield* this.#pause(instance);
    this.#ledger.add(`call ${edge.from}>${edge.to}`, this.#simulation.now - fromMs, fromMs);
    this.#ledger.add(`failed call ${edge.from}>${edge.to}`, Number(failure !== null && failure !== CANCELLED), fromMs);
    if (span) {
      this.#describeCall(span, target, step, attempt);
      if (status !== undefined) setStatus(span, target, status);
      if (failure && failure !== CANCELLED) {
        this.#recorder.fail(span, { ...failure, shows: status === undefined ? 'all' : 'status' }, true);
      }
      this.#recorder.end(span);
    }
    return failure;
  }

  /** There, what the service does, and back. It goes on whether or not the caller still waits. */
  *#reach(frame: Frame, step: CallStep, edge: Edge, parentSpanId: string): Process<Outcome> {
    const service = this.#world.service(step.service);
    const instance = service.nextInstance();
    if (edge.loses()) yield NEVER;
    yield this.#travel(edge, frame.instance.host, instance.host);
    if (instance.isRefusing) {
      yield this.#travel(edge, frame.instance.host, instance.host);
      return { status: 503, failure: refused(edge.to) };
    }
    if (instance.isHanging) yield NEVER;
    const { request } = frame;
    const outcome = yield* this.serve({
      request,
      parentSpanId,
      service,
      instance,
      operation: step.operation,
      kind: Kind.server,
    });
    yield this.#travel(edge, frame.instance.host, instance.host);
    return outcome;
  }

  #travel(edge: Edge, from: Host, to: Host): number {
    const ms = this.#onTheWayMs(edge, from, to);
    this.#ledger.add(`network ${edge.from}>${edge.to}`, ms);
    this.#ledger.add(`network to ${edge.to}`, ms);
    return ms;
  }

  #onTheWayMs(edge: Edge, from: Host, to: Host | null): number {
    const base = from === to ? 0.05 : edge.oneWayMs * this.#random.between(0.85, 1.3);
    return base + edge.delayMs() + from.networkDelayMs + (to && to !== from ? to.networkDelayMs : 0);
  }

  /** A query; with a lock it returns holding that, unless it fails. */
  *#query(
    frame: Frame,
    step: QueryStep,
    lock: Slots | null,
    attributes: Record<string, string | boolean> = {},
  ): Process<Failure | null> {
    const { request, service, instance } = frame;
    const peer = this.#world.peer(step.peer);
    const edge = this.#world.edge(service.name, step.peer);
    const pool = peer.plan.type === 'database' ? connectionsOf(instance, step.peer, service) : null;
    const waitFromMs = this.#simulation.now;
    if (pool) {
      const isConnected = yield* pool.acquire(this.#simulation, POOL_TIMEOUT_MS);
      this.#ledger.add(`wait for connections of ${service.name}`, this.#simulation.now - waitFromMs, waitFromMs);
      if (!isConnected) {
        const message = `no connection to ${step.peer} within ${POOL_TIMEOUT_MS} ms`;
        return step.optional ? null : { type: 'ConnectionPoolTimeout', message, status: 500 };
      }
    }
    const span = service.plan.querySpans
      ? this.#recorder.start(request, frame.parentSpanId, service, instance, step.name, Kind.client)
      : null;
    const fromMs = this.#simulation.now;
    if (peer.plan.type === 'api') {
      const lookupMs = service.nameLookupMs();
      if (lookupMs > 0) yield lookupMs;
    }
    const { timeoutMs } = step;
    const task = this.#simulation.start(this.#ask(frame, step, edge, lock));
    const isDone = yield* this.#simulation.within(task, edge.timeoutMs ?? timeoutMs);
    const failure = isDone ? task.result : timeoutFailure('http', edge.timeoutMs ?? timeoutMs);
    // Nobody will use the lock that it may still get.
    if (!isDone && lock) {
      task.whenDone(() => {
        if (task.result === null) lock.release();
      });
    }
    pool?.release();
    yield* this.#pause(instance);
    const key = `${service.name}>${step.peer}>${step.name}`;
    const tookMs = this.#simulation.now - fromMs;
    this.#ledger.add(`query ${key}`, tookMs, fromMs);
    this.#ledger.add(`query of ${step.peer}`, tookMs / step.latency.medianMs, fromMs);
    this.#ledger.add(`failed query ${key}`, Number(failure !== null), fromMs);
    this.#ledger.add(`failed query of ${step.peer}`, Number(failure !== null), fromMs);
    if (span) {
      Object.assign(span.attributes, queryAttributes(peer.plan, step), attributes);
      if (failure) this.#recorder.fail(span, failure, true);
      if (span.attributes['http.request.method'] !== undefined && (!failure || failure.status < 504)) {
        span.attributes['http.response.status_code'] = failure?.status ?? 200;
      }
      this.#recorder.end(span);
    }
    if (!failure || step.optional) return peer.plan.type === 'cache' ? failure : null;
    return { ...failure, message: `${step.name}: ${failure.message}`, status: failure.status === 504 ? 504 : 500 };
  }

  /** What a peer does for a query. */
  *#ask(frame: Frame, step: QueryStep, edge: Edge, lock: Slots | null): Process<Failure | null> {
    const { request, service, instance } = frame;
    const peer = this.#world.peer(step.peer);
    const use = this.#world.use(service.name, step.peer, step.name);
    const failure = edge.failure(request) ?? peer.failure(request) ?? use.failure(request);
    if (failure) {
      yield failure.afterMs ?? 2 * this.#onTheWayMs(edge, instance.host, null);
      return failure;
    }
    if (edge.loses()) yield NEVER;
    yield this.#onTheWayMs(edge, instance.host, null);
    if (lock) {
      const fromMs = this.#simulation.now;
      const isHeld = yield* lock.acquire(this.#simulation, LOCK_TIMEOUT_MS);
      this.#ledger.add(
        `wait for lock of ${service.name}/${frame.operation.name}`,
        this.#simulation.now - fromMs,
        fromMs,
      );
      if (!isHeld) return { type: 'LockTimeout', message: 'lock wait timeout exceeded', status: 500 };
    }
    yield* peer.slots.acquire();
    yield this.#sample(step.latency) * use.slowness(request) * peer.slowness() * peer.upkeepFactor;
    peer.slots.release();
    yield this.#onTheWayMs(edge, instance.host, null);
    return null;
  }

  *#publish(frame: Frame, topic: Topic): Process<Failure | null> {
    const { request, service, instance } = frame;
    const peer = this.#world.peer(topic.plan.broker);
    const edge = this.#world.edge(service.name, peer.address);
    for (let copy = 0; copy < topic.copies; copy += 1) {
      const name = `send ${topic.name}`;
      const span = this.#recorder.start(request, frame.parentSpanId, service, instance, name, Kind.producer);
      const fromMs = this.#simulation.now;
      yield 2 * this.#onTheWayMs(edge, instance.host, null) + this.#random.logNormal(1.5, 0.4) * peer.slowness();
      const failure = edge.failure(request) ?? peer.failure(request);
      Object.assign(span.attributes, messageAttributes(peer.plan.system, topic.name, 'send', peer.address));
      if (failure) this.#recorder.fail(span, failure, true);
      this.#recorder.end(span);
      this.#ledger.add(`send ${topic.name}`, this.#simulation.now - fromMs, fromMs);
      this.#ledger.add(`failed send ${topic.name}`, Number(failure !== null), fromMs);
      if (failure) return { ...failure, status: 500 };
      const isPoison = topic.poisonRate > 0 && this.#random.chance(topic.poisonRate);
      const sentMs = this.#simulation.now;
      this.deliver(topic, { request, spanId: span.spanId, sentMs, deliveries: 0, isPoison }, 2);
    }
    return null;
  }

  /** A message comes to its topic after a while. */
  deliver(topic: Topic, message: Message, afterMs: number): void {
    this.#simulation.after(this.#random.logNormal(afterMs, 0.5), () => {
      topic.waiting.push(message);
      topic.idle.shift()?.();
    });
  }

  #describeServer(span: OpenSpan, { service, request, operation, kind }: Arrival): void {
    const { attributes } = span;
    if (kind === Kind.server) Object.assign(attributes, serverAttributes(service, operation, request.traceId));
    else if (kind === Kind.consumer) {
      const topic = [...this.#world.topics.values()].find(({ plan }) => plan.operation === operation);
      if (topic) {
        const { system } = this.#world.peer(topic.plan.broker).plan;
        Object.assign(attributes, messageAttributes(system, topic.name, 'process', topic.plan.broker));
      }
    }
    if (!service.knowsPerson) return;
    const { tenant, country, paymentMethod, plan } = request.person;
    attributes['app.tenant'] = tenant;
    attributes['app.country'] = country;
    attributes['app.payment_method'] = paymentMethod;
    attributes['app.plan'] = plan;
    attributes['app.request_id'] = span.spanId;
  }

  #finishServer(span: OpenSpan, { status, failure }: Outcome): void {
    const isHidden = failure?.shows === 'exception';
    if (span.kind === Kind.server) setStatus(span, span.service, isHidden ? 200 : status);
    const isOwn = failure?.shows !== 'status';
    if (failure && failure !== CANCELLED && (status >= 500 || span.kind !== Kind.server || isHidden)) {
      this.#recorder.fail(span, failure, isOwn);
    }
    this.#recorder.end(span);
  }

  #describeCall(span: OpenSpan, target: Service, step: CallStep, attempt: number): void {
    const { attributes } = span;
    if (target.plan.protocol === 'grpc') Object.assign(attributes, rpcAttributes(step.operation));
    else {
      const [method = 'GET', route = '/'] = step.operation.split(' ');
      attributes['http.request.method'] = method;
      attributes['url.full'] = `http://${step.service}:8080${pathOf(route, span.request.traceId)}`;
      if (attempt > 0) attributes['http.request.resend_count'] = attempt;
    }
    attributes['server.address'] = step.service;
  }

  #sample({ medianMs, sigma, tail }: Latency): number {
    const ms = this.#random.logNormal(medianMs, sigma);
    return tail > 0 && this.#random.chance(tail) ? ms * this.#random.between(4, 12) : ms;
  }
}

const BRIEF: Latency = { medianMs: 0.6, sigma: 0.3, tail: 0 };
const NEVER = (): void => undefined;

import { POISON } from './failures.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import type { Recorder } from './recorder.ts';
import { Kind } from './recorder.ts';
import { Serving } from './serving.ts';
import type { Process, Simulation } from './simulation.ts';
import type { JobPlan } from './topology.ts';
import type { Instance, Peer, Person, Request, Service, Topic } from './parts.ts';
import type { World } from './world.ts';

/** How often a message comes to a consumer that fails. */
const DELIVERIES_MAX = 5;

/** Lets requests, jobs and messages pass through a system. */
export class Traffic {
  readonly #simulation: Simulation;
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #serving: Serving;

  constructor(simulation: Simulation, world: World, recorder: Recorder, ledger: Ledger, random: Random) {
    this.#simulation = simulation;
    this.#world = world;
    this.#recorder = recorder;
    this.#ledger = ledger;
    this.#random = random;
    this.#serving = new Serving(simulation, world, recorder, ledger, random);
    for (const topic of world.topics.values()) {
      const { instances } = world.service(topic.plan.service);
      const loops = instances.length * topic.plan.consumers;
      for (let loop = 0; loop < loops; loop += 1) simulation.start(this.#consume(topic));
    }
    for (const peer of world.peers.values()) {
      if (peer.plan.type === 'database') simulation.start(this.#upkeep(peer));
    }
    world.watchInstances((instance) => {
      if (simulation.now > 0) instance.startedMs = simulation.now;
      simulation.start(this.#pauses(instance));
    });
  }

  /** One request from outside. */
  arrive(window: number): void {
    const world = this.#world;
    const entry = this.#random.weighted(world.entries);
    const service = world.service(entry.service);
    const request = this.#newRequest(window);
    const startMs = this.#simulation.now;
    const task = this.#simulation.start(
      this.#serving.serve({
        request,
        parentSpanId: '',
        service,
        instance: service.nextInstance(),
        operation: entry.operation,
        kind: Kind.server,
      }),
    );
    task.whenDone(() => {
      const ms = this.#simulation.now - startMs;
      this.#ledger.add('request of anybody', ms, startMs);
      this.#ledger.add('cancelled request', Number(task.result.status === 499), startMs);
      this.#ledger.add('request not found', Number(task.result.status === 404), startMs);
    });
    if (this.#random.chance(entry.cancelRate)) {
      this.#simulation.after(this.#random.logNormal(12, 0.8), () => {
        request.isCancelled = true;
      });
    }
  }

  /** One run of a job. */
  run(job: Pick<JobPlan, 'service' | 'operation'>, window: number): void {
    const service = this.#world.service(job.service);
    this.#simulation.start(
      this.#serving.serve({
        request: this.#newRequest(window),
        parentSpanId: '',
        service,
        instance: service.nextInstance(),
        operation: job.operation,
        kind: Kind.internal,
      }),
    );
  }

  /** The orchestrator asks an instance whether it is well. */
  checkHealth(service: Service, instance: Instance, window: number): void {
    const span = this.#recorder.start(this.#newRequest(window), '', service, instance, 'GET /healthz', Kind.server);
    Object.assign(span.attributes, {
      'http.request.method': 'GET',
      'http.route': '/healthz',
      'url.path': '/healthz',
      'user_agent.original': 'kube-probe/1.31',
      'http.response.status_code': 200,
    });
    this.#simulation.after(this.#random.logNormal(0.4, 0.4), () => this.#recorder.end(span));
  }

  /** An instance stops for a moment, as its garbage collector does, and again after a while. */
  *#pauses(instance: Instance): Process {
    while (!instance.isGone) {
      yield Math.max(5, this.#random.exponential(instance.pauseEveryMs));
      const pauseMs = this.#random.logNormal(instance.pauseMs, 0.4);
      instance.pausedUntilMs = Math.max(instance.pausedUntilMs, this.#simulation.now + pauseMs);
      this.#ledger.add(`pauses of ${instance.service}`, pauseMs / instance.pauseEveryMs);
    }
  }

  /** A database writes a checkpoint, compacts, or makes statistics. */
  *#upkeep(peer: Peer): Process {
    for (;;) {
      yield this.#random.between(20_000, 60_000);
      peer.upkeepFactor = this.#random.between(1.4, 2.4);
      yield this.#random.between(500, 1800);
      peer.upkeepFactor = 1;
    }
  }

  #newRequest(window: number, person?: Person): Request {
    const { tenants, countries, paymentMethods } = this.#world;
    return {
      traceId: this.#recorder.newTraceId(),
      person: person ?? {
        tenant: this.#random.weighted(tenants).name,
        country: this.#random.weighted(countries).name,
        paymentMethod: this.#random.weighted(paymentMethods).name,
        plan: this.#random.chance(0.2) ? 'premium' : 'free',
      },
      window,
      isCancelled: false,
    };
  }

  /** A consumer: it takes the next message once it is done with the last. */
  *#consume(topic: Topic): Process {
    const service = this.#world.service(topic.plan.service);
    for (;;) {
      const message = topic.busy < topic.busyMax ? topic.waiting.shift() : undefined;
      if (!message) {
        yield (resume) => topic.idle.push(resume);
        continue;
      }
      topic.busy += 1;
      this.#ledger.add(`lag of ${topic.name}`, this.#simulation.now - message.sentMs, message.sentMs);
      const isLinked = topic.plan.trace === 'linked';
      const { request: sent, spanId } = message;
      const request = isLinked ? this.#newRequest(sent.window, sent.person) : { ...sent, isCancelled: false };
      const outcome = yield* this.#serving.serve({
        request,
        parentSpanId: isLinked ? '' : spanId,
        service,
        instance: service.nextInstance(),
        operation: topic.plan.operation,
        kind: Kind.consumer,
        links: isLinked ? [{ traceId: sent.traceId, spanId }] : [],
        failure: message.isPoison ? POISON : undefined,
      });
      topic.busy -= 1;
      if (outcome.failure && message.deliveries + 1 < DELIVERIES_MAX) {
        this.#serving.deliver(topic, { ...message, deliveries: message.deliveries + 1 }, 150);
      }
    }
  }
}

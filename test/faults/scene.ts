import type { Interval } from './ledger.ts';
import { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import type { RecorderOptions } from './recorder.ts';
import { Recorder } from './recorder.ts';
import type { Process } from './simulation.ts';
import type { Simulation } from './simulation.ts';
import { Traffic } from './traffic.ts';
import type { Service } from './parts.ts';
import type { World } from './world.ts';

/** Requests of the orchestrator to each instance of the first service. */
const HEALTH_CHECK_EVERY_MS = 15_000;

const DAY_MS = 86_400_000;
/** 2026-11-02T00:00:00Z, a Monday. */
const FIRST_DAY_UNIX_NANO = 1_793_577_600_000_000_000n;

/** A system, its traffic and a clock. */
export class Scene {
  readonly simulation: Simulation;
  readonly world: World;
  readonly recorder: Recorder;
  readonly ledger: Ledger;
  readonly #traffic: Traffic;
  readonly #random: Random;
  readonly #originUnixNano: bigint;

  constructor(
    simulation: Simulation,
    world: World,
    random: Random,
    options: RecorderOptions,
    times: { normal: Interval; faulty: Interval },
  ) {
    this.simulation = simulation;
    this.world = world;
    this.#random = random.fork('arrivals');
    this.#originUnixNano = options.originUnixNano;
    this.recorder = new Recorder(simulation, random.fork('ids'), options);
    this.ledger = new Ledger(simulation, times.normal, times.faulty);
    this.#traffic = new Traffic(simulation, world, this.recorder, this.ledger, random.fork('traffic'));
  }

  /** All that comes from outside or by the clock in that time; `windowAt` says to which window, below 0 to none. */
  live({ fromMs, toMs }: Interval, ratePerSecond: number, windowAt: (ms: number) => number): void {
    this.simulation.at(fromMs, () => {
      this.simulation.start(this.#requests(toMs, ratePerSecond, windowAt));
      for (const job of this.world.topology.jobs) {
        const everyMs = job.everySeconds * 1000;
        this.simulation.start(
          this.#repeated(everyMs, toMs, () => this.#traffic.run(job, windowAt(this.simulation.now))),
        );
      }
      const first = this.world.entries[0];
      if (!first) return;
      const service = this.world.service(first.service);
      this.simulation.start(
        this.#repeated(HEALTH_CHECK_EVERY_MS, toMs, () => {
          for (const instance of service.instances) {
            this.#traffic.checkHealth(service, instance, windowAt(this.simulation.now));
          }
        }),
      );
    });
  }

  /** A job that the plan does not have. */
  runOnce(service: string, operation: string, window: number): void {
    this.#traffic.run({ service, operation }, window);
  }

  /** A new version of a service, one instance after the other. */
  deploy(service: Service, version = this.world.newVersion(service), pauseMs = 1500): void {
    for (const [at, instance] of service.instances.entries()) {
      this.simulation.after(at * pauseMs, () => this.world.restart(service, instance, version));
    }
  }

  *#requests(toMs: number, ratePerSecond: number, windowAt: (ms: number) => number): Process {
    for (;;) {
      const rate = ratePerSecond * this.world.load * this.shareOfDay(this.simulation.now);
      yield this.#random.exponential(1000 / rate);
      if (this.simulation.now >= toMs) return;
      this.#traffic.arrive(windowAt(this.simulation.now));
    }
  }

  *#repeated(everyMs: number, toMs: number, action: () => void): Process {
    yield this.#random.between(0, everyMs);
    while (this.simulation.now < toMs) {
      action();
      yield everyMs * this.#random.between(0.97, 1.03);
    }
  }

  /** More in the afternoon than at night. */
  shareOfDay(ms: number): number {
    const sinceMidnight = Number((this.#originUnixNano / 1_000_000n) % BigInt(DAY_MS)) + ms;
    return 1 + 0.35 * Math.sin((2 * Math.PI * (sinceMidnight - 9 * 3_600_000)) / DAY_MS);
  }
}

/** A moment of a working day of November 2026. */
export function someMoment(random: Random): bigint {
  const ms = random.integer(0, 17) * DAY_MS + random.integer(9 * 3600, 17 * 3600) * 1000;
  return FIRST_DAY_UNIX_NANO + BigInt(ms) * 1_000_000n;
}

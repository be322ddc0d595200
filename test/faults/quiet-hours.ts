import type { QuietOptions, QuietWindow } from './incident.ts';
import { Random } from './random.ts';
import { Scene, someMoment } from './scene.ts';
import { Simulation } from './simulation.ts';
import { systemOf } from './systems.ts';
import { World } from './world.ts';

const MINUTE_MS = 60_000;
const WARM_UP_MS = 8000;
/** A request that is still at work so long after the end of its window comes in a later one. */
const DRAIN_MS = 45_000;

/**
 * A system without any fault for so many hours: its load follows the day, services are deployed, instances restart,
 * bursts and batches come. Windows follow each other without a gap; each is simulated when it is asked for.
 *
 * @throws RangeError for options that are out of range
 */
export function* quietHours(seed: number, hours: number, options: QuietOptions = {}): Generator<QuietWindow> {
  const { tracesPerWindow = 400, windowMinutes = 5, plain = false, sampling = 1 } = options;
  if (!(tracesPerWindow > 0 && windowMinutes > 0 && hours > 0)) throw new RangeError('a quiet time needs traffic');
  const random = new Random(`quiet hours ${seed}`);
  const topology = systemOf(random, `quiet hours ${seed}`);
  const windowMs = windowMinutes * MINUTE_MS;
  const count = Math.ceil((hours * 60) / windowMinutes);
  const endMs = WARM_UP_MS + count * windowMs;
  const originUnixNano = options.fromUnixNano ?? someMoment(random);
  const simulation = new Simulation();
  const never = { fromMs: 0, toMs: 0 };
  const scene = new Scene(
    simulation,
    new World(topology, random.fork('world')),
    random,
    { originUnixNano: originUnixNano - BigInt(WARM_UP_MS) * 1_000_000n, plain, sampling },
    { normal: never, faulty: never },
  );
  const windowAt = (ms: number): number => (ms < WARM_UP_MS ? -1 : Math.floor((ms - WARM_UP_MS) / windowMs));
  scene.live({ fromMs: 0, toMs: endMs }, (1000 * tracesPerWindow) / windowMs, windowAt);
  liveWithChanges(scene, random.fork('changes'), endMs);
  for (let window = 0; window < count; window += 1) {
    const fromMs = WARM_UP_MS + window * windowMs;
    simulation.run(fromMs + windowMs + DRAIN_MS);
    const unixNano = (ms: number): bigint => originUnixNano + BigInt(Math.round((ms - WARM_UP_MS) * 1e6));
    yield {
      window: { fromUnixNano: unixNano(fromMs), toUnixNano: unixNano(fromMs + windowMs) },
      spans: scene.recorder.take(window),
    };
  }
}

/** What happens in a healthy system: none of it makes anything slower or fail more often. */
function liveWithChanges(scene: Scene, random: Random, endMs: number): void {
  const { simulation, world } = scene;
  const services = [...world.services.values()];
  const changes: readonly (() => void)[] = [
    () => scene.deploy(random.pick(services)),
    () => {
      const service = random.pick(services);
      world.restart(service, random.pick(service.instances));
    },
    () => {
      const service = random.pick(services);
      const instance = world.addInstance(service);
      simulation.after(random.between(10, 60) * MINUTE_MS, () => world.removeInstance(service, instance));
    },
    () => {
      // A burst of requests, which the system can carry.
      world.load *= 1.6;
      simulation.after(random.between(3, 15) * MINUTE_MS, () => {
        world.load /= 1.6;
      });
    },
    () => {
      const entry = random.pick(world.entries);
      entry.weight *= random.between(0.7, 1.4);
    },
    () => {
      const tenant = random.pick(world.tenants);
      tenant.weight *= random.between(0.7, 1.5);
    },
  ];
  let atMs = 0;
  for (;;) {
    atMs += random.exponential(35 * MINUTE_MS);
    if (atMs >= endMs) return;
    simulation.at(atMs, random.pick(changes));
  }
}

import type { ServicesResponse } from '../packages/trace/src/api-types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDirectory, startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';
import { aRequest, postJson } from './support/traces.ts';

const ROUNDS = 20;
const SPANS_A_REQUEST = 37;
const STORED_BEFORE = 100_000;

type Victim = 'collector' | 'engine';

/** Acknowledged span counts by service name: what the store must hold, no more and no less. */
const acknowledged = new Map<string, number>();

describe('what was acknowledged survives SIGKILL, once, and no process stays behind', () => {
  const dataDirectory = newDirectory();
  let collector: Collector;

  beforeAll(async () => {
    collector = await startCollector({ dataDirectory });
    for (let sent = 0; sent < STORED_BEFORE; sent += 5000)
      await sendAcknowledged(collector, 'before', `before-${sent}`, 5000);
  });
  afterAll(() => collector.stop());

  for (const victim of ['collector', 'engine'] as const) {
    it(`of the ${victim} right after an acknowledgement, ${ROUNDS} times`, { timeout: 300_000 }, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const service = `${victim}-ack-${round}`;
        await sendAcknowledged(collector, service, service, SPANS_A_REQUEST);
        collector = await killAndReplace(collector, victim);
      }
      await expectExactlyWhatWasAcknowledged(collector);
    });

    it(`of the ${victim} during a long query, ${ROUNDS} times`, { timeout: 300_000 }, async () => {
      let interrupted = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const service = `${victim}-query-${round}`;
        const queries = longQueries(collector);
        await sendAcknowledged(collector, service, service, SPANS_A_REQUEST);
        await eventually('a query runs', async () => (await runningQueries(collector)) > 0);
        collector = await killAndReplace(collector, victim);
        interrupted += (await queries).filter((status) => status !== 200).length > 0 ? 1 : 0;
      }
      expect(interrupted, 'rounds in which the kill hit a running query').toBe(ROUNDS);
      await expectExactlyWhatWasAcknowledged(collector);
    });
  }

  it('and a restart keeps everything', async () => {
    await collector.stop({ keepData: true });
    collector = await startCollector({ dataDirectory });
    await expectExactlyWhatWasAcknowledged(collector);
  });
});

async function sendAcknowledged(collector: Collector, service: string, name: string, spans: number): Promise<void> {
  const response = await postJson(collector.otlpUrl, aRequest(name, spans, service));
  expect(response.status).toBe(200);
  acknowledged.set(service, (acknowledged.get(service) ?? 0) + spans);
}

async function killAndReplace(collector: Collector, victim: Victim): Promise<Collector> {
  const enginePid = collector.enginePid();
  if (victim === 'engine') {
    process.kill(enginePid, 'SIGKILL');
    await eventually('a new engine is ready', async () => {
      if (collector.enginePid() === enginePid) return false;
      return (await fetch(`${collector.apiUrl}/readyz`)).status === 200;
    });
    return collector;
  }
  const below = descendantsOf(collector.pid);
  expect(below).toContain(enginePid);
  process.kill(collector.pid, 'SIGKILL');
  await collector.exited;
  await eventually('every process of the killed collector has ended', () => !below.some((pid) => isAlive(pid)));
  return startCollector({ dataDirectory: collector.dataDirectory });
}

/** Searches that must look at every stored trace; settles with their statuses, 0 where the connection broke. */
function longQueries(collector: Collector): Promise<number[]> {
  const search = async (index: number): Promise<number> => {
    try {
      const url = `${collector.apiUrl}/api/v1/traces?minDurationMs=${100_000 + index}&tag=request=nothing${index}`;
      return (await fetch(url)).status;
    } catch {
      return 0;
    }
  };
  return Promise.all(Array.from({ length: 40 }, (_, index) => search(index)));
}

async function runningQueries(collector: Collector): Promise<number> {
  const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  return Number(/^throughline_engine_running_queries (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

async function expectExactlyWhatWasAcknowledged(collector: Collector): Promise<void> {
  const counts = await eventually('every acknowledged span is stored', async () => {
    const response = await fetch(`${collector.apiUrl}/api/v1/services`);
    const { services } = (await response.json()) as ServicesResponse;
    const stored = services.reduce((sum, service) => sum + service.spanCount, 0);
    const expected = [...acknowledged.values()].reduce((sum, spans) => sum + spans, 0);
    return stored >= expected ? services : undefined;
  });
  expect(Object.fromEntries(counts.map(({ name, spanCount }) => [name, spanCount]))).toEqual(
    Object.fromEntries(acknowledged),
  );
}

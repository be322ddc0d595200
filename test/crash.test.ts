import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSpoolEmpty, newDirectory, startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const ROUNDS = process.env['THROUGHLINE_TEST_LONG'] === 'true' ? 20 : 3;
const SPANS_PER_REQUEST = 500;
/** So many that a search through all of them takes a while. */
const REQUESTS_BEFORE = 200;

type Victim = 'collector' | 'engine';

describe('what was acknowledged survives SIGKILL, once, and no process stays behind', () => {
  const dataDirectory = newDirectory();
  const ledger = new SpanLedger(SPANS_PER_REQUEST);
  let collector: Collector;

  beforeAll(async () => {
    collector = await startCollector({ dataDirectory });
    for (let sent = 0; sent < REQUESTS_BEFORE; sent += 1) await sendAcknowledged();
  });
  afterAll(async () => {
    await collector.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  });

  async function sendAcknowledged(): Promise<void> {
    expect(await ledger.send(collector.otlpUrl)).toBe(200);
  }

  /** In the store, by span id, and over a restart. */
  async function expectExactlyWhatWasAcknowledged(): Promise<void> {
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await collector.stop({ keepData: true });
    expect(await ledger.audit(dataDirectory)).toMatchObject(NOTHING_WRONG);
    collector = await startCollector({ dataDirectory });
  }

  for (const victim of ['collector', 'engine'] as const) {
    it(`of the ${victim} right after an acknowledgement, ${ROUNDS} times`, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await sendAcknowledged();
        collector = await killAndReplace(collector, victim);
      }
      await expectExactlyWhatWasAcknowledged();
    });

    it(`of the ${victim} during a long query, ${ROUNDS} times`, async () => {
      let interrupted = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const queries = longQueries(collector);
        await sendAcknowledged();
        await eventually('a query runs', async () => (await runningQueries(collector)) > 0);
        collector = await killAndReplace(collector, victim);
        interrupted += (await queries).some((status) => status !== 200) ? 1 : 0;
      }
      expect(interrupted, 'rounds in which the kill hit a running query').toBe(ROUNDS);
      await expectExactlyWhatWasAcknowledged();
    });
  }
});

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

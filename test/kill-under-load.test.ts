import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Seeded } from '../packages/server/src/columns/testing/seeded.ts';
import { isSpoolEmpty, newDirectory, startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const KILLS = IS_LONG ? 100 : 3;
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_123);
const TIMEOUT_MS = IS_LONG ? 3_600_000 : 600_000;
const SENDERS = 3;
const SPANS_PER_REQUEST = 40;
/** A kill comes so long after the one before, at most: before, while and after a segment is loaded. */
const KILL_AFTER_MS_MAX = 700;

type Victim = 'collector' | 'engine' | 'collector and engine';

describe('under load, what was acknowledged is stored once, whoever is killed', () => {
  for (const victim of ['collector', 'engine', 'collector and engine'] as const) {
    it(`the ${victim} at ${KILLS} random moments`, { timeout: TIMEOUT_MS }, async () => {
      const random = new Seeded(SEED);
      const dataDirectory = newDirectory();
      const ledger = new SpanLedger(SPANS_PER_REQUEST);
      let collector = await startCollector({ dataDirectory });
      const load = startLoad(ledger, () => collector.otlpUrl);
      for (let killed = 0; killed < KILLS; killed++) {
        await delay(random.below(KILL_AFTER_MS_MAX));
        collector = await killAndGoOn(collector, victim, random);
      }
      const sentBetweenKills = ledger.acknowledged.size;
      // The last kill was no end.
      await eventually('it takes spans after the last kill', () => ledger.acknowledged.size > sentBetweenKills);
      await load.stop();
      await eventually('everything is loaded', () => isSpoolEmpty(collector));
      await collector.stop({ keepData: true });

      const audit = await ledger.audit(dataDirectory);
      console.log(`${victim}: ${JSON.stringify({ seed: SEED, kills: KILLS, requests: ledger.counts, ...audit })}`);
      expect(audit).toMatchObject(NOTHING_WRONG);
      expect(audit.acknowledgedSpans).toBeGreaterThan(KILLS * SPANS_PER_REQUEST);
      rmSync(dataDirectory, { recursive: true });
    });
  }
});

function startLoad(ledger: SpanLedger, otlpUrl: () => string): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const sender = async (): Promise<void> => {
    // A pause, so that the machine has time for the other side.
    while (!stopping.signal.aborted) await delay((await ledger.send(otlpUrl())) === 0 ? 25 : 3);
  };
  const senders = Array.from({ length: SENDERS }, sender);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(senders);
    },
  };
}

/** Answers the collector that runs afterwards. Does not wait for a killed engine: the next kill may hit its start. */
async function killAndGoOn(collector: Collector, victim: Victim, random: Seeded): Promise<Collector> {
  const below = descendantsOf(collector.pid);
  const engine = below.find((pid) => pid === collector.enginePid());
  const targets = victim === 'engine' ? [engine] : victim === 'collector' ? [collector.pid] : [engine, collector.pid];
  if (random.chance(0.5)) targets.reverse();
  for (const pid of targets) if (pid !== undefined) kill(pid);
  if (victim === 'engine') return collector;
  await collector.exited;
  await eventually('every process of the killed collector has ended', () => !below.some((pid) => isAlive(pid)));
  return startCollector({ dataDirectory: collector.dataDirectory });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The engine goes with its collector.
  }
}

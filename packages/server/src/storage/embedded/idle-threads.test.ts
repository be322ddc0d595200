import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startEngine } from '../testing/start-engine.ts';

const QUERIES = 4;
/** As long as it is not cancelled, on 32 threads. */
const WIDE =
  'SELECT sum(sleepEachRow(0.01)) FROM numbers_mt(1000000) SETTINGS max_threads = 32, max_block_size = 1, max_threads_min_free_memory_per_thread = 0';
/** 16 may wait for work, and the engine starts a few for its own. */
const IDLE_MAX = 24;

// The kernel's count is in /proc.
test.skipIf(process.platform !== 'linux')('the threads that a burst of queries has started end behind it', async () => {
  await using store = await startEngine({ concurrentQueries: QUERIES });
  const threads = (): number => readdirSync(`/proc/${store.pids.at(-1)}/task`).length;
  const before = threads();
  const cancel = new AbortController();
  const burst = Array.from({ length: QUERIES }, () =>
    store.engine.query(WIDE, { format: 'Native', timeoutMs: 600_000, signal: cancel.signal }),
  );
  const ends = Promise.allSettled(burst);
  await expect.poll(threads).toBeGreaterThan(before + 3 * IDLE_MAX);
  cancel.abort();
  await ends;
  await expect.poll(threads).toBeLessThanOrEqual(before + IDLE_MAX);
  // It still has threads to work with.
  expect(await store.rows('SELECT count() FROM numbers_mt(1000000)')).toEqual([[1_000_000]]);
});

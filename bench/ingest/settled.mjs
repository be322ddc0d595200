/**
 * When what was sent is done. A segment of the spool is stored when it is full, or ten seconds after its first block; until then its spans are
 * found in the engine's memory. So the last one of a phase waits for its age alone, which nobody has to work for: that wait is printed apart.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mergesEnded, readMetrics } from './collector.mjs';

const BUSY_POLL_MS = 20;
/** Asking for the metrics is work of the collector: not so often while there is nothing to see. */
const WAITING_POLL_MS = 100;
const STORE_POLL_MS = 1_000;
const DIRECTORY_POLL_MS = 50;

const sumOf = (metrics, prefix) =>
  Object.entries(metrics).reduce((sum, [name, value]) => (name.startsWith(prefix) ? sum + value : sum), 0);

/** Segments that were handed over to the store, and those that it has taken. */
function segmentsOf(metrics) {
  const sealed = sumOf(metrics, 'throughline_spool_sealed_segments_total');
  return { sealed, taken: metrics['throughline_loader_inserts_total{outcome="stored"}'] ?? 0 };
}

/** Waits until the traces with these ids are found, and the store has no segment before it: what is not stored by then waits for its age. */
export async function findable(collector, traceIds, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  const look = async (isDone) => {
    while (!(await isDone())) {
      if (performance.now() > deadline) throw new Error('not everything was found in time');
      await delay(BUSY_POLL_MS);
    }
  };
  await look(async () => {
    const { sealed, taken } = segmentsOf(await readMetrics(collector));
    return sealed <= taken;
  });
  for (const traceId of traceIds) await look(() => isFound(collector, traceId));
}

export async function isFound({ apiUrl }, traceId) {
  const response = await fetch(`${apiUrl}/api/v1/traces/${traceId}`);
  await response.arrayBuffer();
  return response.ok;
}

/**
 * Waits until the engine has taken everything that was acknowledged. Returns the metrics, and the ms of the wait in which the store had
 * nothing to do: every stretch between two looks that saw no segment before the store, and none in between.
 */
export async function stored(collector, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  let waitedMs = 0;
  let last = { at: performance.now(), sealed: -1 };
  for (;;) {
    const metrics = await readMetrics(collector);
    const at = performance.now();
    const { sealed, taken } = segmentsOf(metrics);
    const isWaiting = sealed <= taken;
    if (isWaiting && last.sealed === sealed) waitedMs += at - last.at;
    if (metrics.throughline_accepted_spans_total === metrics.throughline_loader_spans_total) {
      return { metrics, waitedMs };
    }
    if (at > deadline) throw new Error('the engine did not take everything in time');
    last = { at, sealed: isWaiting ? sealed : -1 };
    await delay(isWaiting ? WAITING_POLL_MS : BUSY_POLL_MS);
  }
}

/**
 * Waits until everything is stored, counted in the derived tables, and merged. Returns the metrics, and the ms that merges took. A collector
 * that shares its store does not know alone what is counted: it has `isCounted` then, which asks the store.
 */
export async function settled(collector, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  const { metrics } = await stored(collector, timeoutMs);
  const look = async (isDone, pollMs) => {
    while (!(await isDone())) {
      if (performance.now() > deadline) throw new Error('the derived tables were not filled in time');
      await delay(pollMs);
    }
  };
  await look(async () => (await readMetrics(collector)).throughline_rollup_waiting_spans === 0, WAITING_POLL_MS);
  if (collector.isCounted !== undefined) await look(collector.isCounted, STORE_POLL_MS);
  return { metrics, mergesMs: await mergesEnded(collector.processes.store) };
}

/** Resolves as soon as the oldest segment has left the spool: the store has it. Seen by the files, without asking the collector. */
export async function nextStored({ dataDirectory }, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  const oldest = () =>
    readdirSync(join(dataDirectory, 'spool'))
      .filter((file) => file.endsWith('.native'))
      .toSorted()[0];
  const first = oldest();
  while (oldest() === first) {
    if (performance.now() > deadline) throw new Error('no segment was stored in time');
    await delay(DIRECTORY_POLL_MS);
  }
}

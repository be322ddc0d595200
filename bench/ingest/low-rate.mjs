/** What the collector costs at a rate that people have. */
import { setTimeout as delay } from 'node:timers/promises';
import { startSender } from './senders.mjs';
import { nextStored, settled } from './settled.mjs';
import { watchUsage } from './usage.mjs';

/** A segment is stored ten seconds after its first block, and with what the engine is busy with. */
const STORED_TIMEOUT_MS = 30_000;
/** The sender is stopped before. */
const SENDER_SECONDS_MORE = 120;
const SETTLE_TIMEOUT_MS = 60_000;

/**
 * Sends `spansASecond` and watches for at least `seconds` after a warm-up. What is watched begins and ends with a segment that has just been
 * stored, so that as much is stored in it as has come: spans of before it are counted and merged in it, its own last ones behind it.
 */
export async function holdLowRate(collector, { sender, spansASecond, seconds, warmUpSeconds = 10 }) {
  const { otlpUrl } = collector;
  const running = await startSender({
    otlpUrl,
    sender,
    spansASecond,
    connections: 8,
    warmUpSeconds,
    seconds: warmUpSeconds + seconds + SENDER_SECONDS_MORE,
  });
  try {
    await delay(warmUpSeconds * 1_000);
    await nextStored(collector, STORED_TIMEOUT_MS);
    const usage = watchUsage(collector);
    const begin = performance.now();
    let segments = 0;
    for (; performance.now() - begin < seconds * 1_000; segments++) await nextStored(collector, STORED_TIMEOUT_MS);
    const used = usage.stop();
    running.stop();
    const sent = await running.result;
    await settled(collector, SETTLE_TIMEOUT_MS);
    const rate = (sent.acknowledgedSpans / sent.elapsedMs) * 1_000;
    const { acknowledgedSpans: spans, statuses, p50Ms, p99Ms } = sent;
    return { spans, statuses, rate, p50Ms, p99Ms, segments, cpuUsASpan: (used.cpuPercent * 10_000) / rate, ...used };
  } finally {
    running.stop();
  }
}

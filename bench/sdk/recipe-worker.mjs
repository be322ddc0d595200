/**
 * One tracer under the recipe of OpenTelemetry's specification (performance-benchmark.md): `recipe-worker.mjs RIVAL
 * PORT RATE SECONDS [simple|batch] [STANDARD_3_PATH]`. RATE 0 makes and exports as many spans as it can. Prints figures
 * as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { exporting } from './exporting.mjs';

const [rival, port, rateText, secondsText, processor, standard3] = process.argv.slice(2);
const rate = Number(rateText);
const seconds = Number(secondsText);

/** Ten attributes, each of two strings of 20 characters. */
const KEYS = Array.from({ length: 10 }, (_, i) => `attribute.number.00${i}`.padEnd(20, 'x'));
const VALUES = Array.from({ length: 10 }, (_, i) => `value-of-attribute-${i}`.padEnd(20, 'x'));
function fill(span) {
  for (let i = 0; i < KEYS.length; i++) span.setAttribute(KEYS[i], VALUES[i]);
}

const isSimple = processor === 'simple';
const tracer = await exporting(rival, {
  url: `http://127.0.0.1:${port}`,
  batchSpans: isSimple ? 1 : 0,
  isSimple,
  resource: { 'service.name': 'abcdefghij', 'service.version': 'abcdefghij', name: 'abcdefghij' },
  standard3,
});

/** So many may wait: more would be a queue that is full. */
const PENDING_MAX = 30_000;
const SLICE_SPANS = 500;
const WARM_UP_MS = 2000;

/** Makes spans as fast as they are exported, and returns how many were exported. */
async function saturate(forMs) {
  const before = tracer.exported();
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    for (let i = 0; i < SLICE_SPANS; i++) tracer.span('benchmark', fill);
    await new Promise((resolve) => setImmediate(resolve));
    while (tracer.pending() > PENDING_MAX) await sleep(1);
  }
  return tracer.exported() - before;
}

/** A thousand slices a second would be a load of its own. */
const SLICE_MS = 10;

/** Makes spans at the rate; returns how many, and per second what share of a core and how much heap it took. */
async function hold(forMs) {
  const startedAt = performance.now();
  const shares = [];
  const heaps = [];
  let made = 0;
  let lastAt = startedAt;
  let lastCpu = process.cpuUsage();
  for (;;) {
    const now = performance.now();
    if (now - lastAt >= 1000 || now - startedAt >= forMs) {
      const { user, system } = process.cpuUsage(lastCpu);
      shares.push((user + system) / 1000 / (now - lastAt));
      heaps.push(process.memoryUsage().heapUsed);
      lastCpu = process.cpuUsage();
      lastAt = now;
    }
    if (now - startedAt >= forMs) return { made, shares, heaps };
    const due = Math.floor(((now - startedAt) * rate) / 1000);
    for (; made < due; made++) tracer.span('benchmark', fill);
    await sleep(SLICE_MS);
  }
}

const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
let figures;
if (rate === 0) {
  await saturate(WARM_UP_MS);
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const exported = await saturate(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  figures = {
    spansPerSecond: (exported / (performance.now() - startedAt)) * 1000,
    cpuUsASpan: (user + system) / exported,
  };
} else {
  await hold(WARM_UP_MS);
  const before = tracer.exported?.() ?? 0;
  const { made, shares, heaps } = await hold(seconds * 1000);
  figures = {
    spansPerSecond: made / seconds,
    exportedPerSecond: ((tracer.exported?.() ?? before) - before) / seconds,
    cpuMean: mean(shares),
    cpuPeak: Math.max(...shares.slice(0, -1)),
    heapMeanMb: mean(heaps) / 1e6,
    heapPeakMb: Math.max(...heaps) / 1e6,
  };
}
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);

/**
 * One tracer and one case in a process of its own, so that neither rival sees the other's garbage or compiled code.
 * Each message is a number of spans to make; the answer says what they cost.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CASES, RIVALS } from './rivals.mjs';

const [rival, name] = process.argv.slice(2);
const { run, encoded } = await RIVALS[rival](CASES[name]);
let collections = 0;
new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({ entryTypes: ['gc'] });

/** Collections are reported some turns of the event loop after they happened. */
const delivered = () => sleep(20);

async function answer({ spans, countBytes }) {
  if (countBytes) {
    globalThis.gc();
    await delivered();
    collections = 0;
  }
  const heapBefore = process.memoryUsage().heapUsed;
  const cpuBefore = process.cpuUsage();
  run(spans);
  const { user, system } = process.cpuUsage(cpuBefore);
  const heapBytes = process.memoryUsage().heapUsed - heapBefore;
  if (countBytes) await delivered();
  process.send({
    cpuNs: ((user + system) * 1000) / spans,
    heapBytes: heapBytes / spans,
    collections,
    encoded: encoded(),
  });
}

process.on('message', (message) => void answer(message));
process.send('ready');

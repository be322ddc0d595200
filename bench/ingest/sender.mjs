/**
 * A process that sends pre-encoded requests for a bounded time, or until its parent sends a second message: as fast as they are
 * acknowledged, or at a fixed rate, where a late answer does not delay the next request. Its one argument is JSON; its result goes to
 * its parent. Answers that come in the warm-up do not count among the latencies.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PROTOCOLS } from './clients.mjs';
import { SPANS_PER_REQUEST } from './payload.mjs';
import { quantile } from './statistics.mjs';

const options = JSON.parse(process.argv[2]);
const { sender, connections, seconds, spansASecond, warmUpSeconds = 0, protocol = 'http/protobuf' } = options;
/** As many as there are services, so that each sends. */
const TEMPLATES = Math.max(30, connections);

const client = PROTOCOLS[protocol].client(options);
const latenciesMs = [];
const statuses = {};
let acknowledgedSpans = 0;
let lastTraceId = null;

const free = Array.from({ length: TEMPLATES }, (_, number) => PROTOCOLS[protocol].template(number));
let number = 0;

async function send() {
  const template = free.shift();
  template.stamp(sender, number++, Date.now());
  const sentAt = performance.now();
  const status = await client.post(template.bytes);
  if (sentAt - begin >= warmUpSeconds * 1000) latenciesMs.push(performance.now() - sentAt);
  statuses[status] = (statuses[status] ?? 0) + 1;
  if (status === 200) {
    acknowledgedSpans += SPANS_PER_REQUEST;
    lastTraceId = template.traceId;
  } else await delay(50);
  free.push(template);
}

process.send('ready');
await new Promise((resolve) => process.once('message', resolve));
const begin = performance.now();
let isStopped = false;
process.once('message', () => (isStopped = true));
const isOver = () => isStopped || performance.now() - begin >= seconds * 1000;

if (spansASecond === undefined) {
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (!isOver()) await send();
    }),
  );
} else {
  const everyMs = (SPANS_PER_REQUEST / spansASecond) * 1000;
  const running = new Set();
  for (let due = 0; !isOver(); due += everyMs) {
    const waitMs = begin + due - performance.now();
    if (waitMs > 0) await delay(waitMs);
    // Beyond this many unanswered requests the rate is not kept, which the result shows.
    if (free.length === 0) await Promise.race(running);
    const one = send().finally(() => running.delete(one));
    running.add(one);
  }
  await Promise.all(running);
}
process.send({
  acknowledgedSpans,
  statuses,
  // The last one that was acknowledged.
  lastTraceId,
  elapsedMs: performance.now() - begin,
  p50Ms: quantile(latenciesMs, 0.5),
  p99Ms: quantile(latenciesMs, 0.99),
});
process.disconnect();
client.close();

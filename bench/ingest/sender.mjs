/**
 * A process that sends pre-encoded requests for a bounded time: as fast as they are acknowledged, or at a fixed rate,
 * where a late answer does not delay the next request. Its one argument is JSON; its result goes to its parent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PROTOCOLS } from './clients.mjs';
import { SPANS_A_REQUEST } from './payload.mjs';
import { quantile } from './statistics.mjs';

const options = JSON.parse(process.argv[2]);
const { sender, connections, seconds, spansASecond, protocol = 'http/protobuf' } = options;
/** As many as there are services, so that each sends. */
const TEMPLATES = Math.max(30, connections);

const client = PROTOCOLS[protocol].client(options);
const latenciesMs = [];
const statuses = {};
let acknowledgedSpans = 0;

const free = Array.from({ length: TEMPLATES }, (_, number) => PROTOCOLS[protocol].template(number));
let number = 0;

async function send() {
  const template = free.shift();
  template.stamp(sender, number++, Date.now());
  const begin = performance.now();
  const status = await client.post(template.bytes);
  latenciesMs.push(performance.now() - begin);
  statuses[status] = (statuses[status] ?? 0) + 1;
  if (status === 200) acknowledgedSpans += SPANS_A_REQUEST;
  else await delay(50);
  free.push(template);
}

process.send('ready');
await new Promise((resolve) => process.once('message', resolve));
const begin = performance.now();
const isOver = () => performance.now() - begin >= seconds * 1000;

if (spansASecond === undefined) {
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (!isOver()) await send();
    }),
  );
} else {
  const everyMs = (SPANS_A_REQUEST / spansASecond) * 1000;
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
  elapsedMs: performance.now() - begin,
  p50Ms: quantile(latenciesMs, 0.5),
  p99Ms: quantile(latenciesMs, 0.99),
});
process.disconnect();
client.close();

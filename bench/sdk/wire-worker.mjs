/**
 * One tracer that sends spans over the wire at a steady rate: `wire-worker.mjs RIVAL PORT RATE SECONDS BATCH_SPANS
 * [DD_TRACE_PATH [STANDARD_3_PATH]]`. Prints CPU time and memory as JSON when everything is sent. BATCH_SPANS is the
 * number of spans a request, 0 for as many as 256 KiB hold.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { exporting } from './exporting.mjs';

const [rival, port, rate, seconds, batch, ddTrace, standard3] = process.argv.slice(2);
const ATTRIBUTES = { 'http.request.method': 'GET', 'url.path': '/api/v1/orders', 'server.address': 'shop.example.com' };

let turn = 0;
function fill(span) {
  for (const key in ATTRIBUTES) span.setAttribute(key, ATTRIBUTES[key]);
  span.setAttribute('http.response.status_code', 200);
  span.setAttribute('app.user.id', `user-${turn++ & 1023}`);
}

const url = `http://127.0.0.1:${port}`;
const tracer = await exporting(rival, { url, batchSpans: Number(batch), resource: {}, ddTrace, standard3 });
const SLICE_MS = 10;

/** Spans in slices, as a server has them: what is behind is made up, so that the rate holds. */
async function send(forMs) {
  const startedAt = performance.now();
  let made = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    const due = Math.floor((Math.min(elapsedMs, forMs) * rate) / 1000);
    for (; made < due; made++) tracer.span('GET /orders', fill);
    if (elapsedMs >= forMs) return made;
    await sleep(SLICE_MS);
  }
}

// Warm code is what is measured.
const warmUp = await send(2000);
const cpuBefore = process.cpuUsage();
let rssMax = 0;
const watch = setInterval(() => (rssMax = Math.max(rssMax, process.memoryUsage.rss())), 50);
const startedAt = performance.now();
const spans = await send(seconds * 1000);
const tookMs = performance.now() - startedAt;
await tracer.end();
clearInterval(watch);
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(
  `${JSON.stringify({ warmUp, spans, spansPerSecond: Math.round((spans / tookMs) * 1000), cpuUs: (user + system) / spans, rssMaxMb: Math.round(rssMax / 1e6), stats: tracer.stats?.() })}\n`,
);
process.exit(0);

/** The spans that are queried, the same in each store, as a collector takes them from senders. */
import { setTimeout as delay } from 'node:timers/promises';
import { PROTOCOLS } from '../ingest/clients.mjs';
import { SERVICES, SPANS_PER_REQUEST } from '../ingest/payload.mjs';
import { TraceTemplate } from '../query/traces.mjs';

const CONNECTIONS = 8;
const REFUSED_WAIT_MS = 50;
/** A request that is refused for so long ends the run. */
const REFUSED_MS_MAX = 120_000;
/** Of so many requests one has a span that is asked for. */
const REQUESTS_A_KNOWN_SPAN = 37;

/**
 * Posts `spans` spans that start evenly over `seconds` from `startMs` on. Returns how many they were and some of them, to ask for.
 */
export async function loadSpans(collector, { startMs, seconds, spans }) {
  const requests = Math.ceil(spans / SPANS_PER_REQUEST);
  const client = PROTOCOLS['http/protobuf'].client({ otlpUrl: collector.otlpUrl, connections: CONNECTIONS });
  const templates = Array.from({ length: SERVICES }, (_, number) => new TraceTemplate(number));
  const known = [];
  let next = 0;
  const sendAll = async () => {
    for (let number = next++; number < requests; number = next++) {
      const template = templates[number % templates.length];
      template.stamp(number, startMs + (number / requests) * seconds * 1000);
      if (number % REQUESTS_A_KNOWN_SPAN === 0) known.push(template.span(number % SPANS_PER_REQUEST));
      // The next request of this template may be stamped before this one is acknowledged.
      await post(client, Buffer.from(template.bytes));
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, sendAll));
  } finally {
    client.close();
  }
  return { spans: requests * SPANS_PER_REQUEST, known, startMs };
}

async function post(client, bytes) {
  const deadline = performance.now() + REFUSED_MS_MAX;
  for (;;) {
    const status = await client.post(bytes);
    if (status === 200) return;
    if (status !== 503 || performance.now() > deadline) throw new Error(`spans were answered with ${status}`);
    await delay(REFUSED_WAIT_MS);
  }
}

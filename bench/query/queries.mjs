/** The queries of people and of the UI, over the API, and how long they take. */
import { cpuOf } from '../ingest/collector.mjs';
import { median, quantile } from '../ingest/statistics.mjs';

/** A query that takes longer has failed. */
const ANSWER_MS_MAX = 20_000;
/** … and one is not asked again after so long. */
const QUERY_MS_MAX = 60_000;
const WARM_UP = 3;

const path = (name, parameters) => `/api/v1/${name}?${new URLSearchParams(parameters)}`;

/**
 * Each builds the path of the n-th query, and what its answer has to hold. `range` are the `from` and `to` of each that has them;
 * without it they are asked over all time.
 */
export function queries({ known, startMs }, range = {}) {
  const at = (n) => known[(n * 7) % known.length];
  const hour = { from: String(startMs + 4 * 3_600_000), to: String(startMs + 5 * 3_600_000 - 1) };
  return {
    byId: (n) => ({ path: `/api/v1/traces/${at(n).traceId}`, holds: at(n).traceId }),
    filtered: (n) => {
      const { service, operation } = at(n);
      const tag = 'http.response.status_code=500';
      return { path: path('traces', { service, operation, minDurationMs: '20', tag, ...range }), holds: '"traces"' };
    },
    rare: (n) => ({ path: path('traces', { tag: `url.path=${at(n).urlPath}`, ...range }), holds: at(n).traceId }),
    newest: () => ({ path: path('traces', { limit: '20', ...range }), holds: '"traceId"' }),
    series: () => ({ path: path('series', { ...hour, step: '60' }), holds: 'shop-service-' }),
    values: (n) => {
      const key = ['http.request.method', 'server.address', 'app.user.id'][n % 3];
      return { path: path(`attributes/${key}/values`, range), holds: '"value"' };
    },
    keys: () => ({ path: path('attributes', range), holds: '"app.user.id"' }),
    services: () => ({ path: path('services', range), holds: 'shop-service-' }),
    operations: (n) => ({ path: path(`services/${at(n).service}/operations`, range), holds: at(n).operation }),
  };
}

/** Asks once. Returns the ms and the bytes; throws where it is not the answer. */
export async function ask({ apiUrl }, { path: asked, holds }) {
  const begin = performance.now();
  const response = await fetch(apiUrl + asked, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const body = await response.text();
  const ms = performance.now() - begin;
  if (!response.ok) throw new Error(`${response.status} ${body.slice(0, 200)}`);
  if (!body.includes(holds)) throw new Error(`the answer to ${asked} does not hold ${holds}`);
  return { ms, bytes: body.length };
}

/**
 * Asks one query again and again, each time with other values. CPU time beside the time: on a machine that is busy with other work it
 * says more.
 */
export async function measureQuery(collector, queryAt, repeats) {
  const samplesMs = [];
  let bytes = 0;
  let cpuBefore = 0;
  const deadline = performance.now() + QUERY_MS_MAX;
  try {
    for (let n = 0; n < WARM_UP + repeats && performance.now() < deadline; n++) {
      if (n === WARM_UP) cpuBefore = cpuOf(collector);
      const answer = await ask(collector, queryAt(n));
      if (n >= WARM_UP) samplesMs.push(answer.ms);
      ({ bytes } = answer);
    }
  } catch (error) {
    return { error: error.message };
  }
  return {
    asked: samplesMs.length,
    cpuMs: (cpuOf(collector) - cpuBefore) / 1000 / samplesMs.length,
    medianMs: median(samplesMs),
    p90Ms: quantile(samplesMs, 0.9),
    lowestMs: Math.min(...samplesMs),
    bytes,
  };
}

/** Asks all queries in turn, a round every `everyMs` or as soon as the one before has ended, so that each meets whatever goes on. */
export async function measureInTurn(collector, asked, { rounds, everyMs, msMax }) {
  const samplesMs = Object.fromEntries(Object.keys(asked).map((name) => [name, []]));
  const errors = {};
  const begin = performance.now();
  for (let n = -WARM_UP; n < rounds && performance.now() - begin < msMax; n++) {
    const pause = new Promise((resolve) => setTimeout(resolve, everyMs));
    for (const [name, queryAt] of Object.entries(asked)) {
      try {
        const { ms } = await ask(collector, queryAt(n + WARM_UP));
        if (n >= 0) samplesMs[name].push(ms);
      } catch (error) {
        errors[name] = error.message;
      }
    }
    await pause;
  }
  return Object.fromEntries(
    Object.entries(samplesMs).map(([name, ms]) => [
      name,
      errors[name] === undefined
        ? { asked: ms.length, medianMs: median(ms), p95Ms: quantile(ms, 0.95), mostMs: Math.max(...ms) }
        : { error: errors[name] },
    ]),
  );
}

/**
 * Questions to a store of 10 million spans, over the API, and what the store costs while nobody asks.
 * `node bench/query.mjs [--json FILE] [--spans N] [--repeats N] [--data DIRECTORY] [--sampled]`, after `npm run build`; Linux only.
 * With `--sampled` every span stands for four.
 * With `--data` the store stays there, and the next run with it asks it again without loading it.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cpuUs, memoryBytes, startCollector } from './ingest/collector.mjs';
import { median, quantile, round } from './ingest/statistics.mjs';
import { loadTraces } from './query/load.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    spans: { type: 'string', default: '10000000' },
    repeats: { type: 'string', default: '15' },
    data: { type: 'string' },
    sampled: { type: 'boolean', default: false },
  },
});
const SPANS = Number(values.spans);
const REPEATS = Number(values.repeats);
const WARM_UP = 3;
const SECONDS = 6 * 3_600;
const IDLE_MS = 20_000;
const MB = 1e6;

/** Most that each may take. */
const GOALS = {
  byId: ['trace by id, ms', 35],
  filtered: ['service, operation, duration and attribute, ms', 90],
  rare: ['rare attribute without service, ms', 70],
  newest: ['newest 20, ms', 20],
  series: ["one hour's rate, errors and durations of all services, ms", 60],
  values: ['values of an attribute, ms', 60],
  keys: ['keys of attributes, ms', 60],
  services: ['services, all time, ms', 60],
  operations: ['operations of a service, all time, ms', 60],
  startMs: ['start with the spans stored, to ready, ms', 2_000],
  idleMb: ['RSS of collector and engine, idle, MB', 450],
  idlePercent: ['CPU of both, idle, % of a core', 2],
  diskBytesASpan: ['disk after merges, all tables, bytes a span', 78],
};

const path = (name, parameters) => `/api/v1/${name}?${new URLSearchParams(parameters)}`;

/** Each builds the path of the n-th question. */
function questions({ known, startMs }) {
  const at = (n) => known[(n * 7) % known.length];
  const hour = { from: String(startMs + 4 * 3_600_000), to: String(startMs + 5 * 3_600_000 - 1) };
  return {
    byId: (n) => `/api/v1/traces/${at(n).traceId}`,
    filtered: (n) => {
      const { service, operation } = at(n);
      return path('traces', { service, operation, minDurationMs: '20', tag: 'http.response.status_code=500' });
    },
    rare: (n) => path('traces', { tag: `url.path=${at(n).urlPath}` }),
    newest: () => path('traces', { limit: '20' }),
    series: () => path('series', { ...hour, step: '60' }),
    values: (n) => path(`attributes/${['http.request.method', 'server.address', 'app.user.id'][n % 3]}/values`, {}),
    keys: () => path('attributes', {}),
    services: () => path('services', {}),
    operations: (n) => path(`services/${at(n).service}/operations`, {}),
  };
}

const cpuOf = ({ pid, enginePid }) => cpuUs(pid) + cpuUs(enginePid);

/** CPU time beside the time: on a machine that is busy with other work it says more. */
async function measureQuestion(collector, pathOf) {
  const { apiUrl } = collector;
  const samplesMs = [];
  let bytes = 0;
  let cpuBefore = 0;
  for (let n = -WARM_UP; n < REPEATS; n++) {
    if (n === 0) cpuBefore = cpuOf(collector);
    const begin = performance.now();
    const response = await fetch(apiUrl + pathOf(n + WARM_UP));
    const body = await response.text();
    if (!response.ok) return { error: `${response.status} ${body.slice(0, 200)}` };
    if (n >= 0) samplesMs.push(performance.now() - begin);
    bytes = body.length;
  }
  const cpuMs = (cpuOf(collector) - cpuBefore) / 1000 / REPEATS;
  return {
    cpuMs,
    medianMs: median(samplesMs),
    p90Ms: quantile(samplesMs, 0.9),
    lowestMs: Math.min(...samplesMs),
    bytes,
  };
}

async function measureIdle(collector) {
  const before = cpuOf(collector);
  await delay(IDLE_MS);
  return {
    idlePercent: ((cpuOf(collector) - before) / (IDLE_MS * 1000)) * 100,
    idleMb: (memoryBytes(collector.pid).now + memoryBytes(collector.enginePid).now) / MB,
  };
}

const directory = values.data ?? mkdtempSync(join(tmpdir(), 'throughline-bench-'));
mkdirSync(directory, { recursive: true });
const loadedFile = join(directory, 'loaded.json');
try {
  if (!existsSync(loadedFile)) {
    // A morning of yesterday: one partition, and within what is kept.
    const startMs = Math.floor(Date.now() / 86_400_000 - 1) * 86_400_000 + SECONDS * 1000;
    const data = join(directory, 'data');
    mkdirSync(data, { recursive: true });
    const traceState = values.sampled ? 'ot=th:c' : '';
    const loaded = await loadTraces(data, { spans: SPANS, startMs, seconds: SECONDS, traceState });
    writeFileSync(loadedFile, JSON.stringify({ ...loaded, startMs }));
  }
  const loaded = JSON.parse(readFileSync(loadedFile, 'utf8'));
  const begin = performance.now();
  const collector = await startCollector(join(directory, 'data'));
  const startMs = performance.now() - begin;
  const figures = { startMs, diskBytesASpan: loaded.bytesASpan };
  const details = {};
  try {
    Object.assign(figures, await measureIdle(collector));
    for (const [name, pathOf] of Object.entries(questions(loaded))) {
      details[name] = { ...(await measureQuestion(collector, pathOf)), loadAverage: loadavg()[0] };
      figures[name] = details[name].medianMs;
    }
    details.afterQuestionsMb = (memoryBytes(collector.pid).now + memoryBytes(collector.enginePid).now) / MB;
  } finally {
    await collector.stop();
  }
  const results = Object.entries(GOALS).map(([key, [name, goal]]) => {
    const value = figures[key] ?? null;
    return {
      name,
      goal: `≤ ${goal}`,
      measured: value === null ? null : round(value, value < 100 ? 1 : 0),
      met: value !== null && value <= goal,
    };
  });
  const { known: _, ...load } = loaded;
  console.table(results);
  console.log(JSON.stringify({ load, details }, null, 1));
  if (values.json !== undefined) {
    const machine = {
      node: process.version,
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      date: new Date().toISOString(),
    };
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine, loadAverage: loadavg(), results, load, details }, null, 2)}\n`,
    );
  }
} finally {
  if (values.data === undefined) rmSync(directory, { recursive: true, force: true });
}

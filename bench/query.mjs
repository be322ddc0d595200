/**
 * Queries to a store of 10 million spans, over the API, and what the store costs while nobody asks: of one day; 20 days back in a store
 * of 30; and of one day again while 20,000 spans/s arrive.
 * `node bench/query.mjs [--json FILE] [--spans N] [--repeats N] [--only day|month|busy] [--data DIRECTORY] [--sampled]`, after
 * `npm run build`; Linux only.
 * With `--sampled` every span stands for four.
 * With `--data` the stores stay there, and the next run with it asks them again without loading them; on another day it should not.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cpuOf, memoryBytes, startCollector } from './ingest/collector.mjs';
import { countStored } from './ingest/count.mjs';
import { atMost, judge } from './ingest/goals.mjs';
import { describeMachine } from './ingest/machine.mjs';
import { startSender } from './ingest/senders.mjs';
import { settled } from './ingest/settled.mjs';
import { round } from './ingest/statistics.mjs';
import { watchIdle } from './ingest/usage.mjs';
import { loadTraces } from './query/load.mjs';
import { measureInTurn, measureQuery, queries } from './query/queries.mjs';
import { month, oneDay } from './query/stores.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    spans: { type: 'string', default: '10000000' },
    repeats: { type: 'string', default: '15' },
    // The store of one day alone, that of 30 days alone, or that of one day without and with spans that arrive.
    only: { type: 'string' },
    data: { type: 'string' },
    sampled: { type: 'boolean', default: false },
  },
});
const SPANS = Number(values.spans);
const REPEATS = Number(values.repeats);
const IDLE_SECONDS = 20;
const MB = 1e6;

const BUSY_RATE = 20_000;
const BUSY_SENDER = 12;
/** What stores and counts is in full swing. */
const BUSY_WARM_UP_SECONDS = 15;
/** Of as many samples a 95th percentile is printed, over several segments and batches. */
const BUSY_ROUNDS = 60;
const BUSY_ROUND_MS = 500;
const BUSY_MS_MAX = 240_000;
/** The 95th percentile may be so many times the median of the same query while nothing arrives. */
const BUSY_TIMES = 4;
const SETTLE_TIMEOUT_MS = 60_000;

/** Most that each query may take. */
const QUERIES = {
  byId: ['trace by id', 35, 15],
  filtered: ['service, operation, duration and attribute', 60],
  rare: ['rare attribute without service', 55, 25],
  newest: ['newest 20', 15],
  series: ["one hour's rate, errors and durations of all services", 40],
  values: ['values of an attribute', 60],
  keys: ['keys of attributes', 60],
  services: ['services, all time', 60],
  operations: ['operations of a service, all time', 60],
};

function goalsOfQueries(prefix, nameOf) {
  const goals = Object.entries(QUERIES).map(([key, [name, goal, stretch]]) => [
    `${prefix}${key}`,
    atMost(`${nameOf(name)}, ms`, goal, stretch),
  ]);
  return Object.fromEntries(goals);
}

const GOALS_OF_DAY = {
  ...goalsOfQueries('', (name) => name),
  startMs: atMost('start with the spans stored, to ready, ms', 2_000),
  idleMb: atMost('RSS of collector and engine, idle, MB', 250),
  idlePercent: atMost('CPU of both, idle, % of a core', 2),
  diskBytesASpan: atMost('disk after merges, all tables, bytes a span', 60),
};
const GOALS_OF_MONTH = goalsOfQueries(
  'month.',
  (name) => `${name.replace(', all time', '')}, of six hours 20 days back`,
);

/** Each goal is a multiple of what was measured while nothing arrived. */
function goalsWhileBusy(quiet) {
  const goals = Object.entries(QUERIES).map(([key, [name]]) => [
    `busy.${key}`,
    atMost(`${name}, while ${BUSY_RATE} spans/s arrive, p95 ms`, round(BUSY_TIMES * (quiet[key] ?? 0), 1)),
  ]);
  return Object.fromEntries(goals);
}

/** Loads a store where there is none yet. Returns what was noted of it, and where it is. */
async function load(name, rangesOf) {
  const directory = join(root, name);
  const data = join(directory, 'data');
  const noted = join(directory, 'loaded.json');
  if (!existsSync(noted)) {
    mkdirSync(data, { recursive: true });
    const ranges = rangesOf(SPANS, Date.now());
    const loaded = await loadTraces(data, { ranges, traceState: values.sampled ? 'ot=th:c' : '' });
    const { startMs, seconds } = ranges.find(({ isAsked }) => isAsked);
    writeFileSync(noted, JSON.stringify({ ...loaded, startMs, endMs: startMs + seconds * 1_000 - 1 }));
  }
  return { ...JSON.parse(readFileSync(noted, 'utf8')), data };
}

async function measureAll(collector, asked) {
  const measured = {};
  for (const [name, queryAt] of Object.entries(asked)) {
    measured[name] = { ...(await measureQuery(collector, queryAt, REPEATS)), loadAverage: loadavg()[0] };
  }
  return measured;
}

const figuresOf = (prefix, measured, figure) =>
  Object.fromEntries(Object.entries(measured).map(([name, one]) => [`${prefix}${name}`, one[figure]]));

async function measureDay(loaded) {
  const begin = performance.now();
  const collector = await startCollector(loaded.data);
  const startMs = performance.now() - begin;
  try {
    const idle = await watchIdle(collector, IDLE_SECONDS);
    const details = await measureAll(collector, queries(loaded));
    const afterQueriesMb = (memoryBytes(collector.pid).now + memoryBytes(collector.enginePid).now) / MB;
    const figures = { startMs, idleMb: idle.mb, idlePercent: idle.cpuPercent, diskBytesASpan: loaded.bytesASpan };
    return {
      figures: { ...figuresOf('', details, 'medianMs'), ...figures },
      details: { ...details, afterQueriesMb },
    };
  } finally {
    await collector.stop();
  }
}

async function measureMonth(loaded) {
  const collector = await startCollector(loaded.data);
  try {
    const range = { from: String(loaded.startMs), to: String(loaded.endMs) };
    const details = await measureAll(collector, queries(loaded, range));
    return { figures: figuresOf('month.', details, 'medianMs'), details };
  } finally {
    await collector.stop();
  }
}

/** On a copy, so that the store stays as it was loaded. Afterwards everything is counted by id. */
async function measureBusy(loaded) {
  const data = mkdtempSync(join(root, 'busy-'));
  try {
    cpSync(loaded.data, data, { recursive: true });
    const collector = await startCollector(data);
    let sent;
    let details;
    let cpuPercent;
    try {
      const sender = await startSender({
        otlpUrl: collector.otlpUrl,
        sender: BUSY_SENDER,
        connections: 8,
        spansASecond: BUSY_RATE,
        warmUpSeconds: BUSY_WARM_UP_SECONDS,
        seconds: BUSY_WARM_UP_SECONDS + (BUSY_MS_MAX + SETTLE_TIMEOUT_MS) / 1_000,
      });
      try {
        await delay(BUSY_WARM_UP_SECONDS * 1_000);
        const cpuBefore = cpuOf(collector);
        const begin = performance.now();
        const limits = { rounds: BUSY_ROUNDS, everyMs: BUSY_ROUND_MS, msMax: BUSY_MS_MAX };
        details = await measureInTurn(collector, queries(loaded), limits);
        cpuPercent = (cpuOf(collector) - cpuBefore) / (performance.now() - begin) / 10;
        sender.stop();
        sent = await sender.result;
      } finally {
        sender.stop();
      }
      await settled(collector, SETTLE_TIMEOUT_MS);
    } finally {
      await collector.stop();
    }
    await countStored(data, loaded.spans + sent.acknowledgedSpans);
    const rate = (sent.acknowledgedSpans / sent.elapsedMs) * 1_000;
    const arriving = { ...sent, rate, cpuPercent, loadAverage: loadavg()[0] };
    return { figures: figuresOf('busy.', details, 'p95Ms'), details: { ...details, arriving } };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

const WAYS = ['day', 'month', 'busy'];
const { only } = values;
if (only !== undefined && !WAYS.includes(only)) {
  throw new Error(`--only: got ${only}, expected one of ${WAYS.join(', ')}`);
}
const root = values.data ?? mkdtempSync(join(tmpdir(), 'throughline-bench-'));
mkdirSync(root, { recursive: true });
const machine = await describeMachine();
const results = [];
const loads = {};
const details = {};
const add = (name, goals, { figures, details: measured }) => {
  results.push(...judge(goals, figures));
  details[name] = measured;
};
try {
  if (only !== 'month') {
    const loaded = await load('day', oneDay);
    loads.day = { ...loaded, known: loaded.known.length };
    const quiet = await measureDay(loaded);
    add('day', GOALS_OF_DAY, quiet);
    if (only !== 'day') add('busy', goalsWhileBusy(quiet.figures), await measureBusy(loaded));
  }
  if (only === undefined || only === 'month') {
    const loaded = await load('month', month);
    loads.month = { ...loaded, known: loaded.known.length };
    add('month', GOALS_OF_MONTH, await measureMonth(loaded));
  }
} finally {
  if (values.data === undefined) rmSync(root, { recursive: true, force: true });
}
console.table(results);
console.log(JSON.stringify({ load: loads, details }, null, 1));
if (values.json !== undefined) {
  const kept = { machine, loadAverage: loadavg(), results, load: loads, details };
  writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
}

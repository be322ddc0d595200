/**
 * What it costs to keep track of what is usual and of who calls whom, beside ingest. First a collector without that job takes 50,000
 * spans/s over OTLP/HTTP; its CPU time is what ingest costs. Then the job measures each of these minutes, at the budget of its default,
 * in turn with statements that cost nothing: the CPU of its thread, of this process and of the engine. Last it catches up with an hour
 * of stored spans that nobody measured. `node bench/normals.mjs [--json FILE] [--seconds N]`, after `npm run build`; Linux only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NORMALS_LIMITS } from '../packages/server/dist/normals/normals-limits.js';
import { NormalsJob } from '../packages/server/dist/normals/normals-job.js';
import { cpuOf, cpuUs, mergesEnded, startCollector } from './ingest/collector.mjs';
import { openEngine, Registry } from './ingest/engine.mjs';
import { describeMachine } from './ingest/machine.mjs';
import { send } from './ingest/senders.mjs';
import { stored } from './ingest/settled.mjs';
import { median } from './ingest/statistics.mjs';
import { writeResults } from './sdk/results.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    // At the rate; whole minutes of it are measured, and what follows them.
    seconds: { type: 'string', default: '125' },
    'backlog-spans': { type: 'string', default: '50000' },
  },
});
const SECONDS = Math.min(Number(values.seconds), 300);
/** In each minute of the hour that is caught up with. */
const BACKLOG_SPANS = Number(values['backlog-spans']);
const RATE = 50_000;
const SETTLE_TIMEOUT_MS = 120_000;
const ROUNDS = 5;
const SHARE_MAX = 0.1;

const machine = await describeMachine();
const directory = mkdtempSync(join(tmpdir(), 'throughline-bench-normals-'));
try {
  const ingest = await measureIngest();
  const { engine, pid, ask } = await openEngine(join(directory, 'store'));
  try {
    const beside = await measureJob(engine, pid, ask);
    const backlog = await measureBacklog(engine, pid, ask);
    const share = beside.cpuMsPerSecond / ingest.cpuMsPerSecond;
    console.table({ ingest, 'what is usual': beside });
    console.table({ backlog });
    console.log(`The job takes ${(share * 100).toFixed(1)} % of what ingest takes; goal: at most ${SHARE_MAX * 100} %`);
    writeResults(values.json, { machine, ingest, beside, share, backlog });
    if (share > SHARE_MAX || !backlog.isCaughtUp) process.exitCode = 1;
  } finally {
    await engine.close();
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** CPU of a collector at the rate, with what it does afterwards for what it has taken. */
async function measureIngest() {
  const collector = await startCollector(directory, { env: { THROUGHLINE_NORMALS_SPANS_PER_SECOND_MAX: '0' } });
  try {
    // So that the first minute is a whole one.
    await delay(60_000 - (Date.now() % 60_000));
    const before = cpuOf(collector);
    const sent = await send({
      sender: 1,
      connections: 8,
      otlpUrl: collector.otlpUrl,
      seconds: SECONDS,
      spansASecond: RATE,
    });
    await stored(collector, SETTLE_TIMEOUT_MS);
    const cpuUsOfAll = cpuOf(collector) - before;
    return {
      spans: sent.acknowledgedSpans,
      spansASecond: Math.round(sent.acknowledgedSpans / SECONDS),
      cpuMsPerSecond: cpuUsOfAll / 1e3 / SECONDS,
      cpuUsPerSpan: cpuUsOfAll / sent.acknowledgedSpans,
    };
  } finally {
    await collector.stop();
  }
}

/** One whole minute at the rate, again and again: each round makes its notes vanish. */
async function measureJob(engine, pid, ask) {
  const [[first]] = await ask('SELECT toUInt32(min(start_s)) FROM throughline.spans');
  const minute = Math.floor(first / 60) * 60;
  await mergesEnded([pid]);
  const rounds = [];
  let metrics = '';
  for (let round = 0; round < ROUNDS; round++) {
    await forget(engine);
    const { job, measure } = jobUntil(engine, minute, minute + 60);
    const before = { engine: cpuUs(pid), own: process.cpuUsage() };
    const begin = performance.now();
    metrics = await measure();
    const ms = performance.now() - begin;
    // The store writes and merges a little later what was inserted.
    await delay(2_000);
    const own = process.cpuUsage(before.own);
    rounds.push({ engineMs: (cpuUs(pid) - before.engine) / 1e3, ownMs: (own.user + own.system) / 1e3, ms });
    await job.close();
    const idle = { engine: cpuUs(pid), own: process.cpuUsage() };
    await delay(2_000 + ms);
    const idleOwn = process.cpuUsage(idle.own);
    rounds.at(-1).engineMs -= (cpuUs(pid) - idle.engine) / 1e3;
    rounds.at(-1).ownMs -= (idleOwn.user + idleOwn.system) / 1e3;
  }
  const of = (name) => median(rounds.map((one) => one[name]));
  return {
    spans: metricOf(metrics, 'throughline_normals_taken_total{what="spans"}'),
    share: metricOf(metrics, 'throughline_normals_share'),
    cpuMsPerSecond: (of('engineMs') + of('ownMs')) / 60,
    engineMsPerSecond: of('engineMs') / 60,
    ownMsPerSecond: of('ownMs') / 60,
    secondsPerMinute: of('ms') / 1e3,
  };
}

/** An hour of which each minute has some of the spans, with IDs of their own. */
async function measureBacklog(engine, pid, ask) {
  await forget(engine);
  const columns = (
    await ask(
      "SELECT name FROM system.columns WHERE database = 'throughline' AND table = 'spans' AND default_kind != 'MATERIALIZED'",
    )
  ).flat();
  const [[first]] = await ask('SELECT toUInt32(min(start_s)) FROM throughline.spans');
  const hour = Math.floor(first / 600) * 600 - 3_600;
  for (let minute = 0; minute < 60; minute++) {
    const shift = first - (hour + minute * 60);
    const selected = columns.map((name) => {
      if (name === 'start_s') return `start_s - ${shift}`;
      if (name === 'start_ns') return `start_ns - ${shift}000000000`;
      if (name === 'trace_id') return `toFixedString(unhex(hex(sipHash128(trace_id, ${minute}))), 16)`;
      return name;
    });
    await engine.command(`INSERT INTO throughline.spans (${columns.join(', ')}) SELECT ${selected.join(', ')}
FROM throughline.spans WHERE start_s >= toDateTime(${first}) AND start_s < toDateTime(${first + 60}) AND cityHash64(trace_id) % ${Math.max(1, Math.round((RATE * 55) / BACKLOG_SPANS))} = 0`);
  }
  await mergesEnded([pid]);
  const { job, measure } = jobUntil(engine, hour, hour + 3_600);
  const before = cpuUs(pid) * 1 + process.cpuUsage().user + process.cpuUsage().system;
  const begin = performance.now();
  const metrics = await measure();
  const seconds = (performance.now() - begin) / 1e3;
  const cpuS = (cpuUs(pid) + process.cpuUsage().user + process.cpuUsage().system - before) / 1e6;
  await job.close();
  return {
    minutes: metricOf(metrics, 'throughline_normals_steps_total{outcome="measured"}'),
    spans: metricOf(metrics, 'throughline_normals_taken_total{what="spans"}'),
    seconds,
    cpuS,
    // A collector rests 15 s after each minute.
    minutesWithPauses: (seconds + 60 * 15) / 60,
    isCaughtUp: metricOf(metrics, 'throughline_normals_lag_seconds') < 60,
  };
}

/** A job that has everything between these seconds to measure. */
function jobUntil(engine, from, to) {
  const registry = new Registry();
  const limits = { ...NORMALS_LIMITS, catchUpMs: Math.max(600, to - from) * 1_000 };
  const untilMs = to * 1_000 + 20_000 + limits.traceLengthMs;
  const job = new NormalsJob({
    engine,
    directory: join(directory, 'normals'),
    registry,
    limits,
    storedUntilMs: async () => untilMs,
    now: () => untilMs,
  });
  const measure = async () => {
    while (await job.measureNext(new AbortController().signal));
    return await registry.metrics();
  };
  return { job, measure };
}

async function forget(engine) {
  for (const table of ['path_normals', 'path_resources', 'call_edges', 'normal_steps']) {
    await engine.command(`TRUNCATE TABLE throughline.${table}`);
  }
}

function metricOf(metrics, name) {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1) ?? NaN);
}

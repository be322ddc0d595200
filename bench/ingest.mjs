/**
 * The collector's path as a whole: sender processes on the same machine post OTLP/HTTP protobuf, 512 spans a request, to a
 * `throughline up` of its own on the loopback interface. First at the rates that people have, to a collector of its own, and idle. Then to
 * another one at a fixed rate, saturated, saturated by the other ways in, and idle after that; then the engine alone takes as many spans
 * as the first saturation had. After the last round everything is counted by id in the stores.
 * `node bench/ingest.mjs [--json FILE] [--seconds N] [--low-seconds N] [--idle-seconds N] [--rounds N] [--only low|rate]`, after
 * `npm run build`; Linux only.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { memoryBytes, startCollector } from './ingest/collector.mjs';
import { countStored } from './ingest/count.mjs';
import { measureDecode } from './ingest/decode.mjs';
import { measureFloor } from './ingest/engine-floor.mjs';
import { atLeast, atMost, judge } from './ingest/goals.mjs';
import { holdLowRate } from './ingest/low-rate.mjs';
import { describeMachine } from './ingest/machine.mjs';
import { RequestTemplate, SPANS_PER_REQUEST } from './ingest/payload.mjs';
import { saturate } from './ingest/saturate.mjs';
import { send } from './ingest/senders.mjs';
import { isFound, settled } from './ingest/settled.mjs';
import { median } from './ingest/statistics.mjs';
import { watchIdle } from './ingest/usage.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    // At each of the low rates, after a warm-up of ten.
    'low-seconds': { type: 'string', default: '40' },
    // How long the collector is left alone after its load, before it counts as idle.
    'idle-seconds': { type: 'string', default: '60' },
    rounds: { type: 'string', default: '1' },
    // The fixed rate alone, or the low rates alone.
    only: { type: 'string' },
  },
});
const SECONDS = Math.min(Number(values.seconds), 120);
const LOW_SECONDS = Math.min(Number(values['low-seconds']), 600);
const IDLE_SECONDS = Math.min(Number(values['idle-seconds']), 7_200);
const ROUNDS = Number(values.rounds);
const FIXED_RATE = 50_000;
const DECODE_ROUNDS = 15;
const SETTLE_TIMEOUT_MS = 60_000;
const FINDABLE_TIMEOUT_MS = 10_000;
const NEW_IDLE_SECONDS = 30;
/** Each sender's number makes its ids differ from those of the others. */
const SATURATING_SENDERS = [1, 2];
/** The other ways in, each saturated for a while of its own, with senders of their own numbers. */
const OTHER_PROTOCOLS = { grpc: [4, 5], 'http/json': [6, 7] };
const RATE_SENDER = 3;
const PROBE_SENDER = 9;
/** Spans a second, and the number of the sender. */
const LOW_RATES = { at1000: [1_000, 10], at10000: [10_000, 11] };
const MB = 1e6;

const GOALS = {
  spansASecond: atLeast('sustained, acknowledged and stored, spans/s', 250_000),
  grpcSpansASecond: atLeast('the same by OTLP/gRPC, spans/s', 100_000),
  jsonSpansASecond: atLeast('the same by OTLP/HTTP JSON, spans/s', 60_000),
  cpuUsASpan: atMost('CPU of collector and engine, µs a span', 7),
  timesFloor: atMost('… as a multiple of the engine alone', 1.5),
  decodeUsASpan: atMost('decode + encode, µs a span', 1),
  p50Ms: atMost('acknowledgement at 50,000 spans/s, p50 ms', 3),
  p99Ms: atMost('acknowledgement at 50,000 spans/s, p99 ms', 20),
  findableMs: atMost('findable after its acknowledgement, slowest, ms', 1_000),
  cpuPercentAt1000: atMost('CPU of both at 1,000 spans/s, % of a core', 3),
  cpuPercentAt10000: atMost('CPU of both at 10,000 spans/s, % of a core', 12),
  idleNewMb: atMost('RSS of both, idle before any load, MB', 250),
  mbAt1000: atMost('RSS of both at 1,000 spans/s, highest, MB', 350),
  mbAt10000: atMost('RSS of both at 10,000 spans/s, highest, MB', 350),
  idleLowMb: atMost('RSS of both, idle after 10,000 spans/s, MB', 250),
  saturatedMb: atMost('RSS of both, saturated, highest, MB', 700),
  idleMb: atMost('RSS of both, idle after saturation, MB', 250),
  idlePercent: atMost('CPU of both, idle after saturation, % of a core', 2),
  collectorMb: atMost('RSS of the collector, highest, MB', 250),
  engineMb: atMost('RSS of the engine, highest, MB', 1_074),
  diskBytesASpan: atMost('disk after merges, all tables, bytes a span', 40),
};

/** Sends single requests and asks the API for one of their traces until it is there. */
async function probeFindable(collector, seconds, delaysMs) {
  const template = new RequestTemplate(3);
  const end = performance.now() + seconds * 1000 - 1_500;
  let acknowledgedSpans = 0;
  for (let number = 0; performance.now() < end; number++) {
    template.stamp(PROBE_SENDER, number, Date.now());
    const headers = { 'content-type': 'application/x-protobuf' };
    const { ok } = await fetch(`${collector.otlpUrl}/v1/traces`, { method: 'POST', headers, body: template.bytes });
    if (!ok) throw new Error('a probe was not acknowledged');
    acknowledgedSpans += SPANS_PER_REQUEST;
    const begin = performance.now();
    while (!(await isFound(collector, template.traceId))) {
      if (performance.now() - begin > FINDABLE_TIMEOUT_MS) throw new Error('a trace was not found in time');
      await delay(20);
    }
    delaysMs.push(performance.now() - begin);
    await delay(250);
  }
  return acknowledgedSpans;
}

async function holdRate(collector) {
  const findableMs = [];
  let probed = 0;
  const seconds = Math.min(SECONDS, 15);
  const options = {
    otlpUrl: collector.otlpUrl,
    sender: RATE_SENDER,
    connections: 8,
    seconds,
    spansASecond: FIXED_RATE,
  };
  const sent = await send(options, async () => {
    probed = await probeFindable(collector, seconds, findableMs);
  });
  await settled(collector, SETTLE_TIMEOUT_MS);
  return {
    spans: sent.acknowledgedSpans + probed,
    rate: (sent.acknowledgedSpans / sent.elapsedMs) * 1000,
    p50Ms: sent.p50Ms,
    p99Ms: sent.p99Ms,
    findableMs: Math.max(...findableMs),
    findableMedianMs: median(findableMs),
    probes: findableMs.length,
  };
}

const sumOfSpans = (phases) => phases.reduce((sum, { spans }) => sum + spans, 0);

/** The rates that people have, and idle. Figures, and how many spans the store in `directory/low` has to hold. */
async function measureLow(directory) {
  const data = join(directory, 'low');
  const collector = await startCollector(data);
  const held = {};
  let idleNew;
  let idle;
  try {
    idleNew = await watchIdle(collector, NEW_IDLE_SECONDS);
    for (const [name, [spansASecond, sender]] of Object.entries(LOW_RATES)) {
      held[name] = await holdLowRate(collector, { sender, spansASecond, seconds: LOW_SECONDS });
    }
    idle = await watchIdle(collector, IDLE_SECONDS);
  } finally {
    await collector.stop();
  }
  const { at1000, at10000 } = held;
  const figures = {
    cpuPercentAt1000: at1000.cpuPercent,
    cpuPercentAt10000: at10000.cpuPercent,
    idleNewMb: idleNew.mb,
    mbAt1000: at1000.mbHighest,
    mbAt10000: at10000.mbHighest,
    idleLowMb: idle.mb,
    details: { low: { idleNew, ...held, idle }, loadAverage: loadavg()[0] },
  };
  return { figures, stores: [{ directory: data, sent: sumOfSpans(Object.values(held)) }] };
}

/** The fixed rate alone, on a store of its own. */
async function measureRate(directory) {
  const data = join(directory, 'data');
  const collector = await startCollector(data);
  let atRate;
  try {
    atRate = await holdRate(collector);
  } finally {
    await collector.stop();
  }
  const { p50Ms, p99Ms, findableMs, spans } = atRate;
  const figures = { p50Ms, p99Ms, findableMs, details: { atRate, loadAverage: loadavg()[0] } };
  return { figures, stores: [{ directory: data, sent: spans }] };
}

async function measureOnce(directory) {
  const { samples: _, ...decode } = measureDecode(DECODE_ROUNDS);
  const low = await measureLow(directory);
  const data = join(directory, 'data');
  const collector = await startCollector(data);
  const others = {};
  let saturated;
  let atRate;
  let memory;
  let idle;
  try {
    atRate = await holdRate(collector);
    const settleTimeoutMs = SETTLE_TIMEOUT_MS;
    saturated = await saturate(collector, {
      senders: SATURATING_SENDERS,
      protocol: 'http/protobuf',
      seconds: SECONDS,
      settleTimeoutMs,
    });
    for (const [protocol, senders] of Object.entries(OTHER_PROTOCOLS)) {
      const seconds = Math.min(SECONDS, 20);
      others[protocol] = await saturate(collector, { senders, protocol, seconds, settleTimeoutMs });
    }
    memory = [memoryBytes(collector.pid), memoryBytes(collector.enginePid)];
    idle = await watchIdle(collector, IDLE_SECONDS);
  } finally {
    await collector.stop();
  }
  const floor = await measureFloor(directory, saturated.rowsASegment, saturated.spans);
  freeDisk(join(directory, 'floor'));
  const cpuUsASpan = saturated.usASpan.collector + saturated.usASpan.store;
  const allSaturated = [saturated, ...Object.values(others)];
  const figures = {
    ...low.figures,
    spansASecond: saturated.spansASecond,
    grpcSpansASecond: others.grpc.spansASecond,
    jsonSpansASecond: others['http/json'].spansASecond,
    cpuUsASpan,
    timesFloor: cpuUsASpan / floor.cpuUsASpan,
    decodeUsASpan: decode.togetherUs,
    p50Ms: atRate.p50Ms,
    p99Ms: atRate.p99Ms,
    findableMs: atRate.findableMs,
    saturatedMb: Math.max(...allSaturated.map(({ mbHighest }) => mbHighest)),
    idleMb: idle.mb,
    idlePercent: idle.cpuPercent,
    collectorMb: memory[0].peak / MB,
    engineMb: memory[1].peak / MB,
    details: { ...low.figures.details, decode, saturated, atRate, others, idle, floor, loadAverage: loadavg()[0] },
  };
  return { figures, stores: [...low.stores, { directory: data, sent: sumOfSpans([atRate, ...allSaturated]) }] };
}

/**
 * Leaves the files, without what is in them. An ext4 without a journal passes over each inode that was deleted in the last
 * minutes whenever a file is created, which was a fifth of the engine's CPU in the next round. For the same reason the stores are
 * opened and counted behind the last round: that deletes files.
 */
function freeDisk(directory) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) truncateSync(join(entry.parentPath, entry.name));
  }
}

/** Medians of the rounds so far, against the goals. */
function resultsOf(rounds) {
  const keys = Object.keys(GOALS).filter((key) => key in rounds[0]);
  const goals = Object.fromEntries(keys.map((key) => [key, GOALS[key]]));
  const medians = Object.fromEntries(keys.map((key) => [key, median(rounds.map((figures) => figures[key]))]));
  return judge(goals, medians);
}

function keep(rounds) {
  if (values.json === undefined) return;
  const machine = rounds[0].machine;
  const seconds = { seconds: SECONDS, lowSeconds: LOW_SECONDS, idleSeconds: IDLE_SECONDS };
  const kept = { machine, ...seconds, results: resultsOf(rounds), rounds };
  writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
}

const WAYS = { low: measureLow, rate: measureRate };
const measure = values.only === undefined ? measureOnce : WAYS[values.only];
if (measure === undefined)
  throw new Error(`--only: got ${values.only}, expected one of ${Object.keys(WAYS).join(', ')}`);
const rounds = [];
const storesOfRounds = [];
const root = mkdtempSync(join(tmpdir(), 'throughline-bench-'));
try {
  for (let count = 0; count < ROUNDS; count++) {
    // What the round before has written is not to wait for the disk together with this one.
    execFileSync('sync');
    const directory = mkdtempSync(join(root, 'round-'));
    const machine = await describeMachine();
    const { figures, stores } = await measure(directory);
    rounds.push({ machine, ...figures });
    storesOfRounds.push(stores);
    keep(rounds);
  }
  for (const [count, stores] of storesOfRounds.entries()) {
    for (const { directory, sent } of stores) {
      // Of the last one, which is that of the saturated collector where there is one.
      rounds[count].diskBytesASpan = await countStored(directory, sent);
      freeDisk(directory);
    }
  }
  keep(rounds);
} finally {
  rmSync(root, { recursive: true, force: true });
}
console.table(resultsOf(rounds));
console.log(JSON.stringify(rounds.at(-1).details, null, 1));

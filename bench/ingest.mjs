/**
 * The collector's path as a whole: sender processes on the same machine post OTLP/HTTP protobuf, 512 spans a request, to a
 * `throughline up` of its own on the loopback interface. First at a fixed rate, then saturated, then saturated by the other ways in; then
 * the engine alone takes as many spans as the first saturation had. After the last round everything is counted by id in the stores.
 * `node bench/ingest.mjs [--json FILE] [--seconds N] [--rounds N] [--only rate]`, after `npm run build`; Linux only.
 */
import { execFileSync, fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cpuUs, drained, memoryBytes, mergesEnded, readMetrics, startCollector } from './ingest/collector.mjs';
import { measureDecode } from './ingest/decode.mjs';
import { measureFloor, openEngine } from './ingest/engine-floor.mjs';
import { RequestTemplate, SPANS_A_REQUEST } from './ingest/payload.mjs';
import { median, round } from './ingest/statistics.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '1' },
    // The fixed rate alone.
    only: { type: 'string' },
  },
});
const SECONDS = Math.min(Number(values.seconds), 120);
const ROUNDS = Number(values.rounds);
const FIXED_RATE = 50_000;
const DECODE_ROUNDS = 15;
const DRAIN_TIMEOUT_MS = 60_000;
const FINDABLE_TIMEOUT_MS = 10_000;
/** Each sender's number makes its ids differ from those of the others. */
const SATURATING_SENDERS = [1, 2];
/** The other ways in, each saturated for a while of its own, with senders of their own numbers. */
const OTHER_PROTOCOLS = { grpc: [4, 5], 'http/json': [6, 7] };
const RATE_SENDER = 3;
const PROBE_SENDER = 9;
const ID_PARTS = 16;
const MB = 1e6;

/** Each goal is a bound: at least, or at most. */
const GOALS = {
  spansASecond: ['sustained, acknowledged and stored, spans/s', 'min', 200_000],
  grpcSpansASecond: ['the same by OTLP/gRPC, spans/s', 'min', 100_000],
  jsonSpansASecond: ['the same by OTLP/HTTP JSON, spans/s', 'min', 60_000],
  cpuUsASpan: ['CPU of collector and engine, µs a span', 'max', 8],
  timesFloor: ['… as a multiple of the engine alone', 'max', 1.5],
  decodeUsASpan: ['decode + encode, µs a span', 'max', 1],
  p50Ms: ['acknowledgement at 50,000 spans/s, p50 ms', 'max', 3],
  p99Ms: ['acknowledgement at 50,000 spans/s, p99 ms', 'max', 20],
  findableMs: ['findable after its acknowledgement, slowest, ms', 'max', 1_000],
  collectorMb: ['RSS of the collector, highest, MB', 'max', 250],
  engineMb: ['RSS of the engine, highest, MB', 'max', 1_074],
  diskBytesASpan: ['disk after merges, bytes a span', 'max', 78],
};

/** Runs a sender and answers its result; `whileSending` runs beside it. */
async function send(options, whileSending = async () => {}) {
  const child = fork(new URL('./ingest/sender.mjs', import.meta.url), [JSON.stringify(options)]);
  const message = () => new Promise((resolve) => child.once('message', resolve));
  await message();
  child.send('go');
  const [result] = await Promise.all([message(), whileSending()]);
  if (Object.keys(result.statuses).some((status) => status !== '200' && status !== '503')) {
    throw new Error(`answers were ${JSON.stringify(result.statuses)}`);
  }
  return result;
}

/** Sends single requests and asks the API for one of their traces until it is there. */
async function probeFindable({ otlpUrl, apiUrl }, seconds, delaysMs) {
  const template = new RequestTemplate(3);
  const end = performance.now() + seconds * 1000 - 1_500;
  let acknowledgedSpans = 0;
  for (let number = 0; performance.now() < end; number++) {
    template.stamp(PROBE_SENDER, number, Date.now());
    const headers = { 'content-type': 'application/x-protobuf' };
    const { ok } = await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers, body: template.bytes });
    if (!ok) throw new Error('a probe was not acknowledged');
    acknowledgedSpans += SPANS_A_REQUEST;
    const begin = performance.now();
    while (!(await fetch(`${apiUrl}/api/v1/traces/${template.traceId}`)).ok) {
      if (performance.now() - begin > FINDABLE_TIMEOUT_MS) throw new Error('a trace was not found in time');
      await delay(20);
    }
    delaysMs.push(performance.now() - begin);
    await delay(250);
  }
  return acknowledgedSpans;
}

/** The CPU of merges that a phase leaves behind is its own: the phase is over when they are. */
async function saturate(collector, senders, protocol, seconds) {
  const before = [cpuUs(collector.pid), cpuUs(collector.enginePid)];
  const metricsBefore = await readMetrics(collector);
  const begin = performance.now();
  const sent = await Promise.all(
    senders.map((sender) => {
      const { otlpUrl, otlpGrpcAddress } = collector;
      return send({ otlpUrl, otlpGrpcAddress, protocol, sender, connections: 16, seconds });
    }),
  );
  const metrics = await drained(collector, DRAIN_TIMEOUT_MS);
  const elapsedMs = performance.now() - begin;
  const spans = sent.reduce((sum, { acknowledgedSpans }) => sum + acknowledgedSpans, 0);
  const since = (name) => metrics[name] - (metricsBefore[name] ?? 0);
  const mergesMs = await mergesEnded(collector.enginePid);
  return {
    spans,
    statuses: sent.map(({ statuses }) => statuses),
    // The time until the last one is stored counts.
    spansASecond: (spans / elapsedMs) * 1000,
    collectorUs: (cpuUs(collector.pid) - before[0]) / spans,
    engineUs: (cpuUs(collector.enginePid) - before[1]) / spans,
    saturatedP99Ms: Math.max(...sent.map(({ p99Ms }) => p99Ms)),
    mergesMs,
    rowsASegment: Math.round(
      since('throughline_loader_spans_total') / since('throughline_loader_inserts_total{outcome="stored"}'),
    ),
  };
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
  await drained(collector, DRAIN_TIMEOUT_MS);
  await mergesEnded(collector.enginePid);
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

/** Counts every id in the store that the collector has left, and its bytes with all that is kept beside them, when the parts of spans are merged. */
async function countStored(directory, acknowledged) {
  const { engine } = await openEngine(join(directory, 'store'));
  const ask = async (sql) => {
    const bytes = await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: 60_000 });
    return JSON.parse(Buffer.from(bytes).toString()).map(Number);
  };
  try {
    const [rows] = await ask('SELECT count() FROM throughline.spans');
    let ids = 0;
    // All at once would take more memory than a query may.
    for (let part = 0; part < ID_PARTS; part++) {
      const where = `cityHash64(span_id) % ${ID_PARTS} = ${part}`;
      ids += (await ask(`SELECT uniqExact(span_id) FROM throughline.spans WHERE ${where}`))[0];
    }
    if (rows !== acknowledged || ids !== acknowledged) {
      throw new Error(`${acknowledged} spans were acknowledged, ${rows} are stored, with ${ids} distinct ids`);
    }
    await engine.command('OPTIMIZE TABLE throughline.spans FINAL');
    const [bytes] = await ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'throughline' AND active");
    return bytes / rows;
  } finally {
    await engine.close();
  }
}

/** Figures, and how many spans of this round the store in `directory/data` has to hold. */
async function measureOnce(directory) {
  const { samples: _, ...decode } = measureDecode(DECODE_ROUNDS);
  const collector = await startCollector(join(directory, 'data'));
  let saturated;
  let atRate;
  let memory;
  const others = {};
  try {
    atRate = await holdRate(collector);
    saturated = await saturate(collector, SATURATING_SENDERS, 'http/protobuf', SECONDS);
    for (const [protocol, senders] of Object.entries(OTHER_PROTOCOLS)) {
      others[protocol] = await saturate(collector, senders, protocol, Math.min(SECONDS, 20));
    }
    memory = [memoryBytes(collector.pid), memoryBytes(collector.enginePid)];
  } finally {
    await collector.stop();
  }
  const floor = await measureFloor(directory, saturated.rowsASegment, saturated.spans);
  freeDisk(join(directory, 'floor'));
  const cpuUsASpan = saturated.collectorUs + saturated.engineUs;
  const figures = {
    spansASecond: saturated.spansASecond,
    grpcSpansASecond: others.grpc.spansASecond,
    jsonSpansASecond: others['http/json'].spansASecond,
    cpuUsASpan,
    timesFloor: cpuUsASpan / floor.cpuUsASpan,
    decodeUsASpan: decode.togetherUs,
    p50Ms: atRate.p50Ms,
    p99Ms: atRate.p99Ms,
    findableMs: atRate.findableMs,
    collectorMb: memory[0].peak / MB,
    engineMb: memory[1].peak / MB,
    details: { decode, saturated, atRate, others, floor, loadAverage: loadavg()[0] },
  };
  return { figures, sent: [saturated, atRate, ...Object.values(others)].reduce((sum, { spans }) => sum + spans, 0) };
}

/** The fixed rate alone, on a store of its own. */
async function measureRate(directory) {
  const collector = await startCollector(join(directory, 'data'));
  let atRate;
  try {
    atRate = await holdRate(collector);
  } finally {
    await collector.stop();
  }
  const { p50Ms, p99Ms, findableMs, spans } = atRate;
  return { figures: { p50Ms, p99Ms, findableMs, details: { atRate, loadAverage: loadavg()[0] } }, sent: spans };
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
  const measured = Object.entries(GOALS).filter(([key]) => key in rounds[0]);
  return measured.map(([key, [name, bound, goal]]) => {
    const value = median(rounds.map((figures) => figures[key]));
    const met = bound === 'min' ? value >= goal : value <= goal;
    return { name, goal: `${bound === 'min' ? '≥' : '≤'} ${goal}`, measured: round(value, value < 100 ? 2 : 0), met };
  });
}

function keep(rounds) {
  if (values.json === undefined) return;
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    date: new Date().toISOString(),
  };
  const kept = { machine, seconds: SECONDS, results: resultsOf(rounds), rounds };
  writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
}

const measure = values.only === 'rate' ? measureRate : measureOnce;
const rounds = [];
const stores = [];
const root = mkdtempSync(join(tmpdir(), 'throughline-bench-'));
try {
  for (let count = 0; count < ROUNDS; count++) {
    // What the round before has written is not to wait for the disk together with this one.
    execFileSync('sync');
    const directory = mkdtempSync(join(root, 'round-'));
    const { figures, sent } = await measure(directory);
    rounds.push(figures);
    stores.push({ directory, sent });
    keep(rounds);
  }
  for (const [count, { directory, sent }] of stores.entries()) {
    rounds[count].diskBytesASpan = await countStored(join(directory, 'data'), sent);
    freeDisk(directory);
  }
  keep(rounds);
} finally {
  rmSync(root, { recursive: true, force: true });
}
console.table(resultsOf(rounds));
console.log(JSON.stringify(rounds.at(-1).details, null, 1));

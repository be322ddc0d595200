/**
 * What a fleet of collectors on a ClickHouse cluster comes to: segments, inserts, parts, merges, Keeper, disks, and which limit is
 * passed first. Arithmetic, without an engine. `node bench/scale.mjs [--rate N] [--collectors N] [--shards N] [--replicas N] [--cores N]
 * [--disk MB/s] [--days N] [--away SECONDS] [--clickhouse VERSION] [--segment-rows N] [--segment-bytes N] [--segment-age MS] [--asked]
 * [--json FILE]`; without a rate, the steps of docs/scale.md. `--check` measures a collector on the real three servers of the tests (two loads of `--seconds`, 60 by default) and
 * compares; `--json` keeps that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine } from './ingest/machine.mjs';
import { round } from './ingest/statistics.mjs';
import { compare, figuresOf } from './scale/check.mjs';
import { constantsOf } from './scale/constants.mjs';
import { FIGURES } from './scale/figures.mjs';
import { fleetOf, shown } from './scale/fleet.mjs';

const RESULTS = new URL('./results/scale.json', import.meta.url);
/** Of the servers that the tests can start. */
const MEASURED_VERSION = '18.16';

const { values } = parseArgs({
  options: {
    rate: { type: 'string' },
    collectors: { type: 'string', default: '1' },
    shards: { type: 'string', default: '1' },
    replicas: { type: 'string', default: '1' },
    cores: { type: 'string', default: '32' },
    disk: { type: 'string', default: '500' },
    days: { type: 'string', default: '30' },
    away: { type: 'string', default: '3600' },
    clickhouse: { type: 'string', default: '26.7' },
    // Of the settings spool.segmentRowsIdle and segmentRowsMax, spool.segmentBytesMax and fresh.publishMs.
    'segment-rows': { type: 'string' },
    'segment-bytes': { type: 'string' },
    'segment-age': { type: 'string' },
    asked: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});

/** The steps of docs/scale.md. */
const STEPS = [
  { title: 'one server', spansASecond: 50_000, collectors: 1, shards: 1, replicas: 1 },
  { title: 'three shards', spansASecond: 500_000, collectors: 5, shards: 3, replicas: 2 },
  { title: 'ten million, one cluster', spansASecond: 10_000_000, collectors: 100, shards: 60, replicas: 2 },
  {
    title: 'one of ten clusters',
    spansASecond: 1_000_000,
    collectors: 10,
    shards: 6,
    replicas: 2,
    settings: {
      segmentRows: 1_000_000,
      segmentBytesMax: 512 * 1024 ** 2,
      segmentAgeMs: 5_000,
      backlogBytesMax: 64 * 1024 ** 3,
      rollupRowsMax: 10_000_000,
    },
  },
];

/** @type {[string, (fleet: Record<string, Record<string, number>>) => number][]} */
const ROWS = [
  ['a collector: spans/s', ({ collector }) => collector.spansASecond],
  ['… segments/s', ({ collector }) => collector.segmentsASecond],
  ['… spans a segment', ({ collector }) => collector.rowsASegment],
  ['… cores', ({ collector }) => collector.cores],
  ['… Mbit/s in', ({ collector }) => collector.mbitASecondIn],
  ['… Mbit/s out, uncompressed', ({ collector }) => collector.mbitASecondOut],
  ['… minutes of outage in its spool', ({ collector }) => collector.outageMinutes],
  ['a shard: spans/s', ({ shard }) => shard.spansASecond],
  ['… inserts/s into spans', ({ shard }) => shard.insertsASecond],
  ['… spans a part', ({ shard }) => shard.rowsAPart],
  ['… parts/s, all tables', ({ shard }) => shard.partsASecond],
  ['… active parts of a day in spans', ({ shard }) => shard.activePartsOfSpans],
  ['… times that a span is merged in a day', ({ shard }) => shard.timesMerged],
  ['a server: cores for inserts', ({ server }) => server.insertCores],
  ['… cores for merges', ({ server }) => server.mergeCores],
  ['… disk, MB/s written', ({ server }) => server.diskMbASecond],
  ['… disk, TB', ({ server }) => server.storedTb],
  ['Keeper: operations/s', ({ keeper }) => keeper.opsASecond],
  ['… tokens', ({ keeper }) => keeper.tokens],
  ['a repeat is known for, s', ({ window }) => window.knownSeconds],
];

function planOf(given) {
  const numbers = (names) =>
    Object.fromEntries(
      Object.entries(names)
        .filter(([, name]) => given[name] !== undefined)
        .map(([key, name]) => [key, Number(given[name])]),
    );
  const settings = { segmentRows: 'segment-rows', segmentBytesMax: 'segment-bytes', segmentAgeMs: 'segment-age' };
  const sizes = { spansASecond: 'rate', collectors: 'collectors', shards: 'shards', replicas: 'replicas' };
  return { title: 'the plan', ...numbers(sizes), settings: numbers(settings) };
}

/** What is the same in every plan. */
function surroundings() {
  const { cores, disk, days, away, asked } = values;
  return {
    cores: Number(cores),
    diskMbASecond: Number(disk),
    days: Number(days),
    awaySeconds: Number(away),
    isAsked: asked,
  };
}

/** What Keeper is asked by part comes from the last check. */
function figures() {
  const { calibration } = JSON.parse(readFileSync(RESULTS, 'utf8'));
  return { ...FIGURES, ...calibration.figures };
}

function title({ plan }) {
  return `${plan.title} (${shown(plan.spansASecond)}/s)`;
}

function print(plans) {
  const code = constantsOf(values.clickhouse);
  const fleets = plans.map((plan) => ({
    plan,
    ...fleetOf({ ...surroundings(), ...plan }, { ...code, ...plan.settings }, figures()),
  }));
  console.log(`\n| | ${fleets.map(title).join(' | ')} |\n| --- |${' --- |'.repeat(fleets.length)}`);
  const sizes = ['collectors', 'shards', 'replicas'];
  for (const size of sizes) console.log(`| ${size} | ${fleets.map(({ plan }) => plan[size]).join(' | ')} |`);
  for (const [name, read] of ROWS)
    console.log(`| ${name} | ${fleets.map((fleet) => shown(read(fleet))).join(' | ')} |`);
  for (const fleet of fleets) {
    console.log(`\n${title(fleet)}: ${fleet.beyond.length === 0 ? 'no limit is passed' : 'beyond a limit'}`);
    for (const line of fleet.beyond) console.log(`  - ${line}`);
  }
  if (values.json !== undefined) {
    const kept = { code, surroundings: surroundings(), fleets };
    writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
  }
}

/**
 * Two loads. The first has segments that are three times as old: what it shows of ZooKeeper and of merges for each part is the
 * calibration. From that and the code, what the second one does is computed, and compared with what it did.
 */
async function check() {
  const { measureLoad } = await import('./scale/measure.mjs');
  const { startCluster } = await import('./cluster/servers.mjs');
  const seconds = Math.min(Number(values.seconds), 300);
  const code = constantsOf(MEASURED_VERSION);
  const cluster = await startCluster();
  let calibrated;
  let measured;
  try {
    const olderMs = code.segmentAgeMs * 3;
    const settings = { THROUGHLINE_FRESH_PUBLISH_MS: String(olderMs) };
    const loads = { seconds, idleSeconds: 20 };
    calibrated = await measureLoad(cluster, { ...loads, spansASecond: 2_000, settings });
    measured = await measureLoad(cluster, { ...loads, spansASecond: 5_000 });
  } finally {
    await cluster.stop();
  }
  const calibration = { measured: calibrated, figures: figuresOf(calibrated, code) };
  const plan = { ...surroundings(), collectors: 1, shards: 2, replicas: 1, isAsked: false };
  const comparison = compare(measured, plan, code, { ...FIGURES, ...calibration.figures });
  console.log('\n| | computed | measured | difference |\n| --- | --- | --- | --- |');
  for (const { what, computed, measured: found, differencePercent } of comparison) {
    console.log(`| ${what} | ${shown(computed)} | ${shown(found)} | ${round(differencePercent, 1)}% |`);
  }
  if (values.json !== undefined) {
    const kept = { machine: await describeMachine(), seconds, code, calibration, measured, comparison };
    writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
  }
}

if (values.check) await check();
else print(values.rate === undefined ? STEPS : [planOf(values)]);

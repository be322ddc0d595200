/**
 * The same collector on its own store, on one ClickHouse server, on three (two shards, one with two replicas, and ZooKeeper), and on the engine
 * of its own store behind ClickHouse's HTTP rules, in one run and in turn: what an insert costs by HTTP and without, then queries to the same
 * spans, then ingest. All of it on the same machine, whose cores the servers share.
 * `node bench/cluster.mjs [--json FILE] [--only path|queries|ingest] [--setups embedded,standIn,server,cluster] [--rounds N] [--path-rounds N]
 * [--path-spans N] [--spans N] [--repeats N] [--seconds N] [--rate-seconds N] [--rates N,N] [--minutes N]`, after `npm run build` and `npm run setup`; Linux only.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { askInTurn } from './cluster/ask.mjs';
import { measureInsertPaths } from './cluster/insert-path.mjs';
import { loadSpans } from './cluster/load-spans.mjs';
import { startSetups, STORES } from './cluster/setups.mjs';
import { atMost, judge } from './ingest/goals.mjs';
import { holdLowRate } from './ingest/low-rate.mjs';
import { describeMachine } from './ingest/machine.mjs';
import { saturate } from './ingest/saturate.mjs';
import { settled } from './ingest/settled.mjs';
import { median, round } from './ingest/statistics.mjs';
import { oneDay } from './query/stores.mjs';

const PARTS = ['path', 'queries', 'ingest'];

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    only: { type: 'string' },
    setups: { type: 'string', default: Object.keys(STORES).join(',') },
    // Of ingest.
    rounds: { type: 'string', default: '3' },
    // Of the ways of an insert, and about how many spans each of them takes in a round, of each size.
    'path-rounds': { type: 'string', default: '5' },
    'path-spans': { type: 'string', default: '120000' },
    // Of each store that is queried, and how often each query is sent.
    spans: { type: 'string', default: '2000000' },
    repeats: { type: 'string', default: '15' },
    // As fast as it goes, and at each rate.
    seconds: { type: 'string', default: '10' },
    'rate-seconds': { type: 'string', default: '15' },
    rates: { type: 'string', default: '5000,10000' },
    // No further round of ingest begins behind so many minutes.
    minutes: { type: 'string', default: '25' },
  },
});

function number(name, most) {
  const value = Number(values[name]);
  if (!(value > 0 && value <= most))
    throw new Error(`--${name}: got ${values[name]}, expected more than 0, at most ${most}`);
  return value;
}

const parameters = {
  rounds: number('rounds', 20),
  pathRounds: number('path-rounds', 50),
  pathSpans: number('path-spans', 5_000_000),
  spans: number('spans', 20_000_000),
  repeats: number('repeats', 100),
  seconds: number('seconds', 60),
  rateSeconds: number('rate-seconds', 120),
  rates: values.rates.split(',').map(Number),
  minutes: number('minutes', 120),
};
const endAt = performance.now() + parameters.minutes * 60_000;
const setupNames = values.setups.split(',');
const unknown = setupNames.filter((name) => STORES[name] === undefined);
if (unknown.length > 0)
  throw new Error(`--setups: got ${unknown.join(', ')}, expected ${Object.keys(STORES).join(', ')}`);
if (values.only !== undefined && !PARTS.includes(values.only)) {
  throw new Error(`--only: got ${values.only}, expected one of ${PARTS.join(', ')}`);
}
const isAsked = (part) => values.only === undefined || values.only === part;

const RATE_WARM_UP_SECONDS = 4;
const SETTLE_TIMEOUT_MS = 180_000;
const QUERIES_MS_MAX = 600_000;

/** What HTTP may cost more than an engine that reads the file itself, in % of the CPU of that: the way, and the one that it is held against. */
const OVERHEADS = {
  server: ['one server of 18.16', 'serverFile'],
  standIn: ['the current engine behind HTTP', 'embedded'],
  standIns: ['two current engines as shards', 'standInsFile'],
  cluster: ['three servers of 18.16, for which strings are written out', 'clusterFile'],
};
const GOALS = Object.fromEntries(
  Object.entries(OVERHEADS).map(([way, [name]]) => [
    way,
    atMost(`CPU of an insert by HTTP over INFILE, ${name}, % more`, 25),
  ]),
);

const cpuUsOf = ({ collectorUs, engineUs }) => collectorUs + engineUs;

/**
 * Of the ratios of each round, whose ways met the same machine, the median. What stands in front of an engine does what is ClickHouse's own
 * part in a server, and takes more for it: so it counts against HTTP.
 */
function overheadOf(way, base) {
  const ratios = way.rounds.map((sample, at) => (cpuUsOf(sample) + sample.frontUs) / cpuUsOf(base.rounds[at]));
  return (median(ratios) - 1) * 100;
}

function overheadsOf(bySize) {
  return Object.fromEntries(
    Object.entries(bySize).map(([size, ways]) => [
      size,
      Object.fromEntries(
        Object.entries(OVERHEADS).map(([way, [, base]]) => [way, round(overheadOf(ways[way], ways[base]), 1)]),
      ),
    ]),
  );
}

/** A sender's number is part of its ids. */
let senders = 0;

async function measureIngest(setup) {
  const { collector } = setup;
  const common = { protocol: 'http/protobuf', settleTimeoutMs: SETTLE_TIMEOUT_MS };
  const saturated = await saturate(collector, {
    ...common,
    senders: [++senders, ++senders],
    seconds: parameters.seconds,
  });
  const rates = {};
  for (const spansASecond of parameters.rates) {
    rates[spansASecond] = await holdLowRate(collector, {
      sender: ++senders,
      spansASecond,
      seconds: parameters.rateSeconds,
      warmUpSeconds: RATE_WARM_UP_SECONDS,
    });
  }
  const spans = [saturated, ...Object.values(rates)].reduce((sum, phase) => sum + phase.spans, 0);
  return { spans, saturated, rates, loadAverage: loadavg()[0] };
}

async function measureSetups(root) {
  const setups = await startSetups(setupNames, root);
  const acknowledged = Object.fromEntries(setupNames.map((name) => [name, 0]));
  const measured = {};
  try {
    if (isAsked('queries')) {
      const [range] = oneDay(parameters.spans, Date.now());
      const loaded = {};
      for (const { name, collector } of setups) {
        loaded[name] = await loadSpans(collector, range);
        acknowledged[name] += loaded[name].spans;
      }
      for (const { collector } of setups) await settled(collector, SETTLE_TIMEOUT_MS);
      measured.queries = await askInTurn(setups, loaded, { repeats: parameters.repeats, msMax: QUERIES_MS_MAX });
      keep(measured);
    }
    if (isAsked('ingest')) {
      // What stands in front of an engine would take CPU from everything else, which it has not on a machine of its own.
      const real = setups.filter(({ collector }) => collector.processes.front === undefined);
      measured.ingest = Object.fromEntries(real.map(({ name }) => [name, []]));
      for (let at = 0; at < parameters.rounds && (at === 0 || performance.now() < endAt); at++) {
        for (const setup of at % 2 === 0 ? real : real.toReversed()) {
          const figures = await measureIngest(setup);
          acknowledged[setup.name] += figures.spans;
          measured.ingest[setup.name].push(figures);
        }
        keep(measured);
      }
    }
    for (const { name, check } of setups) await check(acknowledged[name]);
    return measured;
  } finally {
    for (const { stop } of setups) await stop();
  }
}

/** Medians of the rounds: what a span costs, and what a collector on such a store takes. */
function ingestFigures(rounds) {
  const of = (read) => median(rounds.map(read));
  const roles = Object.keys(rounds[0].saturated.usASpan);
  const byRole = (read) =>
    Object.fromEntries(
      roles.map((role) => [
        role,
        round(
          of((figures) => read(figures)[role]),
          2,
        ),
      ]),
    );
  const rates = parameters.rates.map((rate) => [
    rate,
    {
      cpuPercent: byRole(({ rates: { [rate]: held } }) => held.cpuPercentOf),
      p50Ms: round(
        of(({ rates: { [rate]: held } }) => held.p50Ms),
        1,
      ),
      p99Ms: round(
        of(({ rates: { [rate]: held } }) => held.p99Ms),
        1,
      ),
    },
  ]);
  const usASpan = byRole(({ saturated }) => saturated.usASpan);
  return {
    spansASecond: Math.round(of(({ saturated }) => saturated.spansASecond)),
    usASpan,
    // Computed: with as many cores for the store as it wants.
    spansASecondOfOneCore: Math.round(1e6 / usASpan.collector),
    rates: Object.fromEntries(rates),
  };
}

/** One part alone takes the place of what the file has of it; how each was measured stands beside it. */
const kept =
  values.only !== undefined && values.json !== undefined && existsSync(values.json)
    ? JSON.parse(readFileSync(values.json, 'utf8'))
    : { measuredBy: {} };
const machine = await describeMachine();

function keep(measured) {
  Object.assign(kept, measured);
  for (const part of Object.keys(measured)) kept.measuredBy[part] = { machine, parameters, loadAverage: loadavg() };
  if (kept.path !== undefined) {
    kept.overheadPercent = overheadsOf(kept.path);
    // A segment as it is under a usual load.
    kept.results = judge(GOALS, kept.overheadPercent.usual);
  }
  if (kept.ingest !== undefined && Object.values(kept.ingest).every(({ length }) => length > 0)) {
    kept.figures = Object.fromEntries(
      Object.entries(kept.ingest).map(([name, rounds]) => [name, ingestFigures(rounds)]),
    );
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
}

if (isAsked('path')) {
  keep({ path: await measureInsertPaths({ rounds: parameters.pathRounds, spans: parameters.pathSpans }) });
  console.table(kept.results);
  console.table(kept.overheadPercent);
}
if (isAsked('queries') || isAsked('ingest')) {
  const root = mkdtempSync(join(tmpdir(), 'throughline-bench-cluster-'));
  try {
    keep(await measureSetups(root));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
for (const [query, answers] of Object.entries(kept.queries ?? {})) {
  console.log(query);
  console.table(
    Object.fromEntries(Object.entries(answers).map(([name, { cpuMs, ...times }]) => [name, { ...times, ...cpuMs }])),
  );
}
if (kept.figures !== undefined) console.log(JSON.stringify(kept.figures, null, 1));

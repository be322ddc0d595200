/** What a measured load says: the figures that the arithmetic needs of it, and how far the arithmetic is from another one. */
import { round } from '../ingest/statistics.mjs';
import { fleetOf, keeperOpsOf, mergesOf, segmentsOf } from './fleet.mjs';

/** Tables whose rows every server has; the others are a shard's own. */
const NOTED = ['rollup_progress', 'schema_migrations', 'collector_leases', 'store_id'];

function partsOf({ partsASecond }, of = () => true) {
  return Object.entries(partsASecond)
    .filter(([table]) => of(table))
    .reduce((sum, [, parts]) => sum + parts, 0);
}

/**
 * Transactions with ZooKeeper by part, and how eagerly parts are merged. The first server of the first shard takes its inserts and the notes
 * for all, the second one fetches both, and the third is a shard by itself that fetches the notes.
 */
export function figuresOf({ idle, load }, code) {
  const keeperOpsIdle = idle.servers.reduce((sum, server) => sum + server.keeperOpsASecond, 0) / idle.servers.length;
  const [first, second, third] = load.servers;
  const asked = ({ keeperOpsASecond }) => Math.max(0, keeperOpsASecond - keeperOpsIdle);
  const keeperOpsAFetch = asked(second) / partsOf(second);
  const noted = partsOf(third, (table) => NOTED.includes(table));
  const keeperOpsAPart =
    (asked(first) + asked(third) - noted * keeperOpsAFetch) / (partsOf(first) + partsOf(third) - noted);
  const eagerness = [0, 2].map((index) => timesMerged(load, index) / timesCounted(load, index, code));
  return {
    keeperOpsAPart: round(keeperOpsAPart, 1),
    keeperOpsAFetch: round(keeperOpsAFetch, 1),
    keeperOpsIdle: round(keeperOpsIdle, 1),
    mergeEagerness: round((eagerness[0] + eagerness[1]) / 2, 2),
  };
}

/** How often a span was merged, by a server's own account. Rows of other tables are few beside spans. */
function timesMerged({ spansASecond, servers }, index) {
  return servers[index].mergedRowsASecond / (spansASecond / 2);
}

/** The same, by the counter: what it does from the first to the last part of the time. */
function timesCounted({ servers }, index, { mergeBase }) {
  const [first, last] = servers[index].partsOfSpans;
  return (mergesOf(last, mergeBase).mergedParts - mergesOf(first, mergeBase).mergedParts) / (last - first);
}

/** What came in is given; all that follows from it is computed. `figures`: with those of another load. */
export function compare({ load }, plan, code, figures) {
  const fleet = fleetOf({ ...plan, spansASecond: load.spansASecond }, code, figures);
  const { insertsASecond, partsASecond, notedPartsASecond } = fleet.shard;
  const [first, , third] = load.servers;
  const [before] = first.partsOfSpans;
  const after = before + insertsASecond * load.seconds;
  const counted = { servers: [{ partsOfSpans: [before, after] }] };
  const merged = timesCounted(counted, 0, code) * figures.mergeEagerness;
  const keeperOps = keeperOpsOf(
    { shards: 2, servers: 3, ownPartsASecond: partsASecond - notedPartsASecond, notedPartsASecond },
    figures,
  );
  const rows = [
    ['segments/s', segmentsOf(load.spansASecond, code).aSecond, load.segmentsASecond],
    ['inserts/s into spans, first shard', insertsASecond, first.partsASecond.spans],
    ['… second shard', insertsASecond, third.partsASecond.spans],
    ['parts/s, all tables, first shard', partsASecond, partsOf(first)],
    ['… second shard', partsASecond, partsOf(third)],
    ['times that a span was merged in this time, first shard', merged, timesMerged(load, 0)],
    ['… second shard', merged, timesMerged(load, 2)],
    [
      'operations/s with ZooKeeper, all servers',
      keeperOps,
      load.servers.reduce((sum, server) => sum + server.keeperOpsASecond, 0),
    ],
  ];
  return rows.map(([what, computed, found]) => ({
    what,
    computed: round(computed, 2),
    measured: round(found, 2),
    differencePercent: round((computed / found - 1) * 100, 1),
  }));
}

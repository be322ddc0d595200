/**
 * The arithmetic of a fleet: collectors make segments, segments inserts, inserts parts, parts merges, and all of them work for Keeper.
 * No clock, no chance, no engine: the same plan gives the same figures.
 */

const SECONDS_A_DAY = 86_400;

/**
 * How often a segment is sealed, and with how many spans: by its age or by its rows, whichever comes first. Requests of many senders come
 * at any moment: the one that opens the next segment is a mean distance away.
 */
export function segmentsOf(spansASecond, { requestSpans, segmentAgeMs, segmentRows }) {
  const gapMs = (requestSpans / spansASecond) * 1_000;
  const byRowsMs = (Math.max(segmentRows, requestSpans) / spansASecond) * 1_000;
  const everyMs = Math.min(segmentAgeMs + gapMs, byRowsMs);
  return { everyMs, aSecond: 1_000 / everyMs, rows: (spansASecond * everyMs) / 1_000 };
}

/**
 * What merging `base` parts of a size into one of the next makes of so many parts, one behind the other: a counter with digits to that
 * base. `timesMerged` is by row, `active` is what is left. ClickHouse does not wait for so many where parts are small or old.
 */
export function mergesOf(parts, base) {
  let merges = 0;
  let mergedParts = 0;
  let active = 0;
  for (let size = 1, left = Math.floor(parts); left > 0; left = Math.floor(left / base), size *= base) {
    active += left % base;
    if (size > 1) merges += left;
    if (size > 1) mergedParts += left * size;
  }
  return { merges, mergedParts, timesMerged: parts === 0 ? 0 : mergedParts / parts, active };
}

/** How long the repeat of an insert is known in a table that takes so many inserts a second. */
export function windowSecondsOf(insertsASecond, { windowInserts, windowSeconds }) {
  return Math.min(windowInserts / insertsASecond, windowSeconds);
}

/** Batches of the job that fills the derived tables, a second: by its interval, or as soon as enough spans wait. */
export function batchesASecond(spansASecond, isAsked, { rollupIntervalMs, rollupIdleIntervalMs, rollupRowsMax }) {
  const everyMs = isAsked ? rollupIntervalMs : rollupIdleIntervalMs;
  return Math.max(1_000 / everyMs, spansASecond / rollupRowsMax);
}

/**
 * What a plan comes to.
 *
 * `plan`: spansASecond, collectors, shards, replicas (of each shard), cores and diskMbASecond (of each server), days, isAsked (whether
 * somebody searches all the time), awaySeconds (how long a collector may be away with a segment in doubt).
 * `code`: what the collector does, see `constants.mjs`. `figures`: what was measured or is assumed, see `figures.mjs`.
 */
export function fleetOf(plan, code, figures) {
  const { spansASecond, collectors, shards, replicas } = plan;
  const collectorSpans = spansASecond / collectors;
  const segmentRows = Math.min(code.segmentRows, code.segmentBytesMax / figures.nativeBytes);
  const segments = segmentsOf(collectorSpans, { ...code, segmentRows });
  // Each segment has a part for each shard, as long as it has a span for it.
  const insertsASecond = segments.aSecond * collectors * Math.min(1, segments.rows / shards);
  const shardSpans = spansASecond / shards;
  const rowsAPart = shardSpans / insertsASecond;
  const day = mergesOf(insertsASecond * SECONDS_A_DAY, code.mergeBase);
  const timesMerged = day.timesMerged * figures.mergeEagerness;
  const batches = batchesASecond(spansASecond, plan.isAsked, code);
  const ownPartsASecond = insertsASecond + batches * code.derivedTables;
  // Two notes of a batch, and the sign of life of each collector, are on every server.
  const notedPartsASecond = batches * 2 + (collectors * 1_000) / code.leaseRenewMs;
  const insertCores = (shardSpans * figures.insertUs) / 1e6;
  const mergeCores = (shardSpans * timesMerged * figures.mergeUs) / 1e6;
  const servers = shards * replicas;
  // One server has no Keeper; what it holds of an insert in doubt is compared with it span by span, however old that is.
  const hasKeeper = servers > 1;
  const knownSeconds = hasKeeper ? windowSecondsOf(insertsASecond, code) : Infinity;
  const fleet = {
    collector: {
      spansASecond: collectorSpans,
      segmentsASecond: segments.aSecond,
      rowsASegment: segments.rows,
      cores: (collectorSpans * figures.collectorUs) / 1e6,
      mbitASecondIn: (collectorSpans * figures.requestBytes * 8) / 1e6,
      mbitASecondOut: (collectorSpans * figures.nativeBytes * 8) / 1e6,
      outageMinutes: code.backlogBytesMax / (collectorSpans * figures.nativeBytes) / 60,
    },
    shard: {
      spansASecond: shardSpans,
      insertsASecond,
      rowsAPart,
      partsASecond: ownPartsASecond + notedPartsASecond,
      notedPartsASecond,
      activePartsOfSpans: day.active,
      timesMerged,
    },
    server: {
      insertCores,
      mergeCores,
      // Written once by the insert or the fetch, and again by each merge.
      diskMbASecond: (shardSpans * figures.storedBytes * (1 + timesMerged)) / 1e6,
      storedTb: (shardSpans * SECONDS_A_DAY * plan.days * figures.storedBytes) / 1e12,
    },
    keeper: {
      opsASecond: hasKeeper ? keeperOpsOf({ shards, servers, ownPartsASecond, notedPartsASecond }, figures) : 0,
      tokens: hasKeeper ? shards * Math.min(code.windowInserts, insertsASecond * code.windowSeconds) : 0,
    },
    window: { insertsASecond, knownSeconds },
  };
  return { ...fleet, beyond: limitsPassed(plan, fleet, figures) };
}

/**
 * What the servers ask of Keeper. A part is inserted by one server and fetched by each other one that has it: of a shard's own those of
 * the shard, of a noted one all.
 */
export function keeperOpsOf({ shards, servers, ownPartsASecond, notedPartsASecond }, figures) {
  const { keeperOpsAPart, keeperOpsAFetch, keeperOpsIdle } = figures;
  const own = ownPartsASecond * (shards * keeperOpsAPart + (servers - shards) * keeperOpsAFetch);
  const noted = notedPartsASecond * (keeperOpsAPart + (servers - 1) * keeperOpsAFetch);
  return own + noted + servers * keeperOpsIdle;
}

/** What of a fleet passes a limit, in the order in which a span meets them. */
function limitsPassed(plan, { collector, shard, server, keeper, window }, figures) {
  const cores = server.insertCores + server.mergeCores;
  const limits = [
    ['one collector takes more spans/s than one was measured with', collector.spansASecond, figures.collectorSpansMax],
    ['parts of a day in `spans`: parts_to_throw_insert', shard.activePartsOfSpans, figures.partsToThrowInsert],
    ['merge threads of a server, cores', server.mergeCores, Math.min(figures.mergeThreads, plan.cores)],
    ['cores of a server, with half of them left to queries', cores, plan.cores / 2],
    ['disk of a server, MB/s', server.diskMbASecond, plan.diskMbASecond],
    ['Keeper, operations/s', keeper.opsASecond, figures.keeperOpsMax],
    ['tokens in Keeper', keeper.tokens, figures.keeperNodesMax],
  ];
  const passed = limits
    .filter(([, value, most]) => value > most)
    .map(([what, value, most]) => `${what}: ${shown(value)}, and ${shown(most)} is the most`);
  if (window.knownSeconds < plan.awaySeconds) {
    passed.push(
      `a repeat is known for ${shown(window.knownSeconds)} s, and a collector may be away for ${shown(plan.awaySeconds)} s: spans would be stored twice`,
    );
  }
  return passed;
}

/** Three digits are enough for what is computed. */
export function shown(value) {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return Number(value.toFixed(digits)).toLocaleString('en-US');
}

/** What the arithmetic takes from outside of the code. Each says where it is from. */

/** Measured by us. */
const MEASURED = {
  /** CPU of the collector, µs a span, saturated: `collectorUs` in results/ingest.json, highest of five rounds. */
  collectorUs: 1.62,
  /** results/ingest.json, highest of five rounds rounded down; on two cores, with the engine on the same two. */
  collectorSpansMax: 289_000,
  /** CPU of the engine for an insert and for one merge, µs a span, at 10,000 spans/s: bench/README.md. Larger parts cost less. */
  insertUs: 6.5,
  mergeUs: 5.6,
  /** Of all tables after merges: results/query.json, ten million spans. */
  storedBytes: 55,
  /** `requestBytesASpan` and `nativeBytesASpan` in results/ingest-slow-hour.json. */
  requestBytes: 454,
  nativeBytes: 297,
  /** Transactions of a server with ZooKeeper, 18.16: the calibration in results/scale.json. */
  keeperOpsAPart: Number.NaN,
  keeperOpsAFetch: Number.NaN,
  keeperOpsIdle: Number.NaN,
  /** How much more often a span was merged there than a counter to ClickHouse's base says. */
  mergeEagerness: Number.NaN,
};

/** Of others: ClickHouse's defaults of today. */
const DEFAULTS = {
  /** Of one partition of one table; 300 before 23.6. */
  partsToThrowInsert: 3_000,
  /** background_pool_size. */
  mergeThreads: 16,
};

/** Assumed; measure your own. */
const ASSUMED = {
  /** Writes of a Keeper of three on fast disks. */
  keeperOpsMax: 10_000,
  /** About 500 B of memory each. */
  keeperNodesMax: 10_000_000,
};

export const FIGURES = { ...MEASURED, ...DEFAULTS, ...ASSUMED };

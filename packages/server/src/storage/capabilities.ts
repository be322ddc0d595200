/** What a ClickHouse can do, by its version: the schema and the inserts use what is there. */
export interface Capabilities {
  /** As the server says it, such as `26.7.1.1`. */
  readonly version: string;
  /** Whether it has what every statement needs. */
  readonly isSupported: boolean;
  /** LowCardinality without asking for it. */
  readonly lowCardinality: boolean;
  /** The format JSONCompactEachRow. */
  readonly rowsInLines: boolean;
  /** A query whose reader leaves ends with the connection. */
  readonly cancelsWithConnection: boolean;
  /** Codecs of columns. */
  readonly codecs: boolean;
  /** Skip indexes, bloom filters among them. */
  readonly bloomFilters: boolean;
  /** ALTER of a column that may be there already, and of a table's settings. */
  readonly alterClauses: boolean;
  /** Settings of a table for how its parts lay strings out and when they are merged. */
  readonly partTuning: boolean;
  /** Inserts that are synced to the disk before they are answered. */
  readonly syncedInserts: boolean;
  /** A repeat of an insert with the same token stores nothing, in the table and in its materialized views. */
  readonly deduplicationTokens: boolean;
  /** Inserts that wait for a quorum may run at the same time, and do where it is not forbidden. */
  readonly parallelQuorum: boolean;
  /** Disks of several kinds for one table, and days that move from one to another. */
  readonly storagePolicies: boolean;
}

/** Throws a `RangeError` when the text is no version. */
export function capabilitiesOf(version: string): Capabilities {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) throw new RangeError(`${JSON.stringify(version)} is not a ClickHouse version`);
  const since = (wanted: number, wantedMinor: number): boolean =>
    Number(major) > wanted || (Number(major) === wanted && Number(minor) >= wantedMinor);
  return {
    version,
    isSupported: since(18, 16),
    lowCardinality: since(19, 1),
    rowsInLines: since(20, 6),
    cancelsWithConnection: since(20, 6),
    codecs: since(19, 1),
    bloomFilters: since(20, 1),
    alterClauses: since(20, 1),
    partTuning: since(25, 10),
    syncedInserts: since(20, 10),
    deduplicationTokens: since(22, 2),
    parallelQuorum: since(21, 1),
    storagePolicies: since(20, 3),
  };
}

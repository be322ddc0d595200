/** Of ClickHouse servers as the store. */
export interface ClusterLimits {
  readonly queryMemoryBytesMax: number;
  /** An answer that is larger is refused. */
  readonly resultBytesMax: number;
  /** Of gzip, 1 to 9, for inserts and answers; 0 sends them as they are. */
  readonly compressionLevel: number;
  readonly concurrentQueries: number;
  /** Queries that wait for their turn; one more is answered `unavailable`. */
  readonly queuedQueriesMax: number;
  readonly commandTimeoutMs: number;
  readonly insertTimeoutMs: number;
  /** Each server is pinged so often, up to a tenth sooner or later … */
  readonly pingIntervalMs: number;
  /** … and has so long to reply. One that does not is asked behind the others, which take over what runs there. */
  readonly pingTimeoutMs: number;
  /** Clocks of servers may differ so much from the collector's before a person is told. */
  readonly clockOffsetMsMax: number;
  /** A server whose disk was full gets an insert again after it, which tells whether it has space. */
  readonly diskRetryMs: number;
  /** A start at which no server answers tries again after it. */
  readonly startRetryMs: number;
  /** A collector's lease of the store ends so long after its last sign of life … */
  readonly leaseMs: number;
  /** … which it gives so often. */
  readonly leaseRenewMs: number;
  /** A server takes another one of the cluster for unreachable when connecting to it takes longer. */
  readonly shardConnectTimeoutMs: number;
  /** A server gives up another one of which it has heard nothing for so long, in the middle of a query. */
  readonly shardSilenceMs: number;
  /** Queries go on without a shard that did not answer; it is asked so often whether it does again. */
  readonly shardRecheckMs: number;
  /** How long `close` waits for a running insert. */
  readonly closeTimeoutMs: number;
}

export const CLUSTER_LIMITS: ClusterLimits = {
  queryMemoryBytesMax: 4 * 1024 * 1024 * 1024,
  resultBytesMax: 256 * 1024 * 1024,
  compressionLevel: 0,
  concurrentQueries: 8,
  queuedQueriesMax: 64,
  commandTimeoutMs: 300_000,
  insertTimeoutMs: 300_000,
  pingIntervalMs: 2_000,
  pingTimeoutMs: 5_000,
  clockOffsetMsMax: 5_000,
  diskRetryMs: 30_000,
  startRetryMs: 1_000,
  leaseMs: 30_000,
  leaseRenewMs: 5_000,
  shardConnectTimeoutMs: 1_000,
  shardSilenceMs: 10_000,
  shardRecheckMs: 5_000,
  closeTimeoutMs: 2_000,
};

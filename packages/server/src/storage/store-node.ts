/** Stable codes of what may be wrong with one of several servers that keep the store. */
export type NodeTroubleCode =
  /** It does not respond. */
  | 'store_node_away'
  /** It, or a proxy in front of it, rejects the login. */
  | 'store_node_login'
  /** It is another store. */
  | 'store_node_other_store'
  /** Its clock differs from the collector's. */
  | 'store_node_clock'
  /** It takes no inserts, since it has lost its session with Keeper. */
  | 'store_node_read_only'
  /** It had no disk space for the last insert. */
  | 'store_node_disk_full';

export interface NodeTrouble {
  readonly code: NodeTroubleCode;
  /** In words, without a secret. */
  readonly message: string;
  readonly since: Date;
}

/** One server of the store, as the collector sees it. */
export interface NodeStatus {
  /** `host:port`. */
  readonly node: string;
  /** Its number in the cluster; null where there is no cluster, or it has not said it yet. */
  readonly shard: number | null;
  /** Its macro `replica`; null where there is no cluster, or it has not said it yet. */
  readonly replica: string | null;
  /** Of ClickHouse, as it has said last; null before. */
  readonly version: string | null;
  /** `unknown` before it was asked first. One that is not `up` is asked behind all others. */
  readonly state: 'unknown' | 'up' | 'down';
  /** When it came into this state. */
  readonly since: Date;
  readonly troubles: readonly NodeTrouble[];
}

/** The servers that keep the store. */
export interface StoreNodes {
  readonly nodes: readonly NodeStatus[];
  /** Numbers of the shards of which no server is up: their spans can be neither stored nor found. */
  readonly shardsDown: readonly number[];
  /** What is wrong with the files of the password and the certificates, in words. */
  readonly fileProblems: readonly string[];
}

/** A collector that stores beside others, as its rows in the store have it. */
export interface StoreCollector {
  /** Stays that of a data directory. */
  readonly collector: string;
  /** Where to find it, for people. */
  readonly description: string;
  readonly isUp: boolean;
  /**
   * Its last sign of life, by the clock of the store. Of one that is gone: when its membership ended, which is when it
   * left, or `cluster.leaseMs` after it was last heard of.
   */
  readonly seen: Date;
  /** It runs the jobs of the store. */
  readonly isLeader: boolean;
  /** It is the one that says so. */
  readonly isSelf: boolean;
}

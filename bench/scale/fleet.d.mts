export interface Segments {
  readonly everyMs: number;
  readonly aSecond: number;
  readonly rows: number;
}
export interface Merges {
  readonly merges: number;
  readonly mergedParts: number;
  readonly timesMerged: number;
  readonly active: number;
}
export interface Plan {
  readonly spansASecond: number;
  readonly collectors: number;
  readonly shards: number;
  readonly replicas: number;
  readonly cores: number;
  readonly diskMbASecond: number;
  readonly days: number;
  readonly isAsked: boolean;
  readonly awaySeconds: number;
}
export interface Fleet {
  readonly collector: Readonly<Record<string, number>>;
  readonly shard: Readonly<Record<string, number>>;
  readonly server: Readonly<Record<string, number>>;
  readonly keeper: Readonly<Record<string, number>>;
  readonly window: Readonly<Record<string, number>>;
  readonly beyond: readonly string[];
}
type Numbers = Readonly<Record<string, number>>;
export declare function segmentsOf(spansASecond: number, code: Numbers): Segments;
export declare function mergesOf(parts: number, base: number): Merges;
export declare function windowSecondsOf(insertsASecond: number, code: Numbers): number;
export declare function batchesASecond(spansASecond: number, isAsked: boolean, code: Numbers): number;
export declare function fleetOf(plan: Plan, code: Numbers, figures: Numbers): Fleet;
export declare function keeperOpsOf(fleet: Numbers, figures: Numbers): number;

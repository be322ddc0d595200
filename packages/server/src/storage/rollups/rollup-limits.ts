/** How many names the rollups keep apart in a day; what comes beyond them is counted as one. */
export interface RollupLimits {
  readonly servicesMax: number;
  /** Operations of one service. */
  readonly operationsPerServiceMax: number;
  /** Operations of all services together. */
  readonly operationsMax: number;
}

export const ROLLUP_LIMITS: RollupLimits = {
  servicesMax: 1_000,
  operationsPerServiceMax: 2_000,
  operationsMax: 20_000,
};

export interface RollupJobLimits {
  /** While queries come in, spans that are stored are counted after this … */
  readonly intervalMs: number;
  /** … while nobody does, after this … */
  readonly idleIntervalMs: number;
  /** … or as soon as so many wait. */
  readonly rowsMax: number;
  /** One statement counts so many at most, unless one block alone has more: its memory and its time go by them. */
  readonly batchRowsMax: number;
  /** A failed attempt is repeated after this. */
  readonly retryMs: number;
}

export const ROLLUP_JOB_LIMITS: RollupJobLimits = {
  intervalMs: 5_000,
  idleIntervalMs: 30_000,
  rowsMax: 600_000,
  batchRowsMax: 500_000,
  retryMs: 1_000,
};

/** How many names the rollups keep apart in a day; what comes beyond them is counted as `(other)`. */
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

/** How many names the rollups keep apart; what comes beyond them is counted as `(other)`. */
export interface RollupLimits {
  readonly servicesMax: number;
  /** Operations of one service. */
  readonly operationsPerServiceMax: number;
}

export const ROLLUP_LIMITS: RollupLimits = { servicesMax: 2_000, operationsPerServiceMax: 5_000 };

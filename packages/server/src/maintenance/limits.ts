export interface MaintenanceLimits {
  /** A snapshot of which its backup has not been heard for so long is removed. */
  readonly snapshotIdleMs: number;
}

export const MAINTENANCE_LIMITS: MaintenanceLimits = {
  snapshotIdleMs: 60_000,
};

export interface SpoolStatus {
  /** Segments that the engine has not taken, sealed or not. */
  readonly backlogSegments: number;
  readonly backlogBytes: number;
  /** Age of the oldest block that waits; 0 when none waits. */
  readonly backlogAgeMs: number;
  /** Why the spool takes nothing now (full disk, full backlog); null while it takes blocks. */
  readonly blockedBy: string | null;
  /** Names of segments in `rejected/`: the store rejected them for good, or they were found damaged. */
  readonly quarantinedSegments: readonly string[];
}

/** What it may cost to keep track of what is usual. */
export interface NormalsLimits {
  /** Spans that are measured for each second of stored ones, about; of more, a sample of the traces is. 0: none are. */
  readonly spansPerSecondMax: number;
  /** A trace is read up to so long after its start; one that takes longer is left out. */
  readonly traceLengthMs: number;
  /** What is further behind is not measured any more. */
  readonly catchUpMs: number;
  /** Paths of a minute that are kept, those of the greatest weight. */
  readonly pathsMax: number;
  /** The same for callers and callees. */
  readonly edgesMax: number;
  /** Memory of the thread that measures; a minute that needs more is measured from fewer traces. */
  readonly heapBytesMax: number;
}

export const NORMALS_LIMITS: NormalsLimits = {
  spansPerSecondMax: 500,
  traceLengthMs: 60_000,
  catchUpMs: 3_600_000,
  pathsMax: 2_000,
  edgesMax: 2_000,
  heapBytesMax: 512 * 1024 * 1024,
};

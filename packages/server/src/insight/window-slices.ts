/** From its first nanosecond to the one after its last. */
export interface TimeWindow {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}

/** Which traces of a window are read: those that begin in one of the slices, and of these a share by trace ID. */
export interface WindowSample {
  readonly slices: readonly TimeWindow[];
  /** Above 0 up to 1. */
  readonly share: number;
}

/**
 * A slice that is read costs what all its spans cost, and a share by trace ID saves little of it. So a long window is
 * read in short slices all over it, of which every fourth trace is kept at least.
 */
const SHARE_MIN = 0.25;
const SLICES_MAX = 12;
const SLICE_MIN_NS = 10_000_000_000n;

/** `spanCount`: how many spans begin in the window; `spansMax`: about how many of them are read. */
export function sampleOf(window: TimeWindow, spanCount: number, spansMax: number): WindowSample {
  const share = spanCount <= spansMax ? 1 : spansMax / spanCount;
  if (share === 1) return { slices: [window], share };
  const length = window.toUnixNano - window.fromUnixNano;
  const ofTime = Math.min(1, share / SHARE_MIN);
  const read = BigInt(Math.max(1, Math.round(Number(length) * ofTime)));
  const most = read / SLICE_MIN_NS;
  const count = most < 1n ? 1n : most < BigInt(SLICES_MAX) ? most : BigInt(SLICES_MAX);
  const sliceLength = read / count;
  // Each in the middle of an equal part of the window.
  const slices = Array.from({ length: Number(count) }, (_, at) => {
    const from = window.fromUnixNano + (length * (2n * BigInt(at) + 1n)) / (2n * count) - sliceLength / 2n;
    return { fromUnixNano: from, toUnixNano: from + sliceLength };
  });
  return { slices, share: Math.min(1, share / ofTime) };
}

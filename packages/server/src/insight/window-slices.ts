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
 * read in short slices all over it, of which every fourth trace is kept where that is enough.
 */
const SHARE_WANTED = 0.25;
const SLICES_MAX = 12;
/** Of a window that has room for more, so that no single moment stands for all of it. */
const SLICES_MIN = 3;
/** A window is at least so many times as long as what is read of it in so few slices. */
const ROOM = 4n;

/**
 * `spanCount`: how many spans begin in the window; `spansMax`: about how many of them are read; `marginNs`: how long
 * after a slice is read, too, which is no longer than the slice.
 */
export function sampleOf(window: TimeWindow, spanCount: number, spansMax: number, marginNs: bigint): WindowSample {
  if (spanCount <= spansMax) return { slices: [window], share: 1 };
  const length = window.toUnixNano - window.fromUnixNano;
  const wanted = BigInt(Math.round((Number(length) * spansMax) / spanCount / SHARE_WANTED));
  const fitting = Number(wanted / marginNs);
  const hasRoom = length >= ROOM * BigInt(SLICES_MIN) * marginNs;
  const count = BigInt(Math.min(SLICES_MAX, Math.max(hasRoom ? SLICES_MIN : 1, fitting)));
  const atLeast = wanted / count > marginNs ? wanted / count : marginNs;
  const sliceLength = atLeast * count > length ? length / count : atLeast;
  // Each in the middle of an equal part of the window.
  const slices = Array.from({ length: Number(count) }, (_, at) => {
    const from = window.fromUnixNano + (length * (2n * BigInt(at) + 1n)) / (2n * count) - sliceLength / 2n;
    return { fromUnixNano: from, toUnixNano: from + sliceLength };
  });
  const spansOfSlices = (spanCount * Number(sliceLength * count)) / Number(length);
  return { slices, share: Math.min(1, spansMax / spansOfSlices) };
}

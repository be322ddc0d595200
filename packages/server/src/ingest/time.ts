/**
 * Whole seconds of an unsigned 64-bit count of nanoseconds. Exact for every value: a division in doubles is wrong near
 * the turn of a second.
 */
export function secondsOf(low: number, high: number): number {
  // Long division in 16-bit digits; no intermediate value leaves the 53 exact bits of a double.
  const upper = high % 1e9;
  const middle = upper * 0x1_0000 + (low >>> 16);
  const lower = (middle % 1e9) * 0x1_0000 + (low & 0xffff);
  return Math.floor(high / 1e9) * 0x1_0000_0000 + Math.floor(middle / 1e9) * 0x1_0000 + Math.floor(lower / 1e9);
}

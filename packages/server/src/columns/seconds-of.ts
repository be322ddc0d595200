/**
 * Whole seconds of an unsigned 64-bit count of nanoseconds. Exact for every value: a division in doubles is off by some
 * hundred nanoseconds, and so by a second near its turn; what is left over, exact in its low 32 bits, decides.
 */
export function secondsOf(low: number, high: number): number {
  const about = Math.floor((high * 0x1_0000_0000 + low) / 1e9);
  const rest = (low - Math.imul(about, 1e9)) | 0;
  if (rest < 0) return about - 1;
  return rest < 1e9 ? about : about + 1;
}

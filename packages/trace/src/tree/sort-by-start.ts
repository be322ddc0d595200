/**
 * The places of a column, sorted by what it holds at each; `compare` decides between equal ones. `startNs` holds
 * integers that are not negative. A few passes over digits of 16 bits instead of n log n comparisons, and none at all
 * where the order is right already, as it mostly is.
 */
export function sortByStart(startNs: Float64Array, compare: (a: number, b: number) => number): Uint32Array {
  const count = startNs.length;
  let sorted = new Uint32Array(count);
  let isSorted = true;
  let largest = 0;
  for (let at = 0; at < count; at++) {
    sorted[at] = at;
    largest = Math.max(largest, startNs[at]!);
    if (at > 0 && startNs[at - 1]! > startNs[at]!) isSorted = false;
  }
  if (!isSorted) {
    let other = new Uint32Array(count);
    for (let unit = 1; unit <= largest; unit *= DIGIT) {
      pass(startNs, unit, sorted, other);
      [sorted, other] = [other, sorted];
    }
  }
  for (let from = 0; from < count;) {
    let to = from + 1;
    while (to < count && startNs[sorted[to]!] === startNs[sorted[from]!]) to++;
    if (to - from > 1) sorted.set(Array.from(sorted.subarray(from, to)).toSorted(compare), from);
    from = to;
  }
  return sorted;
}

const DIGIT = 0x1_0000;

/** Sorts by one digit, and leaves equal ones in their order. */
function pass(values: Float64Array, unit: number, from: Uint32Array, to: Uint32Array): void {
  const digits = new Uint16Array(from.length);
  const ends = new Uint32Array(DIGIT);
  for (let at = 0; at < from.length; at++) {
    const digit = Math.floor(values[from[at]!]! / unit) % DIGIT;
    digits[at] = digit;
    ends[digit]!++;
  }
  for (let digit = 1; digit < DIGIT; digit++) ends[digit]! += ends[digit - 1]!;
  for (let at = from.length - 1; at >= 0; at--) to[--ends[digits[at]!]!] = from[at]!;
}

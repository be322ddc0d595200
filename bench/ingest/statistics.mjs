export const median = (numbers) => quantile(numbers, 0.5);

/** The value at this share of the sorted numbers; NaN of none. */
export function quantile(numbers, share) {
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export const round = (value, digits) => Number(value.toFixed(digits));

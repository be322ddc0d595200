/** Denominators that people know from sight. */
const denominatorMax = 10;

/** Above, `35 in 100` says more than `1 in 2.9`. */
const inHundredsFrom = 0.25;

/** How far off a fraction in words may be. */
const toleratedError = 0.02;

/** How many of those decided are sampled, in words: `all`, `none`, `1 in 20`, `2 in 3`, `35 in 100`, `1 in 2,500`. */
export function ratioText(probability: number): string {
  if (probability >= 1) return 'all';
  if (probability <= 0) return 'none';
  if (probability > 1 / denominatorMax) {
    for (let denominator = 2; denominator <= denominatorMax; denominator++) {
      const numerator = Math.round(probability * denominator);
      if (numerator === denominator) continue;
      if (isClose(numerator / denominator, probability)) return `${numerator} in ${denominator}`;
    }
    if (probability > inHundredsFrom) return `${Math.min(99, Math.round(probability * 100))} in 100`;
  }
  const oneIn = 1 / probability;
  const whole = Math.round(oneIn);
  return `1 in ${isClose(whole, oneIn) ? whole.toLocaleString('en') : oneIn.toFixed(1)}`;
}

/**
 * A probability in percent with three digits, however small: `5%`, `33.3%`, `0.0123%`; less than all is never `100%`.
 */
export function probabilityText(probability: number): string {
  const percent = probability < 1 ? Math.min(99.9, probability * 100) : 100;
  return `${percent.toLocaleString('en', { maximumSignificantDigits: 3 })}%`;
}

function isClose(shown: number, actual: number): boolean {
  return Math.abs(shown - actual) <= actual * toleratedError;
}

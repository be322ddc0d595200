/**
 * Consistent probability sampling (OpenTelemetry, "TraceState: Probability Sampling"): a trace is sampled when its 56
 * random bits are not below a threshold, so that every service that uses the same threshold decides alike.
 */
export class Threshold {
  /** The 56 bits as two unsigned integers, which compare 20 times faster than a BigInt. */
  readonly high28: number;
  readonly low28: number;
  /** False where the sampling probability is not known: then nothing is stated in the tracestate. */
  readonly isWeightKnown: boolean;
  #th: string | undefined;
  #traceState: string | undefined;

  constructor(high28: number, low28: number, isWeightKnown = true) {
    this.high28 = high28;
    this.low28 = low28;
    this.isWeightKnown = isWeightKnown;
  }

  /** The value of `th` in `tracestate: ot=th:…`: up to 14 hex digits without trailing zeros, '0' for "sample all". */
  get th(): string {
    return (this.#th ??= hexOf(this.high28, this.low28));
  }

  /** The tracestate of a sampled trace that had none. */
  get traceState(): string {
    return (this.#traceState ??= this.isWeightKnown ? `ot=th:${this.th}` : '');
  }

  /** The probability that a trace reaches it, above 0 and up to 1; its inverse is the weight of one that does. */
  get probability(): number {
    return (RANGE - this.high28 * TWO_POW_28 - this.low28) / RANGE;
  }

  /** The same bits, without a statement of their probability. */
  withoutWeight(): Threshold {
    return this.isWeightKnown ? new Threshold(this.high28, this.low28, false) : this;
  }
}

const HEX_DIGITS = 14;
const RANGE = 2 ** 56;
const TWO_POW_28 = 2 ** 28;
const SIGNIFICANT_DIGITS = 4;
/** The largest double below 2⁵⁶: however small a probability is, it samples something. */
const THRESHOLD_MAX = RANGE - 8;

/**
 * The threshold of a probability above 0 and up to 1. It is rounded to four significant hex digits, counted after any
 * leading f of a small probability: what is compared is exactly what `th` says.
 */
export function thresholdOf(probability: number): Threshold {
  const digits = Math.min(HEX_DIGITS, SIGNIFICANT_DIGITS + leadingDigits(probability) + leadingDigits(1 - probability));
  const step = 2 ** (4 * (HEX_DIGITS - digits));
  const rounded = Math.min(Math.round(((1 - probability) * RANGE) / step) * step, THRESHOLD_MAX);
  // Exact: a double holds 53 bits, and the last ones of these 56 are zero.
  const high28 = Math.floor(rounded / TWO_POW_28);
  return new Threshold(high28, rounded - high28 * TWO_POW_28);
}

/** How many leading hex digits a fraction's distance from 0 makes zero (or, seen from 1, f). */
function leadingDigits(fraction: number): number {
  return fraction <= 0 ? 0 : Math.max(0, Math.floor(-Math.log2(fraction) / 4));
}

function hexOf(high28: number, low28: number): string {
  const digits = high28.toString(16).padStart(7, '0') + low28.toString(16).padStart(7, '0');
  let end = HEX_DIGITS;
  while (end > 1 && digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}

/** The threshold that a `th` value states, or `undefined` when it is malformed. */
export function parseThreshold(th: string): Threshold | undefined {
  if (!/^[0-9a-f]{1,14}$/.test(th)) return undefined;
  const digits = th.padEnd(HEX_DIGITS, '0');
  return new Threshold(parseInt(digits.slice(0, 7), 16), parseInt(digits.slice(7), 16));
}

/** Whether random bits, as two 28-bit integers, reach the threshold. */
export function reaches(
  randomHigh28: number,
  randomLow28: number,
  threshold: Pick<Threshold, 'high28' | 'low28'>,
): boolean {
  return randomHigh28 > threshold.high28 || (randomHigh28 === threshold.high28 && randomLow28 >= threshold.low28);
}

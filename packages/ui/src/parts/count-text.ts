import type { ErrorRateInterval, Estimate } from '@throughline/trace/client';

const wholeNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A count with thousands apart: `12,345`. */
export function countText(count: number): string {
  return wholeNumber.format(count);
}

/** `1 span`, `12,345 spans`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** A share (0 to 1) in percent; one that is not zero never reads `0%`, and one below all never `100%`. */
export function shareText(share: number): string {
  if (share === 0) return '0%';
  const percent = share * 100;
  if (percent < 0.1) return '< 0.1%';
  if (percent < 10) return `${String(Number(percent.toFixed(1)))}%`;
  return `${share < 1 ? Math.min(99, Math.round(percent)) : 100}%`;
}

const steps = ['', 'k', 'M', 'G', 'T'];

/** A count in three digits, which is more than an estimate is worth: `840`, `12.3k`, `1.2M`. */
export function shortCountText(count: number): string {
  let step = 0;
  let rest = Math.round(count);
  // 999,500 is `1M` and not `1000k`.
  while (Number(rest.toPrecision(3)) >= 1000 && step < steps.length - 1) {
    rest /= 1000;
    step++;
  }
  return step === 0 ? String(rest) : `${Number(rest.toPrecision(3))}${steps[step]}`;
}

/** `1 span`, `12.3k spans`. */
export function shortCountOf(count: number, one: string, many = `${one}s`): string {
  return `${shortCountText(count)} ${count === 1 ? one : many}`;
}

/** How often something happens: `0/s`, `0.04/s`, `12.3/s`, `1.2k/s`; what is not zero never reads so. */
export function rateText(perSecond: number): string {
  if (perSecond <= 0) return '0/s';
  if (perSecond < 0.01) return '< 0.01/s';
  if (perSecond < 100) return `${Number(perSecond.toPrecision(perSecond < 1 ? 2 : 3))}/s`;
  return `${shortCountText(perSecond)}/s`;
}

/** A count over stored spans, and what it is worth. */
export interface CountEstimate {
  /** What is stored. */
  readonly stored: number;
  /** Σ sampling weight, or what request metrics report. */
  readonly estimated: number;
  readonly estimate: Estimate;
  /** A part of it at least is counted by the applications. */
  readonly isCounted?: boolean;
}

/** The count as it is shown: `12,345` where it is exact, else `≈12.3k`. */
export function estimatedText({ stored, estimated, estimate: { basis } }: CountEstimate): string {
  // Request metrics count more than is stored.
  if (basis === 'exact') return countText(Math.max(stored, Math.round(estimated)));
  return `≈${shortCountText(estimated)}`;
}

/** `±4%`, half of the 95% interval; '' where the count is exact, or nothing is known. */
export function relativeErrorText({ relativeError }: Estimate): string {
  if (relativeError === null || relativeError === 0) return '';
  const percent = relativeError * 100;
  if (percent < 0.1) return '±0.1%';
  return `±${percent < 1 ? percent.toFixed(1) : wholeNumber.format(Number(percent.toPrecision(2)))}%`;
}

/**
 * In sentences: where the count comes from and how far off it may be. '' where it is exact. `noun`: in the singular.
 */
export function explainEstimate({ stored, estimated, estimate, isCounted }: CountEstimate, noun: string): string {
  const { basis, relativeError } = estimate;
  if (basis === 'exact') return '';
  if (isCounted === true && basis === 'estimated') return explainCounted(estimated, relativeError, noun);
  const from = countOf(stored, `stored ${noun}`, 'stored ones');
  const total = `About ${countOf(Math.round(estimated), noun)}, estimated from ${from}`;
  if (basis === 'biased') {
    const unknown =
      stored === 1
        ? 'Its sampling weight is unknown: it counts as one'
        : 'The sampling weight of some is unknown: each of those counts as one';
    return `${total}. ${unknown}, so there may have been more.`;
  }
  const weighted = `${total} and ${stored === 1 ? 'its sampling weight' : 'their sampling weights'}`;
  if (relativeError === null) return `${weighted}.`;
  const low = Math.max(stored, Math.round(estimated * (1 - relativeError)));
  return `${weighted}: ${intervalText(low, estimated, relativeError)}.`;
}

function explainCounted(estimated: number, relativeError: number | null, noun: string): string {
  const total = countOf(Math.round(estimated), noun);
  if (relativeError === null)
    return `At least ${total}, counted by the applications. The newest counts have not arrived yet.`;
  const interval = intervalText(Math.round(estimated * (1 - relativeError)), estimated, relativeError);
  return `About ${total}, counted by the applications, the newest estimated from stored spans: ${interval}.`;
}

function intervalText(low: number, estimated: number, relativeError: number): string {
  return `${countText(low)} to ${countText(Math.round(estimated * (1 + relativeError)))} with 95% confidence`;
}

/** `1.2% to 4%`, of shares from 0 to 1; '' where there is no interval. */
export function shareIntervalText(interval: ErrorRateInterval | null): string {
  return interval === null ? '' : `${shareText(interval[0])} to ${shareText(interval[1])}`;
}

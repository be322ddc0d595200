import { formatDuration } from '@throughline/trace';

type QuantityUnit = 'requestsPerSecond' | 'share' | 'ns' | 'score';

/** A value for people: `2.1%`, `812 ms`, `30 requests/min`. */
export function quantityText(unit: QuantityUnit, value: number): string {
  return TEXTS[unit](value);
}

const TEXTS: Readonly<Record<QuantityUnit, (value: number) => string>> = {
  share: (value) => `${shortNumber(value * 100)}%`,
  ns: formatDuration,
  requestsPerSecond: rateText,
  score: shortNumber,
};

/** In the unit that makes it one or more. */
function rateText(perSecond: number): string {
  if (perSecond >= 1 || perSecond === 0) return `${shortNumber(perSecond)} requests/s`;
  if (perSecond * 60 >= 1) return `${shortNumber(perSecond * 60)} requests/min`;
  return `${shortNumber(perSecond * 3_600)} requests/h`;
}

/** Three significant digits, and all of those before the point. */
export function shortNumber(value: number): string {
  return value >= 1_000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

const wholeNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A count with thousands apart: `12,345`. */
export function countText(count: number): string {
  return wholeNumber.format(count);
}

/** `1 span`, `12,345 spans`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** A share (0 to 1) in percent; one that is not zero never reads `0 %`, and one below all never `100 %`. */
export function shareText(share: number): string {
  if (share === 0) return '0 %';
  const percent = share * 100;
  if (percent < 0.1) return '< 0.1 %';
  if (percent < 10) return `${String(Number(percent.toFixed(1)))} %`;
  return `${share < 1 ? Math.min(99, Math.round(percent)) : 100} %`;
}

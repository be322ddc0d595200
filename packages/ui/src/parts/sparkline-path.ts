/** Room for half of the line's width. */
const margin = 1;

/**
 * An SVG path from the left to the right, from 0 at the bottom to the largest value at the top; '' without two values.
 */
export function sparklinePath(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return '';
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  const stepX = (width - 2 * margin) / (values.length - 1);
  const points = values.map((value, i) => {
    const share = largest === 0 ? 0 : value / largest;
    return `${(margin + i * stepX).toFixed(1)} ${(height - margin - share * (height - 2 * margin)).toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}

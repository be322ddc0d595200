/**
 * The first places of a ranking that fit, each with all that is above it, in ascending order: of a forest too large to
 * be shown whole. One whose ancestors do not fit is left out, and those after it are tried.
 *
 * @param above the place above each; -1 at the top.
 */
export function withThoseAbove(ranked: readonly number[], above: (place: number) => number, max: number): number[] {
  const kept = new Set<number>();
  for (const place of ranked) {
    if (kept.size >= max) break;
    const missing: number[] = [];
    for (let at = place; at >= 0 && !kept.has(at) && kept.size + missing.length <= max; at = above(at))
      missing.push(at);
    if (kept.size + missing.length > max) continue;
    for (const at of missing) kept.add(at);
  }
  return [...kept].toSorted((a, b) => a - b);
}

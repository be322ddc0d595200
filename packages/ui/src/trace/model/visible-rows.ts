/** The tree's columns that decide which rows are drawn. */
export interface TreeColumns {
  readonly spanCount: number;
  readonly parentIndex: Int32Array;
  readonly subtreeSize: Int32Array;
}

/**
 * Span indices of the rows, top to bottom: without what lies inside a folded span, and without what `shown` leaves
 * out (null shows everything).
 */
export function visibleRows(
  tree: TreeColumns,
  folded: ReadonlySet<number>,
  shown: Uint8Array | null = null,
): Int32Array {
  const rows = new Int32Array(tree.spanCount);
  let count = 0;
  let i = 0;
  while (i < tree.spanCount) {
    if (shown === null || shown[i] === 1) rows[count++] = i;
    // Every subtree holds at least its own span: a step of zero would never end.
    i += folded.has(i) ? Math.max(1, tree.subtreeSize[i] ?? 1) : 1;
  }
  return rows.subarray(0, count);
}

/** 1 for each match and for all of its ancestors, so that a match never appears without its place in the tree. */
export function withAncestors(tree: TreeColumns, matches: (index: number) => boolean): Uint8Array {
  const shown = new Uint8Array(tree.spanCount);
  for (let i = 0; i < tree.spanCount; i++) {
    if (!matches(i)) continue;
    // Stops at the first ancestor that is marked already: linear over all spans together.
    for (let j = i; j >= 0 && shown[j] !== 1; j = tree.parentIndex[j] ?? -1) shown[j] = 1;
  }
  return shown;
}

/** `folded` without the ancestors of `index`, so that its row is visible; the same set where nothing hides it. */
export function unfoldTo(tree: TreeColumns, folded: ReadonlySet<number>, index: number): ReadonlySet<number> {
  const hiding: number[] = [];
  for (let j = tree.parentIndex[index] ?? -1; j >= 0; j = tree.parentIndex[j] ?? -1) {
    if (folded.has(j)) hiding.push(j);
  }
  if (hiding.length === 0) return folded;
  const next = new Set(folded);
  for (const j of hiding) next.delete(j);
  return next;
}

/**
 * For each span its row, or that of the nearest ancestor that has one; -1 where none has. `rows` comes from
 * `visibleRows`.
 */
export function rowBySpan(tree: TreeColumns, rows: Int32Array): Int32Array {
  const found = new Int32Array(tree.spanCount);
  let next = 0;
  // Parents come first, so that one pass is enough, however deep the tree.
  for (let i = 0; i < tree.spanCount; i++) {
    const parent = tree.parentIndex[i] ?? -1;
    found[i] = rows[next] === i ? next++ : parent < 0 ? -1 : (found[parent] ?? -1);
  }
  return found;
}

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowBySpan, unfoldTo, visibleRows, withAncestors, type TreeColumns } from './visible-rows.ts';

/** A tree in depth-first order from the parent of each span; parents come before their children. */
function tree(parents: readonly number[]): TreeColumns {
  const subtreeSize = new Int32Array(parents.length).fill(1);
  for (let i = parents.length - 1; i > 0; i--) {
    const parent = parents[i] ?? -1;
    if (parent >= 0) subtreeSize[parent] = (subtreeSize[parent] ?? 0) + (subtreeSize[i] ?? 0);
  }
  return { spanCount: parents.length, parentIndex: Int32Array.from(parents), subtreeSize };
}

// 0 ─┬ 1 ─┬ 2
//    │    └ 3
//    └ 4 ── 5
const small = tree([-1, 0, 1, 1, 0, 4]);

/** Depth-first order: each span's parent is the span before it or one of that span's ancestors. */
const trees = fc.array(fc.nat(5), { maxLength: 60 }).map((climbs) => {
  const parents = [-1];
  for (const climb of climbs) {
    let parent = parents.length - 1;
    for (let step = 0; step < climb && (parents[parent] ?? -1) >= 0; step++) parent = parents[parent] ?? 0;
    parents.push(parent);
  }
  return tree(parents);
});

describe('the visible rows', () => {
  it('are all spans while nothing is folded', () => {
    expect([...visibleRows(small, new Set())]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('skip what lies inside a folded span', () => {
    expect([...visibleRows(small, new Set([1]))]).toEqual([0, 1, 4, 5]);
    expect([...visibleRows(small, new Set([0, 4]))]).toEqual([0]);
  });

  it('keep the ancestors of what a filter matches', () => {
    const shown = withAncestors(small, (i) => i === 5);
    expect([...visibleRows(small, new Set(), shown)]).toEqual([0, 4, 5]);
  });

  it('show every span whose ancestors are all unfolded, and no other', () => {
    fc.assert(
      fc.property(trees, fc.array(fc.nat(60)), (columns, fold) => {
        const folded = new Set(fold);
        const expected = [];
        for (let i = 0; i < columns.spanCount; i++) {
          let hidden = false;
          for (let j = columns.parentIndex[i] ?? -1; j >= 0; j = columns.parentIndex[j] ?? -1) hidden ||= folded.has(j);
          if (!hidden) expected.push(i);
        }
        expect([...visibleRows(columns, folded)]).toEqual(expected);
      }),
    );
  });

  it('unfold just the ancestors that hide a span', () => {
    expect([...unfoldTo(small, new Set([0, 1, 4]), 3)]).toEqual([4]);
    const folded = new Set([4]);
    expect(unfoldTo(small, folded, 3)).toBe(folded);
  });

  it('replace a hidden span by its nearest visible ancestor', () => {
    const rows = visibleRows(small, new Set([1]));
    expect([...rowBySpan(small, rows)]).toEqual([0, 1, 1, 1, 2, 3]);
    expect([...rowBySpan(small, new Int32Array(0))]).toEqual([-1, -1, -1, -1, -1, -1]);
  });
});

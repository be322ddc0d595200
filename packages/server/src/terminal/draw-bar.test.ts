import { describe, expect, it } from 'vitest';
import { drawBar, type Extent } from './draw-bar.ts';

function bar(extents: readonly Extent[], critical: readonly Extent[], cells = 8, isColored = false): string {
  return drawBar({ extents, critical, styles: [] }, cells, isColored)
    .map(({ text, styles }) => (styles.includes('inverse') ? `(${text})` : text))
    .join('');
}

describe('a bar', () => {
  it('is of blocks on the critical path, to an eighth of a cell', () => {
    expect(bar([{ from: 0, to: 8 }], [{ from: 0, to: 8 }])).toBe('████████');
    expect(bar([{ from: 1, to: 3.375 }], [{ from: 1, to: 3.375 }])).toBe(' ██▍    ');
  });

  it('is a line off the path, to half a cell', () => {
    expect(bar([{ from: 1.5, to: 4.5 }], [])).toBe(' ╺━━╸   ');
  });

  it('is of both where only a part of the span was waited for', () => {
    expect(bar([{ from: 0, to: 8 }], [{ from: 2, to: 4 }])).toBe('━━██━━━━');
  });

  it('begins within a cell by a block that Unicode has, and by an inverted one where there are colours', () => {
    const late = [{ from: 0.75, to: 2 }];
    expect(bar(late, late)).toBe('▕█      ');
    expect(bar(late, late, 8, true)).toBe('(▊)█      ');
  });

  it('shows even what takes no time, and what lies beyond the end', () => {
    expect(bar([{ from: 3, to: 3 }], [])).toBe('   ╸    ');
    expect(bar([{ from: 8, to: 8 }], [{ from: 8, to: 8 }])).toBe('       ▕');
  });

  it('is that of many spans', () => {
    expect(
      bar(
        [
          { from: 0, to: 1 },
          { from: 3, to: 4 },
        ],
        [{ from: 3, to: 4 }],
      ),
    ).toBe('━  █    ');
  });
});

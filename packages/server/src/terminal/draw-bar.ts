import { piece, type Piece, type Style } from './screen.ts';

/** A part of a bar, from 0 to the number of its cells. */
export interface Extent {
  readonly from: number;
  readonly to: number;
}

export interface Bar {
  /** When the spans ran; none is empty on the screen, however short it is. */
  readonly extents: readonly Extent[];
  /** The parts of these on the critical path. */
  readonly critical: readonly Extent[];
  readonly styles: readonly Style[];
}

/**
 * A bar of a waterfall in `cells` columns: blocks, to an eighth of a cell, where the span is on the critical path, and
 * a line, to half a cell, elsewhere. So the blocks of all rows together are the critical path, without colours too.
 */
export function drawBar({ extents, critical, styles }: Bar, cells: number, isColored: boolean): Piece[] {
  const lines = coverOf(extents, cells);
  const blocks = coverOf(critical, cells);
  const pieces: Piece[] = [];
  for (let cell = 0; cell < cells; cell++) {
    if (blocks.share[cell]! > 0) pieces.push(block(blocks, cell, styles, isColored));
    else if (lines.share[cell]! > 0) pieces.push(piece(lineGlyph(lines, cell), ...styles));
    else pieces.push(piece(' '));
  }
  return pieces;
}

interface Cover {
  /** Of each cell, from 0 to 1. */
  readonly share: Float64Array;
  /** Where the first part begins and the last one ends in it. */
  readonly from: Float64Array;
  readonly to: Float64Array;
}

function coverOf(extents: readonly Extent[], cells: number): Cover {
  const cover = {
    share: new Float64Array(cells),
    from: new Float64Array(cells).fill(1),
    to: new Float64Array(cells),
  };
  for (const { from, to } of extents) {
    const first = Math.min(cells - 1, Math.max(0, Math.floor(from)));
    const last = Math.min(cells - 1, Math.max(first, Math.ceil(to) - 1));
    for (let cell = first; cell <= last; cell++) {
      const begin = Math.min(1, Math.max(0, from - cell));
      const end = Math.min(1, Math.max(begin, to - cell));
      // Even what takes no time is to be seen.
      cover.share[cell] = Math.min(1, cover.share[cell]! + Math.max(end - begin, LEAST_SHARE));
      cover.from[cell] = Math.min(cover.from[cell]!, begin);
      cover.to[cell] = Math.max(cover.to[cell]!, end);
    }
  }
  return cover;
}

const LEAST_SHARE = 1e-6;
/** Of a cell that begins or ends so near its edge there is nothing to see. */
const EDGE = 1 / 16;

/** Filled from the left, by eighths. */
const EIGHTHS = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

function block({ share, from, to }: Cover, cell: number, styles: readonly Style[], isColored: boolean): Piece {
  const eighths = Math.max(1, Math.round(share[cell]! * 8));
  const isAtRight = from[cell]! > EDGE && to[cell]! > 1 - EDGE;
  if (!isAtRight || eighths === 8) return piece(EIGHTHS[eighths]!, ...styles);
  // Unicode has few blocks that are filled from the right: with colours, what is left of them is drawn inverted.
  if (isColored) return piece(EIGHTHS[8 - eighths]!, ...styles, 'inverse');
  return piece(eighths >= 6 ? '█' : eighths >= 3 ? '▐' : '▕', ...styles);
}

function lineGlyph({ from, to }: Cover, cell: number): string {
  if (to[cell]! <= 0.5) return '╸';
  return from[cell]! >= 0.5 ? '╺' : '━';
}

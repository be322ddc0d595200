/** The arrival of a block in the Native format, which is its first column; see `SPAN_COLUMNS`. */

const HEADER = Buffer.concat([text('arrival'), text('UInt64')]);
/** As many bytes of a block are enough to read its arrival. */
export const ARRIVAL_BYTES = 2 * 10 + HEADER.length + 8;

/** Null for a block that a version without arrivals has written. */
export function readBlockArrival(block: Uint8Array): number | null {
  const at = valuesAt(block);
  if (at === null || at.start + 8 > block.length) return null;
  return Number(viewOf(block).getBigUint64(at.start, true));
}

/** Writes the arrival into every row of the first block. Throws a `RangeError` where it has no such column. */
export function stampBlockArrival(block: Uint8Array, arrival: number): void {
  const at = valuesAt(block);
  if (at === null) throw new RangeError('the block has no column for its arrival');
  const stop = at.start + at.rows * 8;
  viewOf(block).setBigUint64(at.start, BigInt(arrival), true);
  for (let end = at.start + 8; end < stop; end += end - at.start) {
    block.copyWithin(end, at.start, Math.min(end, at.start + stop - end));
  }
}

function valuesAt(block: Uint8Array): { readonly start: number; readonly rows: number } | null {
  const columns = varint(block, 0);
  const rows = columns === null ? null : varint(block, columns.end);
  if (rows === null) return null;
  const start = rows.end + HEADER.length;
  const isThere = HEADER.every((byte, index) => block[rows.end + index] === byte);
  return isThere ? { start, rows: rows.value } : null;
}

function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let index = at, scale = 1; index < bytes.length && index < at + 7; index++, scale *= 0x80) {
    const byte = bytes[index] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: index + 1 };
  }
  return null;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

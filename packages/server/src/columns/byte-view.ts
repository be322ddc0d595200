let viewed: Uint8Array = new Uint8Array();
let view: DataView = new DataView(viewed.buffer);
let viewedBefore = viewed;
let viewBefore = view;

/**
 * A view of these bytes, which reads and writes four of them at once, wherever they stand. The views of the last two
 * are kept: a request is thousands of strings of the same bytes, or of them and of what is unpacked from them, and a
 * view costs more than reading most of them.
 */
export function viewOf(bytes: Uint8Array): DataView {
  return bytes === viewed ? view : otherViewOf(bytes);
}

function otherViewOf(bytes: Uint8Array): DataView {
  const other = bytes === viewedBefore ? viewBefore : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  viewedBefore = viewed;
  viewBefore = view;
  viewed = bytes;
  view = other;
  return other;
}

/**
 * Copies `count` bytes, at least four: word by word, the last word over the one before. Returns the bits that any of
 * the words has.
 */
export function copyWords(from: DataView, start: number, to: DataView, at: number, count: number): number {
  const last = count - 4;
  let bits = 0;
  for (let index = 0; index < last; index += 4) {
    const word = from.getInt32(start + index, true);
    bits |= word;
    to.setInt32(at + index, word, true);
  }
  const word = from.getInt32(start + last, true);
  to.setInt32(at + last, word, true);
  return bits | word;
}

/** True where `count` bytes, at least four, are the same. */
export function equalWords(
  left: DataView,
  leftStart: number,
  right: DataView,
  rightStart: number,
  count: number,
): boolean {
  const last = count - 4;
  for (let index = 0; index < last; index += 4) {
    if (left.getInt32(leftStart + index, true) !== right.getInt32(rightStart + index, true)) return false;
  }
  return left.getInt32(leftStart + last, true) === right.getInt32(rightStart + last, true);
}

/** Every one of `count` bytes, at least four, changes the hash; 32 bits, signed. */
export function hashWords(from: DataView, start: number, count: number, seed: number): number {
  const last = count - 4;
  let hash = seed ^ count;
  for (let index = 0; index < last; index += 4) {
    hash = Math.imul(hash ^ from.getInt32(start + index, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return Math.imul(hash ^ from.getInt32(start + last, true), 0x85ebca6b);
}

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeOtlp } from '../receivers/otlp/decode-otlp.ts';
import { arbitraryOtlp } from '../receivers/testing/arbitrary-otlp.ts';
import { encodeOtlp } from '../receivers/testing/encode-otlp.ts';
import { readNativeRows } from '../receivers/testing/read-native.ts';
import { BlockParts } from './block-parts.ts';
import { ByteBuffer } from './growable-buffers.ts';
import { RejectedSpans } from './rejected-spans.ts';
import { BLOCK_LIMITS } from './limits.ts';
import { writeNativeBlock } from './write-native-block.ts';
import { SpanBlock } from './span-block.ts';

function rowsOf(block: SpanBlock): unknown[][] {
  const native = new ByteBuffer();
  writeNativeBlock(block, native);
  return readNativeRows(Buffer.from(native.content()));
}

test('a block that is taken apart by its requests holds the same rows, in every column', () => {
  const block = new SpanBlock(7);
  fc.assert(
    fc.property(fc.array(arbitraryOtlp, { minLength: 1, maxLength: 6 }), (requests) => {
      block.clear();
      const rows = requests.map((request) => {
        const before = block.rowCount;
        block.mark();
        decodeOtlp(encodeOtlp(request), block, new RejectedSpans());
        if (block.rowCount === before) block.rollback();
        return block.rowCount - before;
      });
      const whole = rowsOf(block);
      const parts = new BlockParts(block, 9, BLOCK_LIMITS);
      const taken = rows.filter((count) => count > 0).map((count) => rowsOf(parts.take(count)));
      expect(taken.map((part) => part.length)).toEqual(rows.filter((count) => count > 0));
      expect(taken.flat()).toEqual(whole);
      expect(rowsOf(block)).toEqual(whole);
    }),
  );
});

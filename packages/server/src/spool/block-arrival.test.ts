import * as fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ArrivalClock } from '../ingest/arrival-clock.ts';
import { readBlockArrival, stampBlockArrival } from './block-arrival.ts';
import { ByteBuffer } from '../columns/growable-buffers.ts';
import { RejectedSpans } from '../columns/rejected-spans.ts';
import { writeNativeBlock } from '../columns/write-native-block.ts';
import { SpanBlock } from '../columns/span-block.ts';
import { aSpan, appendSpan } from '../columns/testing/append-span.ts';

function blockOf(rows: number, arrival: number): Uint8Array {
  const block = new SpanBlock(1);
  for (let row = 0; row < rows; row++) {
    appendSpan(block, new RejectedSpans(), aSpan({ spanId: (row + 1).toString(16).padStart(16, '0') }));
  }
  const native = new ByteBuffer();
  writeNativeBlock(block, native, null, arrival);
  return native.content();
}

describe('the arrival of a block', () => {
  it('is written into each of its rows, before or afterwards, and read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.maxSafeNat(), (rows, arrival) => {
        const written = blockOf(rows, arrival);
        const stamped = Uint8Array.from(blockOf(rows, 0));
        stampBlockArrival(stamped, arrival);
        expect(stamped).toEqual(written);
        expect(readBlockArrival(stamped.subarray(0, 64))).toBe(arrival);
      }),
      { numRuns: 50 },
    );
  });

  it('is not read from a block of an older version, nor from anything else', () => {
    expect(readBlockArrival(Buffer.from([2, 1, 5, 0x6f, 0x74, 0x68, 0x65, 0x72]))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(readBlockArrival(bytes)).toBeNull();
        expect(() => stampBlockArrival(bytes, 1)).toThrow(RangeError);
      }),
    );
  });
});

describe('ArrivalClock', () => {
  it('never goes back, nor gives one twice, whatever the clock says', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 41 })), (times) => {
        let nowMs = 0;
        const clock = new ArrivalClock(null, () => nowMs);
        let last = 0;
        for (const time of times) {
          nowMs = time;
          const arrival = clock.next();
          expect(arrival).toBeGreaterThan(last);
          expect(clock.inFlight).toBe(arrival);
          clock.landed();
          expect(clock.inFlight).toBeNull();
          last = arrival;
        }
      }),
    );
  });

  it('goes on behind what an earlier process has given, also where the clock is behind it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'throughline-arrival-'));
    const path = join(directory, 'last-arrival');
    writeFileSync(path, '5000000');
    expect(new ArrivalClock(path, () => 1_000).next()).toBe(5_000_001);
    writeFileSync(path, 'nonsense');
    expect(new ArrivalClock(path, () => 1_000).next()).toBe(1_000_000);
    rmSync(directory, { recursive: true });
  });
});

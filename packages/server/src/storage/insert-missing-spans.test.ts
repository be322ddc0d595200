import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBuffer } from '../columns/growable-buffers.ts';
import { RejectedSpans } from '../columns/rejected-spans.ts';
import { writeNativeBlock } from '../columns/write-native-block.ts';
import { SpanBlock } from '../columns/span-block.ts';
import { decodeOtlpJson } from '../receivers/otlp-json/decode-otlp-json.ts';
import { arbitraryOtlp } from '../receivers/testing/arbitrary-otlp.ts';
import { startEngine } from './testing/start-engine.ts';

/** Of the three days that spans fall on here; each takes the engine some time. */
const DAYS_NS = 3n * 86_400_000_000_000n;

function withinDays(key: string, value: unknown): unknown {
  if (key !== 'startTimeUnixNano') return value;
  return String(1_795_000_000_000_000_000n + (BigInt(String(value)) % DAYS_NS));
}

test('of any spans those that are stored are known again, and the others are inserted, days by days', async () => {
  await using store = await startEngine();
  const block = new SpanBlock(7);
  let segments = 0;
  const count = async (): Promise<unknown> =>
    (await store.rows('SELECT toUInt32(count()) FROM throughline.spans'))[0]?.[0];
  const property = fc.asyncProperty(fc.array(arbitraryOtlp, { minLength: 1, maxLength: 3 }), async (requests) => {
    const native = new ByteBuffer();
    let spans = 0;
    for (const request of requests) {
      block.mark();
      decodeOtlpJson(Buffer.from(JSON.stringify(request, withinDays)), block, new RejectedSpans());
      spans += block.rowCount;
      writeNativeBlock(block, native);
      block.clear();
    }
    fc.pre(spans > 0);
    await store.engine.command('TRUNCATE TABLE throughline.spans');
    const token = `segment-${++segments}`;
    const path = join(store.directory, `${token}.native`);
    await writeFile(path, native.content());
    await store.engine.insertNativeFile('spans', path, token);
    expect(await count()).toBe(spans);
    expect(await store.engine.insertMissingSpans(path)).toBe(0);
    const [[day, lost] = []] = await store.rows(
      'SELECT toString(toDate(start_s)) AS day, toUInt32(count()) FROM throughline.spans GROUP BY day ORDER BY day LIMIT 1',
    );
    await store.engine.command(`ALTER TABLE throughline.spans DROP PARTITION '${String(day)}'`);
    expect(await store.engine.insertMissingSpans(path)).toBe(lost);
    expect(await store.engine.insertMissingSpans(path)).toBe(0);
    expect(await count()).toBe(spans);
  });
  await fc.assert(property, { numRuns: 15 });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans } from '../../columns/rejected-spans.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { RollupBounds } from '../../columns/rollup-bounds.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { selectName } from '../../storage/rollups/rollup-names.ts';
import { isLong } from '../../storage/testing/sample-of.ts';
import { countStored, startEngine, type StartedEngine } from '../../storage/testing/start-engine.ts';
import { decodeOtlp } from '../otlp/decode-otlp.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';
import { arbitraryOtlp } from '../testing/arbitrary-otlp.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';
import { expectedRows, SELECT_ROWS } from '../testing/expected-rows.ts';

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

let inserts = 0;

/** Stores what the callback has written and answers every row that the table then holds. */
async function storedRows(write: (native: ByteBuffer) => void): Promise<unknown[][]> {
  const native = new ByteBuffer();
  write(native);
  await store.engine.command('TRUNCATE TABLE throughline.spans');
  const path = join(store.directory, `insert-${++inserts}.native`);
  await writeFile(path, native.content());
  if (native.length > 0) await store.engine.insertNativeFile('spans', path, path);
  return store.rows(SELECT_ROWS);
}

const sorted = (rows: unknown[][]): string[] => rows.map((row) => JSON.stringify(row)).toSorted();

/** Fields with the same tag keep their order, as protobuf demands. */
const rank = (field: Buffer, seed: number): number => ((field[0] ?? 0) * 2_654_435_761 + seed) % 4_294_967_296;
const shuffled = (seed: number) => (fields: Buffer[]) =>
  fields.toSorted((left, right) => rank(left, seed) - rank(right, seed));

test('every field of OTLP, sent as protobuf or as JSON, comes out of the store as it went in', async () => {
  const block = new SpanBlock(7);
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryOtlp, { minLength: 1, maxLength: 4 }), fc.nat(), async (requests, seed) => {
      const rows = await storedRows((native) => {
        for (const [index, request] of requests.entries()) {
          const rejected = new RejectedSpans();
          block.mark();
          if (index % 2 === 0) decodeOtlp(encodeOtlp(request, shuffled(seed)), block, rejected);
          else decodeOtlpJson(Buffer.from(JSON.stringify(request)), block, rejected);
          expect(rejected.message).toBe('');
          // Some requests share a block, some do not.
          if (index % 3 !== 0) {
            writeNativeBlock(block, native);
            block.clear();
          }
        }
        writeNativeBlock(block, native);
        block.clear();
      });
      expect(sorted(rows)).toEqual(sorted(requests.flatMap((request) => expectedRows(request))));
    }),
    { numRuns: isLong ? 40 : 15, seed: 42 },
  );
});

test('a file of many blocks is one insert, which the store takes once however often it is repeated', async () => {
  const block = new SpanBlock(7);
  const requests = fc.sample(arbitraryOtlp, { numRuns: isLong ? 40 : 15, seed: 5 }).map((request) => {
    for (const { scopeSpans } of request.resourceSpans) {
      for (const { spans } of scopeSpans) for (const span of spans) span.startTimeUnixNano = '1795000000000000000';
    }
    return request;
  });
  const native = new ByteBuffer();
  for (const request of requests) {
    block.mark();
    decodeOtlp(encodeOtlp(request), block, new RejectedSpans());
    writeNativeBlock(block, native);
    block.clear();
  }
  const path = join(store.directory, 'repeated.native');
  await writeFile(path, native.content());
  await store.engine.command('TRUNCATE TABLE throughline.spans');
  for (let repeat = 0; repeat < 3; repeat++) await store.engine.insertNativeFile('spans', path, 'repeated');
  expect(sorted(await store.rows(SELECT_ROWS))).toEqual(sorted(requests.flatMap((request) => expectedRows(request))));
  const parts = await store.rows("SELECT count() FROM system.parts WHERE table = 'spans' AND active");
  expect(parts).toEqual([[1]]);
});

test('dictionaries of more than 256 and more than 65,536 strings keep their order', async () => {
  for (const count of [257, 65_537]) {
    const spans = Array.from({ length: count }, (_, index) => ({
      traceId: (index + 1).toString(16).padStart(32, '0'),
      spanId: (index + 1).toString(16).padStart(16, '0'),
      name: `operation ${index}`,
      startTimeUnixNano: '1795000000000000000',
      endTimeUnixNano: '1795000000000000001',
    }));
    const request = { resourceSpans: [{ scopeSpans: [{ spans }] }] };
    const block = new SpanBlock(7);
    block.mark();
    decodeOtlpJson(Buffer.from(JSON.stringify(request)), block, new RejectedSpans());
    await storedRows((native) => writeNativeBlock(block, native));
    const wrong = await store.rows(
      "SELECT count(), countIf(name != concat('operation ', toString(reinterpretAsUInt64(reverse(span_id)) - 1))) FROM throughline.spans",
    );
    expect(wrong).toEqual([[count, 0]]);
  }
});

test('resources with more than 256 and more than 65,536 values in a block keep theirs, and those that are equal', async () => {
  for (const count of [200, 40_000]) {
    const resourceSpans = Array.from({ length: count }, (_, index) => ({
      resource: {
        attributes: [
          { key: 'region', value: { stringValue: 'eu' } },
          { key: 'instance', value: { stringValue: `instance ${index}` } },
        ],
      },
      scopeSpans: [
        {
          spans: [1, 2].map((span) => ({
            traceId: (index + 1).toString(16).padStart(32, '0'),
            spanId: (index * 2 + span).toString(16).padStart(16, '0'),
            name: 'operation',
            startTimeUnixNano: '1795000000000000000',
            endTimeUnixNano: '1795000000000000001',
          })),
        },
      ],
    }));
    const block = new SpanBlock(7);
    block.mark();
    decodeOtlpJson(Buffer.from(JSON.stringify({ resourceSpans })), block, new RejectedSpans());
    await storedRows((native) => writeNativeBlock(block, native));
    const wrong = await store.rows(`SELECT count(), countIf(
  res_v != ['eu', concat('instance ', toString(reinterpretAsUInt64(reverse(substring(trace_id, 9))) - 1))]) FROM throughline.spans`);
    expect(wrong).toEqual([[count * 2, 0]]);
  }
});

test('an operation beyond the bounds of the rollups is counted as another one, and its span keeps its name', async () => {
  const spans = ['one', 'two', 'three', 'one', 'four'].map((name, index) => ({
    traceId: String(index + 1).padStart(32, '0'),
    spanId: String(index + 1).padStart(16, '0'),
    name,
    startTimeUnixNano: '1795000000000000000',
    endTimeUnixNano: '1795000000000000001',
  }));
  const block = new SpanBlock(7);
  block.mark();
  decodeOtlpJson(
    Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })),
    block,
    new RejectedSpans(),
  );
  await store.engine.command('TRUNCATE TABLE throughline.operation_15m');
  const bounds = new RollupBounds({ operationsMax: 2 });
  await storedRows((native) => writeNativeBlock(block, native, bounds, Date.now() * 1_000 - 1_000_000));
  await countStored(store.engine);
  expect(bounds.otherSpans).toBe(2);
  const counted = `SELECT ${selectName('operation')} AS name, sum(spans) FROM throughline.operation_15m GROUP BY name ORDER BY name`;
  expect(await store.rows(counted)).toEqual([
    ['', 2],
    ['=one', 2],
    ['=two', 1],
  ]);
  expect(await store.rows('SELECT name FROM throughline.spans ORDER BY name')).toEqual(
    ['four', 'one', 'one', 'three', 'two'].map((name) => [name]),
  );
});

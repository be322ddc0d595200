import type { KeyValue, Span, TracesData } from '@throughline/trace';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans } from '../../columns/rejected-spans.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { Seeded } from '../../columns/testing/seeded.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { decodeOtlpJson } from '../../receivers/otlp-json/decode-otlp-json.ts';
import { arbitraryOtlp } from '../../receivers/testing/arbitrary-otlp.ts';
import { SPAN_STRUCTURE } from '../insert-missing-spans.ts';
import { SPAN_COLUMNS } from '../schema.ts';
import { sqlString } from '../sql.ts';
import { isLong } from '../testing/sample-of.ts';
import { startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { shardHashOfTrace } from './cluster-tables.ts';
import { splitNative, SplitError } from './split-native.ts';

/** Each item becomes a block. */
function nativeFile(requests: readonly TracesData[]): Buffer {
  const block = new SpanBlock(7);
  const native = new ByteBuffer();
  for (const [index, request] of requests.entries()) {
    const rejected = new RejectedSpans();
    block.mark();
    decodeOtlpJson(Buffer.from(JSON.stringify(request)), block, rejected);
    expect(rejected.message).toBe('');
    writeNativeBlock(block, native, null, 1_795_000_000_000_000 + index);
    block.clear();
  }
  return Buffer.from(native.content());
}

function split(file: Buffer, shards: number, isPlain = false): Buffer[] {
  const parts: Buffer[][] = Array.from({ length: shards }, () => []);
  const shardOf = (bytes: Uint8Array, offset: number): number => shardHashOfTrace(bytes, offset) % shards;
  for (const block of splitNative(file, { shards, by: 'trace_id', shardOf, isPlain })) {
    for (const [shard, part] of block.entries()) if (part !== null) parts[shard]?.push(part);
  }
  return parts.map((blocks) => Buffer.concat(blocks));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const id = (random: Seeded, words: number): string =>
  upTo(words)
    .map(() => random.word().toString(16).padStart(8, '0'))
    .join('');

function attributes(random: Seeded, countMax: number, distinct: number): KeyValue[] {
  return upTo(random.below(countMax + 1)).map(() => ({
    key: `key-${random.below(distinct)}`,
    value: { stringValue: 'v'.repeat(random.below(random.chance(0.02) ? 3_000 : 30)) },
  }));
}

/** A block's spans: about so many at most, or as many as there are distinct strings. What few spans have is in some blocks. */
function aRequest(random: Seeded, distinct = random.pick([1, 20, 400]), spansMax = 200): TracesData {
  const hasAttributes = random.chance(0.8);
  const rare = (): boolean => random.chance(0.4);
  const [hasState, hasMessage, hasDropped, hasEvents] = [rare(), rare(), rare(), rare()];
  const [hasLinks, hasUrls, hasScope] = [rare(), rare(), rare()];
  let traceId = id(random, 4);
  const span = (): Span => {
    if (random.chance(0.4)) traceId = id(random, 4);
    return {
      traceId,
      spanId: id(random, 2),
      name: `operation ${random.below(distinct)}`,
      kind: random.below(6),
      startTimeUnixNano: `1795000000${String(random.below(1e9)).padStart(9, '0')}`,
      endTimeUnixNano: '1795000001000000000',
      attributes: hasAttributes ? attributes(random, random.chance(0.1) ? 60 : 8, distinct) : [],
      ...(hasState && random.chance(0.5) && { traceState: `a=${random.below(99)}` }),
      ...(hasMessage && random.chance(0.5) && { status: { code: 2, message: 'm'.repeat(random.below(200)) } }),
      ...(hasDropped && { droppedAttributesCount: random.below(2), droppedLinksCount: random.below(2) }),
      ...(hasEvents && {
        events: upTo(random.below(3)).map(() => ({
          timeUnixNano: '1795000000000000001',
          name: `event ${random.below(distinct)}`,
          attributes: attributes(random, 3, distinct),
        })),
      }),
      ...(hasLinks && {
        links: upTo(random.below(3)).map(() => ({
          traceId: id(random, 4),
          spanId: id(random, 2),
          attributes: attributes(random, 3, distinct),
        })),
      }),
    };
  };
  const resourceSpans = upTo(1 + random.below(distinct)).map(() => ({
    resource: { attributes: attributes(random, 8, distinct) },
    ...(hasUrls && { schemaUrl: `https://example.com/${random.below(distinct)}` }),
    scopeSpans: [
      {
        ...(hasScope && { scope: { name: 'scope', attributes: attributes(random, 2, distinct) } }),
        spans: upTo(1 + random.below(Math.ceil(spansMax / distinct))).map(span),
      },
    ],
  }));
  return { resourceSpans };
}

/** Numbers of dictionaries of four bytes in a column, in one of arrays, and in that of resources. */
function manyStrings(): TracesData {
  const random = new Seeded(3);
  const resourceSpans = upTo(9_000).map((number) => ({
    resource: { attributes: upTo(8).map((key) => ({ key: `k${key}`, value: { intValue: String(number * 8 + key) } })) },
    scopeSpans: [
      {
        spans: upTo(8).map((place) => ({
          traceId: id(random, 4),
          spanId: id(random, 2),
          name: `${number} ${place}`,
          startTimeUnixNano: '1795000000000000000',
          endTimeUnixNano: '1795000000000000001',
          attributes: [{ key: `${number}.${place}`, value: { boolValue: true } }],
        })),
      },
    ],
  }));
  return { resourceSpans };
}

describe('splitNative', () => {
  let store: StartedEngine;
  beforeAll(async () => void (store = await startEngine()));
  afterAll(() => store[Symbol.asyncDispose]());

  const plainStructure = SPAN_STRUCTURE.replaceAll('Array(LowCardinality(String))', 'Array(String)');

  /** By file: of each shard the number of rows, and a hash over all columns of all rows in their order. */
  async function contents(files: readonly Buffer[], shards: number, structure: string): Promise<unknown[][][]> {
    const selects = await Promise.all(
      files.map(async (file, number) => {
        const path = join(store.directory, `${number}.native`);
        await writeFile(path, file);
        return `SELECT ${number} AS file, reinterpretAsUInt32(substring(trace_id, 13, 4)) % ${shards} AS shard, toUInt32(count()), toString(cityHash64(groupArray(row)))
FROM (SELECT trace_id, cityHash64(${SPAN_COLUMNS.map(([name]) => name).join(', ')}) AS row FROM file(${sqlString(path)}, 'Native', ${sqlString(structure)}))
GROUP BY shard`;
      }),
    );
    const rows = await store.rows(
      `SELECT * FROM (${selects.join('\nUNION ALL ')}) ORDER BY file, shard SETTINGS max_threads = 1`,
    );
    return files.map((_, number) => rows.filter(([file]) => file === number).map((row) => row.slice(1)));
  }

  async function expectParts(file: Buffer, shards: number): Promise<void> {
    const parts = split(file, shards);
    const plain = split(file, shards, true);
    const [whole = [], ...ofParts] = await contents(
      [file, ...parts.filter(({ length }) => length > 0)],
      shards,
      SPAN_STRUCTURE,
    );
    expect(ofParts).toEqual(whole.map((ofShard) => [ofShard]));
    expect(plain.some((part) => part.includes('Array(LowCardinality(String))'))).toBe(false);
    expect(
      await contents(
        plain.filter(({ length }) => length > 0),
        shards,
        plainStructure,
      ),
    ).toEqual(ofParts);
  }

  it('gives each shard its rows, whole and in their order', async () => {
    const property = fc.asyncProperty(
      fc.array(
        fc.oneof(
          arbitraryOtlp,
          fc.nat().map((seed) => aRequest(new Seeded(seed))),
        ),
        { minLength: 5, maxLength: 15 },
      ),
      fc.integer({ min: 1, max: 5 }),
      async (requests, shards) => {
        await expectParts(nativeFile(requests), shards);
      },
    );
    await fc.assert(property, { numRuns: isLong ? 100 : 10 });
  });

  it('does with more than 65,536 distinct strings', async () => {
    await expectParts(nativeFile([aRequest(new Seeded(1)), manyStrings(), aRequest(new Seeded(2))]), 3);
  });
});

/** Whether bytes are split. Fails where it ends in any other way, or takes more memory than they can be worth. */
function isSplit(file: Buffer, isPlain = false): boolean {
  const before = process.memoryUsage().arrayBuffers;
  try {
    split(file, 3, isPlain);
    return true;
  } catch (error) {
    if (error instanceof SplitError) return false;
    throw error;
  } finally {
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  }
}

describe('splitNative, given other bytes', () => {
  const few = nativeFile([3, 4].map((seed) => aRequest(new Seeded(seed), 3, 6)));

  it('refuses a file that is cut off inside a block', () => {
    const ends = [0];
    for (const [part] of splitNative(few, { shards: 1, by: 'trace_id', shardOf: () => 0 })) {
      ends.push((ends.at(-1) ?? 0) + (part?.length ?? 0));
    }
    expect(ends).toHaveLength(3);
    expect(ends.at(-1)).toBe(few.length);
    expect(upTo(few.length + 1).filter((length) => isSplit(few.subarray(0, length)))).toEqual(ends);
  });

  it.each([false, true])('refuses what was changed, or splits it (written out: %s)', (isPlain) => {
    const random = new Seeded(9);
    const outcomes = upTo(isLong ? 50_000 : 1_000).map(() => {
      const file = Buffer.from(few);
      for (let change = random.below(3); change >= 0; change--) {
        const at = random.below(file.length);
        file[at] = random.pick([0, 0xff, 0x7f, 0x80, (file[at] ?? 0) ^ (1 << random.below(8))]);
      }
      return isSplit(file, isPlain);
    });
    expect(new Set(outcomes).size).toBe(2);
  });

  const ids: Column = ['trace_id', 'FixedString(16)', Buffer.alloc(32).fill(1, 28)];
  const list = 'Array(LowCardinality(String))';
  const [version, flags] = [uint64(1), uint64(0x600)];
  const dictionary = (...parts: Buffer[]): Buffer =>
    blockOf(2, ids, column('LowCardinality(String)', version, ...parts));

  it.each<[what: string, file: Buffer]>([
    ['2^48 rows', blockOf(2 ** 48, ids)],
    ['2^60 rows', Buffer.from('01ffffffffffffffff0f', 'hex')],
    ['a number without an end', Buffer.alloc(100, 0xff)],
    ['many columns', blockOf(0, ...upTo(1_001).map(() => ids))],
    ['2^40 columns', varint(2 ** 40)],
    ['no trace ids', blockOf(2, column('UInt8', Buffer.alloc(2)))],
    ['trace ids twice', blockOf(2, ids, ids)],
    ['trace ids of another type', blockOf(2, ['trace_id', 'String', strings(16, 16)])],
    ['arrays of trace ids', blockOf(2, ['trace_id', 'Array(FixedString(16))', Buffer.alloc(16)])],
    ['strings of no bytes', blockOf(2 ** 40, ['trace_id', 'FixedString(0)', Buffer.alloc(0)])],
    ['strings of 10^30 bytes', blockOf(0, ['trace_id', `FixedString(1${'0'.repeat(30)})`, Buffer.alloc(0)])],
    ['an unknown type', blockOf(2, ids, column('Nullable(UInt8)', Buffer.alloc(8)))],
    [
      'arrays in arrays',
      blockOf(2, ids, column(`${'Array('.repeat(9_999)}UInt8${')'.repeat(9_999)}`, Buffer.alloc(99))),
    ],
    ['a string of 2^47 bytes', blockOf(2, ids, column('String', varint(2 ** 47), strings(3)))],
    ['arrays of 2^52 items', blockOf(2, ids, column('Array(UInt64)', uint64(1), uint64(2 ** 52)))],
    ['arrays of 2^52 strings', blockOf(2, ids, column('Array(String)', uint64(1), uint64(2 ** 52), strings(1)))],
    ['arrays of 2^64 - 1 items', blockOf(2, ids, column('Array(UInt8)', Buffer.alloc(16, 0xff)))],
    [
      'arrays that end before they begin',
      blockOf(2, ids, column('Array(UInt8)', uint64(3), uint64(2), Buffer.alloc(2))),
    ],
    [
      'a dictionary of another version',
      blockOf(
        2,
        ids,
        column('LowCardinality(String)', uint64(2), flags, uint64(1), strings(1), uint64(2), Buffer.alloc(2)),
      ),
    ],
    ['a dictionary of the whole file', dictionary(uint64(0x700), uint64(1), strings(1), uint64(2), Buffer.alloc(2))],
    ['a dictionary that is elsewhere', dictionary(uint64(0x400), uint64(2), Buffer.alloc(2))],
    ['numbers of 16 bytes', dictionary(uint64(0x604), uint64(1), strings(1), uint64(2), Buffer.alloc(32))],
    ['2^52 entries', dictionary(flags, uint64(2 ** 52), strings(1))],
    ['2^63 entries', dictionary(flags, Buffer.from('0000000000000080', 'hex'), strings(1))],
    [
      'two dictionaries',
      dictionary(...upTo(2).flatMap(() => [flags, uint64(1), strings(1), uint64(1), Buffer.alloc(1)])),
    ],
    ['a number beyond the dictionary', dictionary(flags, uint64(1), strings(1), uint64(2), Buffer.from([0, 1]))],
    [
      'a large number beyond the dictionary',
      dictionary(uint64(0x603), uint64(1), strings(1), uint64(2), uint64(0), uint64(2 ** 40)),
    ],
  ])('refuses %s', (_, file) => {
    expect([isSplit(file), isSplit(file, true)]).toEqual([false, false]);
  });

  it('refuses what would become far larger', () => {
    const items = 1_000;
    const ends = Buffer.concat([uint64(items / 2), uint64(items)]);
    const values = [uint64(1), strings(1024 * 1024), uint64(items), Buffer.alloc(items)];
    const file = blockOf(2, ids, column(list, version, ends, flags, ...values));
    expect([isSplit(file), isSplit(file, true)]).toEqual([true, false]);
  });

  it('refuses rows of a shard that there is not', () => {
    for (const shard of [-1, 2, 256, 0.5, Number.NaN]) {
      const shardOf = (): number => shard;
      expect(() => [...splitNative(few, { shards: 2, by: 'trace_id', shardOf })]).toThrow(SplitError);
    }
  });

  it('splits the least that there can be', () => {
    const file = dictionary(flags, uint64(1), strings(1), uint64(2), Buffer.alloc(2));
    expect([isSplit(file), isSplit(file, true)]).toEqual([true, true]);
  });

  it('passes by a block without rows', () => {
    const empty = blockOf(0, ['trace_id', 'FixedString(16)', Buffer.alloc(0)], column(list));
    const [parts, others] = [few, Buffer.concat([empty, few, empty])].map((file) => split(file, 3).map(toHex));
    expect(others).toEqual(parts);
  });
});

const toHex = (bytes: Buffer): string => bytes.toString('hex');

const strings = (...lengths: number[]): Buffer => Buffer.concat(lengths.map((length) => text('s'.repeat(length))));
const column = (type: string, ...values: Buffer[]): Column => ['other', type, Buffer.concat(values)];

type Column = readonly [name: string, type: string, values: Buffer];

function blockOf(rows: number, ...columns: Column[]): Buffer {
  const parts = columns.flatMap(([name, type, values]) => [text(name), text(type), values]);
  return Buffer.concat([varint(columns.length), varint(rows), ...parts]);
}

function varint(value: number): Buffer {
  const out = new ByteBuffer();
  out.varint(value);
  return Buffer.from(out.content());
}

function uint64(value: number): Buffer {
  const out = new ByteBuffer();
  out.uint64(value);
  return Buffer.from(out.content());
}

function text(value: string): Buffer {
  return Buffer.concat([varint(value.length), Buffer.from(value)]);
}

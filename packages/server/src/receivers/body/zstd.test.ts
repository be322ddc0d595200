import { compress, init } from '@bokuweb/zstd-wasm';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { BodyError } from './body-error.ts';
import { decompressZstd } from './zstd.ts';

const MIB = 1024 * 1024;

beforeAll(() => init());

const compressed = (plain: Uint8Array, level = 3): Buffer => Buffer.from(compress(Buffer.from(plain), level));

async function failure(sent: Buffer, bytesMax = MIB): Promise<BodyError> {
  const error: unknown = await decompressZstd(sent, bytesMax).then(
    () => expect.unreachable('it was decompressed'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(BodyError);
  return error as BodyError;
}

const messageOf = async (sent: Buffer): Promise<string> => (await failure(sent)).message;

/** A frame with a window of 128 KiB that does not tell its size, of the given blocks. */
function frameOf(...blocks: { readonly type: number; readonly size: number; readonly content: Buffer }[]): Buffer {
  const parts = blocks.map(({ type, size, content }, index) => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | (type << 1) | (index === blocks.length - 1 ? 1 : 0), 0, 3);
    return Buffer.concat([header, content]);
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), ...parts]);
}

const repeated = (size: number) => ({ type: 1, size, content: Buffer.from([0]) });

describe('decompressZstd', () => {
  it('gives back whatever was compressed, at every level, in one frame and in more', async () => {
    const anyPlain = fc.oneof(
      fc.uint8Array({ maxLength: 5_000 }),
      fc.string({ maxLength: 5_000 }).map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(anyPlain, anyPlain, fc.integer({ min: 1, max: 19 }), async (first, second, level) => {
        const skipped = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
        const sent = Buffer.concat([compressed(first, level), skipped, compressed(second, level)]);
        expect(Buffer.from(await decompressZstd(sent, MIB))).toEqual(Buffer.concat([first, second]));
      }),
      { numRuns: 50 },
    );
  });

  it('takes frames that do not tell their size, as senders that stream write them', async () => {
    const streamed = Buffer.from(
      'KLUv/QRYtQEAxAJ0aGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nOwIAoCqAIcwyLthWaA==',
      'base64',
    );
    const sentence = 'the quick brown fox jumps over the lazy dog';
    expect(Buffer.from(await decompressZstd(streamed, MIB)).toString()).toBe(`${sentence}; ${sentence}`);
    expect(await decompressZstd(frameOf(repeated(100_000), repeated(1_000)), MIB)).toHaveLength(101_000);
  });

  it('takes what is exactly as large as the limit, and nothing that is larger', async () => {
    const plain = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index) % 251));
    expect(await decompressZstd(compressed(plain), plain.length)).toHaveLength(plain.length);
    expect(await failure(compressed(plain), plain.length - 1)).toMatchObject({ status: 413 });
  });

  it('rejects a bomb at little cost, whether it tells its size or not', async () => {
    const told = compressed(Buffer.alloc(256 * MIB));
    const untold = frameOf(...Array.from({ length: 20_000 }, () => repeated(128 * 1024)));
    // Compressed blocks tell nothing: this one is a broken one, many times.
    const unknown = frameOf(
      ...Array.from({ length: 20_000 }, () => ({ type: 2, size: 2, content: Buffer.from([1, 2]) })),
    );
    const before = process.memoryUsage().rss;
    for (const bomb of [told, untold, unknown]) {
      for (let repeat = 0; repeat < 10; repeat++) expect(await failure(bomb, 16 * MIB)).toMatchObject({ status: 413 });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MIB);
  });

  it('rejects what is no zstd, truncated, of an unknown block, or in need of a dictionary', async () => {
    const good = compressed(Buffer.from('a b c a b c a b c a b c a b c a b c'.repeat(10)));
    for (let end = 1; end < good.length; end++)
      expect(await failure(good.subarray(0, end))).toMatchObject({ status: 400 });
    expect(await messageOf(Buffer.from('hello world'))).toMatch(/not valid zstd: .*byte 0$/);
    expect(await messageOf(frameOf({ type: 3, size: 0, content: Buffer.alloc(0) }))).toContain('of no known type');
    expect(await messageOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x38, 7]))).toContain('dictionary');
    expect(await messageOf(Buffer.concat([good, Buffer.from('tail')]))).toMatch(/no frame .*byte \d+$/);
  });

  it('answers or rejects any bytes that begin as zstd does', async () => {
    const good = compressed(Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7) % 31)));
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const sent = Buffer.from(good);
        for (const [at, byte] of changes) sent[at] = byte;
        const outcome = await decompressZstd(sent, MIB).then(
          (bytes) => (bytes.length <= MIB ? 'within the limit' : 'beyond the limit'),
          (error: unknown) => (error instanceof BodyError ? 'refused' : error),
        );
        expect(['within the limit', 'refused']).toContain(outcome);
      }),
      { numRuns: 500 },
    );
    expect(Buffer.from(await decompressZstd(good, MIB))).toHaveLength(2_000);
  });
});

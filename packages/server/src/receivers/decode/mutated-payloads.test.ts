import { Readable } from 'node:stream';
import { deflateSync, gzipSync } from 'node:zlib';
import type { ServerHttp2Stream } from 'node:http2';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { startBranchCoverage } from '../testing/branch-coverage.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';
import { fuzzCorpus } from '../testing/fuzz-corpus.ts';
import { JsonMutator } from '../testing/mutate-json.ts';
import { ProtobufMutator } from '../testing/mutate-protobuf.ts';
import { readJson } from '../testing/read-json.ts';
import { readProtobuf } from '../testing/read-protobuf.ts';
import { Seeded } from '../../columns/testing/seeded.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const PAYLOADS = IS_LONG ? 1_000_000 : 4_000;
/** Counted with coverage, which makes the decoders several times slower. */
const COVERED_PAYLOADS = 4_000;
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_123);
const TIMEOUT_MS = IS_LONG ? 3_600_000 : 600_000;
const BYTES_MAX = 16 * 1024 * 1024;
const GROWTH_BYTES_MAX = 192 * 1024 * 1024;

// Before the modules that it looks at.
const coverage = startBranchCoverage();
const { PayloadJudge } = await import('../testing/payload-judge.ts');
const { decodeOtlp } = await import('../otlp/decode-otlp.ts');
const { decodeOtlpJson } = await import('../otlp-json/decode-otlp-json.ts');
const { readMessage } = await import('../grpc/grpc-message.ts');
const { ByteBudget } = await import('../body/byte-budget.ts');
const { Decompressor } = await import('../body/decompressor.ts');
const { BodyMemory } = await import('../body/body.ts');
const { BodyError } = await import('../body/body-error.ts');
const { GrpcError } = await import('../grpc/grpc-status.ts');

const corpus = fuzzCorpus();
const protobufCorpus = corpus.map((request) => encodeOtlp(request));
const jsonCorpus = corpus.map((request) => JSON.stringify(request));

const judges = {
  protobuf: new PayloadJudge({ decode: decodeOtlp, read: readProtobuf }),
  json: new PayloadJudge({ decode: decodeOtlpJson, read: readJson }),
};
const mutators = {
  protobuf: new ProtobufMutator(new Seeded(SEED), protobufCorpus),
  json: new JsonMutator(new Seeded(SEED + 1), jsonCorpus),
};

/** Most of a mutated corpus has to be both: refused and accepted. */
function expectBothOutcomes(format: 'protobuf' | 'json'): void {
  const { counts } = judges[format];
  report(format, counts);
  expect(counts.accepted).toBeGreaterThan(counts.payloads / 5);
  expect(counts.refused).toBeGreaterThan(counts.payloads / 10);
  expect(counts.undecided).toBeLessThan(counts.payloads / 50);
}

function report(what: string, counts: object): void {
  console.log(`${what}: ${JSON.stringify({ seed: SEED, corpus: corpus.length, ...counts })}`);
}

for (const format of ['protobuf', 'json'] as const) {
  test(`the unchanged corpus is taken whole as ${format}`, () => {
    const judge = new PayloadJudge({
      decode: format === 'json' ? decodeOtlpJson : decodeOtlp,
      read: format === 'json' ? readJson : readProtobuf,
    });
    for (const payload of format === 'json' ? jsonCorpus : protobufCorpus) judge.take(Buffer.from(payload));
    judge.flush();
    expect(judge.counts).toMatchObject({ payloads: corpus.length, accepted: corpus.length, spansRefused: 0 });
  });

  test(`of mutated ${format} every accepted payload is in the block as a plain reader finds it, a rejected one leaves nothing`, () => {
    const [judge, mutator] = [judges[format], mutators[format]];
    for (let index = 0; index < COVERED_PAYLOADS; index++) judge.take(mutator.next());
    judge.flush();
    expectBothOutcomes(format);
  });
}

/** A mutated message in a mutated frame, in pieces as a network makes them. */
function mutatedFrame(random: Seeded): {
  readonly pieces: Buffer[];
  readonly message: Buffer | null;
  encoding: 'identity' | 'gzip' | 'deflate';
} {
  const plain = mutators.protobuf.next();
  const encoding = random.pick(['identity', 'identity', 'gzip', 'deflate'] as const);
  const isCompressed = encoding !== 'identity' && random.chance(0.8);
  const sent = !isCompressed
    ? plain
    : encoding === 'gzip'
      ? gzipSync(plain, { level: 1 })
      : deflateSync(plain, { level: 1 });
  let frame = Buffer.concat([Buffer.alloc(5), sent]);
  frame[0] = isCompressed ? 1 : 0;
  frame.writeUInt32BE(sent.length, 1);
  let isWhole = true;
  if (random.chance(0.4)) {
    isWhole = false;
    const at = random.below(frame.length + 1);
    const change = random.below(6);
    if (change === 0) frame[0] = random.below(256);
    else if (change === 1)
      frame.writeUInt32BE(random.pick([0, 1, sent.length + 1, 2 ** 24, 2 ** 24 + 1, 2 ** 32 - 1]), 1);
    else if (change === 2) frame = frame.subarray(0, at);
    else if (change === 3) frame = Buffer.concat([frame, frame]);
    else if (change === 4 && frame.length > 5) {
      const flipped = 5 + random.below(frame.length - 5);
      frame[flipped] = (frame[flipped] ?? 0) ^ (1 << random.below(8));
    } else frame = Buffer.concat([frame.subarray(0, at), Buffer.from([random.below(256)]), frame.subarray(at)]);
  }
  const pieces: Buffer[] = [];
  for (let at = 0; at < frame.length;) {
    const length = random.chance(0.5) ? frame.length : 1 + random.below(16);
    pieces.push(frame.subarray(at, at + length));
    at += length;
  }
  return { pieces, message: isWhole ? plain : null, encoding };
}

const frames = { payloads: 0, messages: 0, refused: 0 };
const frameRandom = new Seeded(SEED + 2);
const registry = new Registry();
const budget = new ByteBudget({ registry });
const zstdWorkerPath = new URL('../../../dist/receivers/body/zstd-worker.js', import.meta.url);
const decompressor = new Decompressor({ registry, zstdWorkerPath });
const memory = new BodyMemory();

async function takeFrame(): Promise<void> {
  const { pieces, message, encoding } = mutatedFrame(frameRandom);
  frames.payloads += 1;
  const stream = Readable.from(pieces, { objectMode: false, autoDestroy: false }) as unknown as ServerHttp2Stream;
  try {
    const body = await readMessage(stream, {
      encoding,
      bytesMax: BYTES_MAX,
      decompressedBytesMax: BYTES_MAX,
      budget,
      decompressor,
      deadline: { timeoutMs: 60_000, error: () => new Error('a frame was not read to its end') },
    });
    const bytes = body.borrow(memory);
    if (message !== null && !message.equals(bytes)) throw new Error('another message than was sent');
    // What came out as it went in is judged elsewhere; what a damaged frame let through is another payload.
    if (message === null) judges.protobuf.take(Buffer.from(bytes));
    body.release();
    frames.messages += 1;
  } catch (error) {
    if (!(error instanceof GrpcError || error instanceof BodyError)) throw error;
    if (message !== null) throw error;
    frames.refused += 1;
  }
  if (budget.taken !== 0) throw new Error(`${budget.taken} bytes are not given back`);
}

test(
  'a mutated gRPC frame is a message or a refusal, and gives back what it took',
  async () => {
    for (let index = 0; index < COVERED_PAYLOADS; index++) await takeFrame();
    judges.protobuf.flush();
    report('gRPC frames', frames);
    expect(frames.refused).toBeGreaterThan(frames.payloads / 20);
  },
  TIMEOUT_MS,
);

test('the payloads reach nearly every branch of the decoders', () => {
  const files =
    /receivers\/[a-z-]+\/(?:protobuf-reader|decode-otlp|span-decoder|attribute-decoder|any-value|decode-otlp-json|walk-otlp-json|json-span-walker|walk-attributes|json-cursor|member-names|otlp-json-tree|json-object|json-attribute|read-any-value|text-source|grpc-message)\.ts/;
  const found = coverage.stop(files);
  for (const { file, blocks, reached } of found) console.log(`${file}: ${reached} of ${blocks} blocks reached`);
  expect(found).toHaveLength(17);
  const sum = (of: 'blocks' | 'reached'): number => found.reduce((total, file) => total + file[of], 0);
  expect(sum('reached') / sum('blocks')).toBeGreaterThan(0.9);
});

for (const [what, take] of [
  ['protobuf', () => judges.protobuf.take(mutators.protobuf.next())],
  ['json', () => judges.json.take(mutators.json.next())],
  ['gRPC frames', takeFrame],
] as const) {
  test.skipIf(!IS_LONG)(`a million payloads as ${what}, in bounded memory`, { timeout: TIMEOUT_MS }, async () => {
    coverage.stop(/^$/);
    const residentBefore = process.memoryUsage().rss;
    let residentMax = residentBefore;
    for (let index = 1; index <= PAYLOADS; index++) {
      await take();
      if (index % 10_000 > 0) continue;
      residentMax = Math.max(residentMax, process.memoryUsage().rss);
      const counts = what === 'gRPC frames' ? frames : judges[what].counts;
      if (index % 50_000 === 0) report(what, { ...counts, residentMiB: Math.round(residentMax / 2 ** 20) });
    }
    judges.protobuf.flush();
    judges.json.flush();
    expect(residentMax - residentBefore).toBeLessThan(GROWTH_BYTES_MAX);
  });
}

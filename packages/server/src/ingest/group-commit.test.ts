import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readNativeRows } from '../receivers/testing/read-native.ts';
import { SPAN_FIELDS } from '../storage/schema.ts';
import { silentLog } from '../storage/testing/start-engine.ts';
import type { DecodedSpans } from '../columns/decoded-spans.ts';
import { ByteBuffer } from '../columns/growable-buffers.ts';
import { RejectedSpans } from '../columns/rejected-spans.ts';
import { Ingest, type IngestOptions } from './ingest.ts';
import { INGEST_LIMITS } from './limits.ts';
import { writeNativeBlock } from '../columns/write-native-block.ts';
import { SpanBlock } from '../columns/span-block.ts';
import { Spool } from '../spool/spool.ts';
import { aSpan, appendSpan } from '../columns/testing/append-span.ts';

let directory: string;
let registry: Registry;
let spool: Spool;
let logged: { error: unknown; words: string }[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-commit-'));
  registry = new Registry();
  logged = [];
  spool = new Spool({ directory, log: silentLog, registry, limits: { segmentAgeMs: 3_600_000 } });
  await spool.open();
});
afterEach(async () => {
  await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const POISON = 'poison';

/** A writer with a bug, or without memory, at one name. */
const faultyWrite =
  (error: Error): typeof writeNativeBlock =>
  (block, out, bounds, arrival) => {
    for (let entry = 0; entry < block.names.entryCount; entry++) {
      if (Buffer.from(block.names.entry(entry)).toString() !== POISON) continue;
      // It has written something before it failed.
      out.varint(77);
      throw error;
    }
    writeNativeBlock(block, out, bounds, arrival);
  };

function anIngest(options: Partial<IngestOptions> = {}): Ingest {
  const log = { error: (fields: { err: unknown }, words: string) => void logged.push({ error: fields.err, words }) };
  return new Ingest({
    spool,
    registry,
    log: log as unknown as NonNullable<IngestOptions['log']>,
    now: () => 1_795_000_100_000,
    ...options,
  });
}

const spanIdOf = (number: number): string => number.toString(16).padStart(16, '0');

/** A request with as many spans as its number, each by its id. */
function request(ingest: Ingest, number: number, name = `operation ${number}`) {
  return ingest.decode((block, rejected) => {
    for (let span = 1; span <= number; span++) {
      appendSpan(block, rejected, aSpan({ spanId: spanIdOf(number * 1_000 + span), name }));
    }
  });
}

/** The same, decoded elsewhere. */
function appendDecoded(ingest: Ingest, number: number) {
  const block = new SpanBlock(1);
  const rejected = new RejectedSpans();
  block.mark();
  for (let span = 1; span <= number; span++) {
    appendSpan(block, rejected, aSpan({ spanId: spanIdOf(number * 1_000 + span) }));
  }
  const native = new ByteBuffer();
  writeNativeBlock(block, native);
  const spans: DecodedSpans = {
    native: native.content(),
    rows: number,
    seconds: block.startRange,
    otherSpans: 0,
    rejected: rejected.summary,
    losses: new Map(),
    message: '',
  };
  return ingest.append(spans);
}

const idsOf = (...numbers: number[]): string[] =>
  numbers
    .flatMap((number) => Array.from({ length: number }, (_, span) => spanIdOf(number * 1_000 + span + 1)))
    .map((id) => id.toUpperCase())
    .toSorted();

/** Every span that is in the spool, by its id. */
async function spooledIds(): Promise<string[]> {
  await spool.close();
  const column = SPAN_FIELDS.findIndex(([name]) => name === 'span_id');
  const rows = spool.sealed.flatMap(({ path }) => readNativeRows(readFileSync(path)));
  expect(spool.sealed.reduce((sum, segment) => sum + segment.rows, 0)).toBe(rows.length);
  return rows.map((row) => String(row[column])).toSorted();
}

describe('a request that cannot be written', () => {
  it('fails alone, and those that share its block are stored', async () => {
    const error = new TypeError('a bug');
    const ingest = anIngest({ write: faultyWrite(error) });
    const results = await Promise.all([
      request(ingest, 1),
      request(ingest, 2, POISON),
      appendDecoded(ingest, 3),
      request(ingest, 4),
      request(ingest, 5, POISON),
      request(ingest, 6),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['stored', 'failed', 'stored', 'stored', 'failed', 'stored']);
    // What comes afterwards is not concerned.
    expect(await request(ingest, 7)).toMatchObject({ kind: 'stored', acceptedSpans: 7 });
    expect(await registry.metrics()).toContain('throughline_accepted_spans_total 21');
    expect(await registry.metrics()).toContain('throughline_ingest_failures_total{kind="block"} 1');
    expect(await registry.metrics()).toContain('throughline_ingest_failures_total{kind="request"} 2');
    expect(logged).toEqual([
      { error, words: expect.stringMatching(/ block .*one by one/) },
      { error, words: expect.stringMatching(/write .*request.* 500$/) },
      { error, words: expect.stringMatching(/write .*request.* 500$/) },
    ]);
    expect(ingest.status).toMatchObject({ acceptedSpans: 21, failures: 3, busyBecause: null });
    expect(await spooledIds()).toEqual(idsOf(1, 3, 4, 6, 7));
  });

  it('is sent again where only memory was short', async () => {
    const ingest = anIngest({ write: faultyWrite(new RangeError('Array buffer allocation failed')) });
    const results = await Promise.all([request(ingest, 1), request(ingest, 2, POISON), request(ingest, 3)]);
    expect(results.map(({ kind }) => kind)).toEqual(['stored', 'busy', 'stored']);
    expect(await spooledIds()).toEqual(idsOf(1, 3));
  });

  it('fails alone where its decoder does, with what it had appended', async () => {
    const ingest = anIngest();
    const results = await Promise.all([
      request(ingest, 1),
      ingest.decode((block, rejected) => {
        appendSpan(block, rejected, aSpan());
        throw new TypeError('a bug');
      }),
      request(ingest, 2),
    ]);
    expect(results).toMatchObject([
      { kind: 'stored' },
      { kind: 'failed', message: 'internal error' },
      { kind: 'stored' },
    ]);
    expect(await registry.metrics()).toContain('throughline_ingest_failures_total{kind="decode"} 1');
    expect(logged.map(({ words }) => words)).toEqual([expect.stringMatching(/decode .*request.* 500$/)]);
    expect(await spooledIds()).toEqual(idsOf(1, 2));
  });
});

describe('a spool that fails as it should not', () => {
  it('is counted, senders retry, and the next request is stored', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const error = new Error('a bug of the spool');
    let failures = 2;
    const ingest = anIngest({
      spool: new Proxy(spool, {
        get: (target, name) => {
          if (name === 'throttle' && failures === 2) return () => Promise.reject(error);
          if (name === 'append' && failures-- > 0) return () => Promise.reject(error);
          const member: unknown = Reflect.get(target, name, target);
          return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        },
      }),
    });
    expect(await Promise.all([request(ingest, 1), request(ingest, 2)])).toMatchObject([
      {
        kind: 'busy',
        retryAfterMs: INGEST_LIMITS.retryAfterMs,
        message: expect.stringContaining('spool failed') as string,
      },
      { kind: 'busy' },
    ]);
    expect(await request(ingest, 3)).toMatchObject({ kind: 'busy' });
    expect(await request(ingest, 4)).toMatchObject({ kind: 'stored' });
    const metrics = await registry.metrics();
    expect(metrics).toContain('throughline_ingest_failures_total{kind="hold"} 1');
    expect(metrics).toContain('throughline_ingest_failures_total{kind="spool"} 2');
    expect(logged).toHaveLength(3);
    expect(await spooledIds()).toEqual(idsOf(4));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});

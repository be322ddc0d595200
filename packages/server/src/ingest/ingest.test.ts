import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { type Decode } from '../columns/rejected-spans.ts';
import { Ingest } from './ingest.ts';
import type { IngestLimits } from './limits.ts';
import { MalformedRequestError } from '../columns/ingest-result.ts';
import { Spool } from '../spool/spool.ts';
import { aSpan, appendSpan } from '../columns/testing/append-span.ts';

let directory: string;
let registry: Registry;
let spool: Spool;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-ingest-'));
  registry = new Registry();
  spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 3_600_000 } });
  await spool.open();
});
afterEach(async () => {
  await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const anIngest = (limits: Partial<IngestLimits> = {}): Ingest =>
  new Ingest({ spool, registry, limits, now: () => 1_795_000_100_000 });
const malformed: Decode = (block, rejected) => {
  appendSpan(block, rejected, aSpan());
  throw new MalformedRequestError('at byte 7');
};
const oneSpan: Decode = (block, rejected) => appendSpan(block, rejected, aSpan());

test('spans are acknowledged when they are in the spool', async () => {
  const result = await anIngest().decode(oneSpan);
  expect(result).toEqual({ kind: 'stored', acceptedSpans: 1, rejectedSpans: 0, message: '' });
  expect(spool.status.backlogBytes).toBeGreaterThan(0);
});

test('requests that arrive together share one commit', async () => {
  const ingest = anIngest();
  const results = await Promise.all(Array.from({ length: 50 }, () => ingest.decode(oneSpan)));
  expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['stored']));
  expect(await registry.metrics()).toContain('throughline_spool_commit_seconds_count 1');
  await spool.close();
  expect((await spool.nextSealed(new AbortController().signal))?.rows).toBe(50);
});

test('a malformed request leaves nothing behind, and those beside it are stored', async () => {
  const ingest = anIngest();
  const [first, second, third] = await Promise.all(
    [oneSpan, malformed, oneSpan].map((decode) => ingest.decode(decode)),
  );
  expect(second).toEqual({ kind: 'malformed', message: 'at byte 7' });
  expect([first?.kind, third?.kind]).toEqual(['stored', 'stored']);
  await spool.close();
  expect((await spool.nextSealed(new AbortController().signal))?.rows).toBe(2);
});

test('spans with bad ids or times are rejected one by one and counted by reason', async () => {
  const result = await anIngest().decode((block, rejected) => {
    for (const span of [
      aSpan(),
      aSpan({ traceId: '00'.repeat(16) }),
      aSpan({ traceId: 'ab' }),
      aSpan({ spanId: '' }),
      aSpan({ startNs: 0n }),
      aSpan({ startNs: 2n ** 32n * 1_000_000_000n }),
    ]) {
      appendSpan(block, rejected, span);
    }
  });
  expect(result).toEqual({
    kind: 'stored',
    acceptedSpans: 1,
    rejectedSpans: 5,
    message: expect.stringMatching(/^5 spans .*rejected.*: trace id /) as string,
  });
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_rejected_spans_total{reason="trace_id"} 2');
  expect(metrics).toContain('throughline_rejected_spans_total{reason="start_time"} 2');
  expect(metrics).toContain('throughline_accepted_spans_total 1');
});

test('a part of a span that cannot be kept is counted, and the sender informed', async () => {
  const ingest = anIngest();
  const spans = [aSpan({ parentSpanId: 'abcd' }), aSpan(), aSpan({ parentSpanId: 'ab'.repeat(16) })];
  const results = await Promise.all([
    ingest.decode((block, rejected) => {
      for (const span of spans) appendSpan(block, rejected, span);
    }),
    ingest.decode((block) => block.losses.addBad('field', 'resourceSpans[0]: expected an object, found null')),
  ]);
  const message: unknown = expect.stringMatching(/^2 .*\(parent_span_id\)$/);
  expect(results[0]).toEqual({ kind: 'stored', acceptedSpans: 3, rejectedSpans: 0, message });
  expect(results[1]).toEqual({
    kind: 'stored',
    acceptedSpans: 0,
    rejectedSpans: 0,
    message: expect.stringMatching(/^1 .*\(field\); .*: resourceSpans\[0\]: expected an object, found null$/) as string,
  });
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_bad_parts_total{part="parent_span_id"} 2');
  expect(metrics).toContain('throughline_bad_parts_total{part="field"} 1');
  expect(metrics).toContain('throughline_bad_parts_total{part="link"} 0');
});

test('a request of which every span is rejected is answered and writes nothing', async () => {
  const result = await anIngest().decode((block, rejected) => appendSpan(block, rejected, aSpan({ spanId: '' })));
  expect(result).toMatchObject({ kind: 'stored', acceptedSpans: 0, rejectedSpans: 1 });
  expect(spool.status.backlogSegments).toBe(0);
});

test('a request that becomes too large as columns is rejected whole', async () => {
  const result = await anIngest({ requestBytesMax: 10_000 }).decode((block, rejected) => {
    for (let index = 0; index < 100; index++) appendSpan(block, rejected, aSpan());
  });
  expect(result.kind).toBe('tooLarge');
  expect(spool.status.backlogSegments).toBe(0);
});

test('spans on too many days are rejected beyond the limit', async () => {
  const result = await anIngest({ daysPerRequestMax: 3 }).decode((block, rejected) => {
    for (let day = 1n; day <= 5n; day++) appendSpan(block, rejected, aSpan({ startNs: day * 86_400_000_000_000n }));
  });
  expect(result).toMatchObject({ acceptedSpans: 3, rejectedSpans: 2 });
});

const NOW_MS = 1_800_000_000_000;
const at = (ms: number): bigint => BigInt(ms) * 1_000_000n;

test('spans outside the retention, or too far ahead, are rejected alone, named and counted', async () => {
  const ingest = new Ingest({ spool, registry, retentionDays: 30, now: () => NOW_MS });
  const days = 30 * 86_400_000;
  const result = await ingest.decode((block, rejected) => {
    for (const ms of [-days - 1_000, -days, 0, 3_600_000, 3_601_000]) {
      appendSpan(block, rejected, aSpan({ startNs: at(NOW_MS + ms) }));
    }
  });
  expect(result).toMatchObject({ acceptedSpans: 3, rejectedSpans: 2 });
  expect(result.kind === 'stored' && result.message).toMatch(
    /^2 spans .*rejected.*: start time 2026-12-16T07:59:59\.000Z .*2026-12-16T08:00:00\.000Z.*\(retention\.maxAge\)$/,
  );
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_rejected_spans_total{reason="too_old"} 1');
  expect(metrics).toContain('throughline_rejected_spans_total{reason="in_future"} 1');
  expect(metrics).toContain('throughline_limit_reached_total{limit="ingest.futureMsMax"} 1');
});

test('of a request with too many spans the first are taken', async () => {
  const ingest = new Ingest({ spool, registry, limits: { spansPerRequestMax: 3 }, now: () => 1_795_000_100_000 });
  for (let request = 0; request < 2; request++) {
    const result = await ingest.decode((block, rejected) => {
      for (let index = 0; index < 5; index++) appendSpan(block, rejected, aSpan());
    });
    expect(result).toMatchObject({ acceptedSpans: 3, rejectedSpans: 2 });
  }
  expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="ingest.spansPerRequestMax"} 4');
});

test('a sender learns what was left out of spans that are kept', async () => {
  const ingest = new Ingest({ spool, registry, now: () => 1_795_000_100_000 });
  const result = await ingest.decode((block, rejected) => {
    appendSpan(block, rejected, aSpan());
    block.losses.add('ingest.attributesMax', 7);
  });
  expect(result).toMatchObject({ rejectedSpans: 0, message: '7 attributes were dropped (ingest.attributesMax)' });
  expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="ingest.attributesMax"} 7');
  expect(await ingest.decode(oneSpan)).toMatchObject({ message: '' });
});

test('is busy while too much waits for the disk, and takes spans again afterwards', async () => {
  const ingest = anIngest({ pendingBytesMax: 1 });
  const first = ingest.decode(oneSpan);
  expect(await ingest.decode(oneSpan)).toMatchObject({ kind: 'busy', retryAfterMs: 1_000 });
  expect(await first).toMatchObject({ kind: 'stored' });
  expect(await ingest.decode(oneSpan)).toMatchObject({ kind: 'stored' });
});

test('is busy when the spool takes nothing, and says why', async () => {
  const ingest = anIngest();
  await spool.close();
  expect(await ingest.decode(oneSpan)).toMatchObject({
    kind: 'busy',
    message: expect.stringContaining('shutting down') as string,
  });
});

test('flush resolves when everything has been answered', async () => {
  const ingest = anIngest();
  const order: string[] = [];
  const decoded = ingest.decode(oneSpan).finally(() => order.push('answered'));
  const flushed = ingest.flush().finally(() => setImmediate(() => order.push('flushed')));
  await Promise.all([decoded, flushed]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(['answered', 'flushed']);
});

test('status says what became of spans since the start', async () => {
  const ingest = anIngest();
  const take = (): ReturnType<Ingest['decode']> =>
    ingest.decode((block, rejected) => {
      appendSpan(block, rejected, aSpan());
      appendSpan(block, rejected, aSpan({ spanId: '' }));
    });
  const bytes = [Buffer.from('a request')];
  for (let time = 0; time < 3; time++) expect(await ingest.once(bytes, take)).toMatchObject({ acceptedSpans: 1 });
  expect(ingest.status).toEqual({
    acceptedSpans: 1,
    rejectedSpans: new Map([['span_id', 1]]),
    repeatedRequests: 2,
    failures: 0,
    busyBecause: null,
  });
  await spool.close();
  expect(ingest.status.busyBecause).toContain('shutting down');
});

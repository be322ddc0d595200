import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TracesData } from '@throughline/trace';
import type { TracesQuery } from '@throughline/trace/client';
import { afterAll, describe, expect, it } from 'vitest';
import { aCheckout } from '../../../trace/src/testing/a-checkout.ts';
import { A_START_UNIX_NANO, A_TRACE_ID, aTrace } from '../../../trace/src/testing/a-trace.ts';
import { TracesInFile } from './traces-in-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'throughline-file-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Ends 2.1 s after the start, but for work that goes on until 5.25 s. */
const CHECKOUT = A_TRACE_ID;
const CART = '2'.repeat(32);
const ORPHAN = '3'.repeat(32);

const renamed = (data: TracesData, traceId: string): TracesData =>
  JSON.parse(JSON.stringify(data).replaceAll(A_TRACE_ID, traceId)) as TracesData;

const cart = aTrace({
  service: 'web',
  name: 'GET /cart',
  from: 60_000,
  to: 60_020,
  attributes: { 'http.route': '/cart', items: 3 },
  events: [{ timeUnixNano: '1', name: 'cache', attributes: [{ key: 'cache.hit', value: { boolValue: true } }] }],
  resource: { 'service.version': '1.4.0' },
});
cart.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes?.push({
  key: 'tenants',
  value: { arrayValue: { values: [{ stringValue: 'acme' }, { stringValue: 'globex' }] } },
});
const orphan = aTrace({ service: 'job', name: 'run', parentSpanId: 'f'.repeat(16), from: 30_000, to: 30_001 });

const path = join(directory, 'traces.jsonl');
const documents = [aCheckout(), renamed(cart, CART), renamed(orphan, ORPHAN)];
writeFileSync(path, documents.map((data) => JSON.stringify(data)).join('\n'));

async function idsOf(query: TracesQuery): Promise<string[]> {
  return (await new TracesInFile(path).find(query)).traces.map(({ traceId }) => traceId);
}

const after = (ms: number): string => String(A_START_UNIX_NANO + BigInt(ms) * 1_000_000n);

describe('traces in a file', () => {
  it('are found newest first, with what a collector says of them', async () => {
    const { traces, nextCursor, warnings } = await new TracesInFile(path).find({});
    expect(traces.map(({ traceId }) => traceId)).toEqual([CART, ORPHAN, CHECKOUT]);
    expect({ nextCursor, warnings }).toEqual({ nextCursor: null, warnings: [] });
    expect(traces[2]).toMatchObject({
      rootService: 'web',
      rootOperation: 'POST /buy',
      hasRoot: true,
      startTimeUnixNano: after(0),
      durationNs: '2100000000',
      extentNs: '5248000000',
      spanCount: 8,
      errorCount: 6,
    });
    expect(traces[2]?.headline).toMatch(/^POST \/buy timed out/);
    expect(traces[1]).toMatchObject({ hasRoot: false, durationNs: '1000000' });
  });

  it.each<[string, TracesQuery, readonly string[]]>([
    ['service', { service: 'fraud' }, [CHECKOUT]],
    ['operation of the same span', { service: 'web', operation: 'SELECT fraud_checks' }, []],
    ['status', { status: 'error' }, [CHECKOUT]],
    ['the longest extent', { minDurationMs: 5_248 }, [CHECKOUT]],
    ['the root', { maxDurationMs: 20 }, [CART, ORPHAN]],
    ['begin', { from: after(5_249) }, [CART, ORPHAN]],
    ['end', { to: after(30_000) }, [ORPHAN, CHECKOUT]],
    ['an attribute as text', { tags: ['items=3'] }, [CART]],
    ['an attribute of the resource', { tags: ['service.version=1.4.0', 'http.route=/cart'] }, [CART]],
    ['an attribute of an event', { tags: ['cache.hit=true'] }, [CART]],
    ['an element of an array', { tags: ['tenants=globex'] }, [CART]],
    ['no attribute', { tags: ['tenants=initech'] }, []],
  ])('match by %s', async (_, query, expected) => {
    expect(await idsOf(query)).toEqual(expected);
  });

  it('are as many as are wanted, and it is known that there are more', async () => {
    const catalog = new TracesInFile(path);
    const { traces, nextCursor } = await catalog.find({ limit: 1 });
    expect(traces.map(({ traceId }) => traceId)).toEqual([CART]);
    expect(nextCursor).not.toBeNull();
    expect(await catalog.stories(traces)).toMatchObject([{ traceId: CART }]);
  });

  it('are none in a file that is not there, or holds something else', async () => {
    const other = join(directory, 'other.json');
    writeFileSync(other, '{"resourceLogs": []}\nnot json');
    await expect(new TracesInFile(other).find({})).rejects.toThrow(/other\.json has no spans/);
    await expect(new TracesInFile(join(directory, 'nowhere')).find({})).rejects.toThrow(/nowhere failed: ENOENT/);
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isSpoolEmpty, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { auditStore, flipByte, partsOf } from './support/store-files.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

const SPANS = 40;
const SOON = ['--spool-segment-age-ms', '200ms', '--rollups-interval-ms', '200ms', '--rollups-idle-interval-ms', '1s'];
/** Behind a block's checksum: its method, and how long it is; the second byte of that is believed before the checksum is looked at. */
const LENGTH_AT = 18;

/** Where the compressed blocks of a file begin. */
function blocksOf(file: string): number[] {
  const bytes = readFileSync(file);
  const starts: number[] = [];
  for (let at = 0; at + 25 < bytes.length; at += 16 + bytes.readUInt32LE(at + 17)) starts.push(at);
  return starts;
}

it.each([
  ['the length of one of its blocks', LENGTH_AT],
  ['what one of its blocks holds', 30],
])(
  'a segment in doubt is stored where the part that it is compared with is damaged, and not taken for the reason: a wrong byte in %s',
  async (_, within) => {
    const startMs = Date.now() - 60_000;
    const requestOf = (): string => aRequest('shared', SPANS, 'shop', startMs);
    const later = requestOf()
      .replaceAll('"operation"', '"later"')
      .replace(/"spanId":"..../g, '"spanId":"beef');
    const first = await startCollector({ args: SOON });
    const { dataDirectory } = first;
    expect((await postJson(first.otlpUrl, requestOf())).status).toBe(200);
    await eventually('the first spans are stored', () => isSpoolEmpty(first));
    await first.stop({ keepData: true });
    const second = await startCollector({ dataDirectory, args: ['--spool-segment-age-ms', '1m'] });
    expect((await postJson(second.otlpUrl, later)).status).toBe(200);
    process.kill(second.pid, 'SIGKILL');
    await second.stop({ keepData: true });
    const parts = partsOf(dataDirectory, 'spans', new Date(startMs).toISOString().slice(0, 10).replaceAll('-', ''));
    expect(parts.length).toBeGreaterThan(0);
    for (const part of parts) {
      const file = join(part, 'data.bin');
      flipByte(file, (blocksOf(file)[3] ?? 0) + within);
    }

    const third = await startCollector({ dataDirectory, args: SOON });
    await eventually('the segment in doubt is stored', () => isSpoolEmpty(third));
    // Others were stored before and behind it: that is when it would have been given up.
    expect((await postJson(third.otlpUrl, aRequest('other', SPANS))).status).toBe(200);
    await eventually('everything is stored', () => isSpoolEmpty(third));
    expect((await fetch(`${third.apiUrl}/api/v1/traces/${traceIdOf('shared-0')}`)).status).toBe(200);
    const rejected = join(dataDirectory, 'spool', 'rejected');
    expect(existsSync(rejected) ? readdirSync(rejected) : []).toEqual([]);
    const { warnings } = (await (await fetch(`${third.apiUrl}/readyz`)).json()) as { warnings: { code: string }[] };
    expect(warnings.map(({ code }) => code)).toEqual(['store_parts_lost']);
    await third.stop({ keepData: true });
    const { rows, spanIds, wrongTables } = await auditStore(dataDirectory);
    const ofLater = [...later.matchAll(/"spanId":"(\w+)"/g)].map(([, id = '']) => id);
    expect(ofLater.filter((id) => !spanIds.has(id))).toEqual([]);
    expect({ rows, wrongTables }).toEqual({ rows: 2 * SPANS, wrongTables: [] });
  },
);

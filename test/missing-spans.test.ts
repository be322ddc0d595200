import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Loader } from '../packages/server/src/spool/loader.ts';
import { aSpan, appendSpan } from '../packages/server/src/columns/testing/append-span.ts';
import { openTestSpool } from '../packages/server/src/spool/testing/open-test-spool.ts';
import { ClusterEngine } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';

/** It cannot read the files of the collector: it gets them once more, and compares. */
describe('a ClickHouse server as the store', () => {
  const nowNs = 1_795_000_000_000_000_000n;
  let server: ClickHouseHttp;
  let engine: ClusterEngine;
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'throughline-missing-'));
    server = await startClickHouseHttp({ password: 'secret', timeZone: 'America/New_York' });
    const { log, registry } = await openTestSpool(join(directory, 'unused'));
    engine = new ClusterEngine({ urls: [server.urlOf('default', 'secret')], log, registry });
    await engine.start();
  });
  afterAll(async () => {
    await engine?.close();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('gets what is missing of a segment that an earlier collector left behind, and nothing twice', async () => {
    const spanIds = Array.from({ length: 300 }, (_, index) => (index + 1).toString(16).padStart(16, '0'));
    const spoolDirectory = join(directory, 'spool');
    const nowMs = Number(nowNs / 1_000_000n);
    const { spool: left, ingest } = await openTestSpool(spoolDirectory, { segmentAgeMs: 60_000 }, () => nowMs);
    await ingest.decode((block, refusals) => {
      for (const [index, spanId] of spanIds.entries()) {
        const startNs = nowNs - BigInt(index % 3) * 86_400_000_000_000n;
        appendSpan(block, refusals, aSpan({ spanId, startNs }));
      }
    });
    await left.close();
    const [segment] = left.sealed;
    await engine.insertNativeFile('spans', segment?.path ?? '', segment?.name ?? '');
    const [[day] = []] = await server.rows('SELECT toString(toDate(min(start_s))) FROM throughline.spans');
    await engine.command(`ALTER TABLE throughline.spans DROP PARTITION '${String(day)}'`);
    expect(await server.rows('SELECT toUInt32(count()) FROM throughline.spans')).toEqual([[200]]);

    const { spool: found, log, registry } = await openTestSpool(spoolDirectory);
    const loader = new Loader({ spool: found, engine, log, registry });
    loader.start();
    await found.close();
    expect(await loader.drain(20_000)).toBe(true);
    expect(found.status.backlogSegments).toBe(0);
    const stored = await server.rows('SELECT lower(hex(span_id)) FROM throughline.spans ORDER BY span_id');
    expect(stored.map(([id]) => id)).toEqual(spanIds);
    // The copy of the segment has served its purpose.
    expect(await server.rows("SELECT name FROM system.tables WHERE name LIKE 'in_doubt%'")).toEqual([]);
  });
});

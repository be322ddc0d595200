import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSpoolEmpty, runCommand, startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { Pressure } from './support/pressure.ts';
import { eventually } from './support/processes.ts';
import { mountSmallDisk, type SmallDisk } from './support/small-disk.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const DISK_MIB = 192;
const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
/** How often the disk is filled and freed again under load. */
const FILLINGS = IS_LONG ? 30 : 2;
const mounted = mountSmallDisk(DISK_MIB);

describe.skipIf(mounted === undefined)('a full disk (needs the right to mount a tmpfs)', () => {
  const disk = mounted as SmallDisk;
  let collector: Collector;

  beforeAll(async () => {
    collector = await startCollector({ dataDirectory: join(disk.path, 'data') });
  });
  afterAll(async () => {
    await collector.stop();
    disk.unmount();
  });

  it('answers 503 with Retry-After while it is full, takes spans again when it is freed, and loses nothing acknowledged', async () => {
    const ledger = new SpanLedger(500);
    expect(await ledger.send(collector.otlpUrl)).toBe(200);
    await eventually('the first spans are stored', () => isSpoolEmpty(collector));
    disk.fill();
    const refused = await eventually('a request is refused', async () => {
      const answer = await ledger.post(collector.otlpUrl);
      return answer?.status === 200 ? undefined : answer;
    });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toMatch(/disk|space/i);
    expect((await fetch(`${collector.apiUrl}/healthz`)).status).toBe(200);

    disk.free();
    await eventually('spans are taken again', async () => (await ledger.send(collector.otlpUrl)) === 200);
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    await collector.stop({ keepData: true });
    expect(await ledger.audit(collector.dataDirectory)).toMatchObject(NOTHING_WRONG);
    expect(ledger.counts.unanswered).toBe(0);
  });

  it(
    `filled and freed ${FILLINGS} times under load: what was acknowledged is stored once`,
    { timeout: 600_000 + FILLINGS * 30_000 },
    async () => {
      const ledger = new SpanLedger(50);
      const other = await startCollector({ dataDirectory: join(disk.path, 'under-load') });
      const pressure = new Pressure(other, ledger, { httpSenders: 3, grpcSenders: 1, everyMs: 20, refusedMs: 20 });
      for (let filling = 0; filling < FILLINGS; filling++) {
        await grows(ledger.acknowledged);
        disk.fill();
        await grows(ledger.refused);
        disk.free();
      }
      await grows(ledger.acknowledged);
      await pressure.stop();
      await eventually('it is ready', async () => (await fetch(`${other.apiUrl}/readyz`)).ok);
      await eventually('everything is stored', () => isSpoolEmpty(other));
      await other.stop({ keepData: true });

      const audit = await ledger.audit(other.dataDirectory);
      console.log(JSON.stringify({ fillings: FILLINGS, requests: ledger.counts, ...audit }));
      expect(audit).toMatchObject(NOTHING_WRONG);
      expect(ledger.counts.unanswered).toBe(0);
      rmSync(other.dataDirectory, { recursive: true });
    },
  );

  it('at the start is one clear line and a non-zero exit', async () => {
    const other = join(disk.path, 'other');
    disk.fill();
    const command = runCommand([
      'up',
      '--http-port',
      '0',
      '--otlp-http-port',
      '0',
      '--otlp-grpc-port',
      '0',
      '--data-dir',
      other,
    ]);
    const exit = await command.exited;
    disk.free();
    expect(exit.code, command.output()).toBeGreaterThan(0);
    expect(command.output()).toMatch(/disk|space/i);
    expect(command.output().trim().split('\n')).toHaveLength(1);
  });
});

async function grows(requests: ReadonlySet<number>): Promise<void> {
  const before = requests.size;
  await eventually('twenty more', () => requests.size > before + 20);
}

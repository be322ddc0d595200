import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServicesResponse } from '../packages/trace/src/api-types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSpoolEmpty, newDirectory, runCommand, startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { Pressure } from './support/pressure.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';
import { aRequest, postJson } from './support/traces.ts';

const DISK_MIB = 192;
const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
/** How often the disk is filled and freed again under load. */
const FILLINGS = IS_LONG ? 30 : 2;
const mountPoint = newDirectory();
const canMount =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', mountPoint]).status === 0;

describe.skipIf(!canMount)('a full disk (needs the right to mount a tmpfs)', () => {
  const ballast = join(mountPoint, 'ballast');
  let collector: Collector;
  let acknowledged = 0;

  beforeAll(async () => {
    collector = await startCollector({ dataDirectory: join(mountPoint, 'data') });
  });
  afterAll(async () => {
    await collector.stop();
    spawnSync('umount', [mountPoint]);
    rmSync(mountPoint, { recursive: true, force: true });
  });

  async function send(name: string): Promise<number> {
    const response = await postJson(collector.otlpUrl, aRequest(name, 500));
    await response.arrayBuffer();
    if (response.status === 200) acknowledged += 500;
    return response.status;
  }

  it('answers 503 with Retry-After while it is full, takes spans again when it is freed, and loses nothing acknowledged', async () => {
    expect(await send('before')).toBe(200);
    await eventually('the first spans are stored', async () => (await storedSpans(collector)) === acknowledged);
    fill(ballast);
    const refused = await eventually('a request is refused', async () => {
      const response = await postJson(collector.otlpUrl, aRequest(`full-${acknowledged}`, 500));
      if (response.status === 200) acknowledged += 500;
      return response.status === 200 ? undefined : response;
    });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toMatch(/disk|space/i);
    expect((await fetch(`${collector.apiUrl}/healthz`)).status).toBe(200);

    rmSync(ballast);
    await eventually('spans are taken again', async () => (await send(`after-${acknowledged}`)) === 200);
    await eventually('everything acknowledged is stored', async () => (await storedSpans(collector)) >= acknowledged);
    expect(await storedSpans(collector)).toBe(acknowledged);
  });

  it(
    `filled and freed ${FILLINGS} times under load: what was acknowledged is stored once`,
    { timeout: FILLINGS * 30_000 },
    async () => {
      const ledger = new SpanLedger(50);
      const other = await startCollector({ dataDirectory: join(mountPoint, 'under-load') });
      const pressure = new Pressure(other, ledger, { httpSenders: 3, grpcSenders: 1, everyMs: 20, refusedMs: 20 });
      for (let filling = 0; filling < FILLINGS; filling++) {
        await grows(ledger.acknowledged);
        fill(ballast);
        await grows(ledger.refused);
        rmSync(ballast);
      }
      await grows(ledger.acknowledged);
      await pressure.stop();
      await eventually('it is ready', async () => (await fetch(`${other.apiUrl}/readyz`)).ok, 30_000);
      await eventually('everything is stored', () => isSpoolEmpty(other), 30_000);
      await other.stop({ keepData: true });

      const audit = await ledger.audit(other.dataDirectory);
      console.log(JSON.stringify({ fillings: FILLINGS, requests: ledger.counts, ...audit }));
      expect(audit).toMatchObject(NOTHING_WRONG);
      expect(ledger.counts.unanswered).toBe(0);
      rmSync(other.dataDirectory, { recursive: true });
    },
  );

  it('at the start is one clear line and a non-zero exit', async () => {
    const other = join(mountPoint, 'other');
    fill(ballast);
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
    rmSync(ballast);
    expect(exit.code, command.output()).toBeGreaterThan(0);
    expect(command.output()).toMatch(/disk|space/i);
    expect(command.output().trim().split('\n')).toHaveLength(1);
  });
});

async function grows(requests: ReadonlySet<number>): Promise<void> {
  const before = requests.size;
  await eventually('twenty more', () => requests.size > before + 20);
}

/** Writes until not a byte is left. */
function fill(path: string): void {
  const { bavail, bsize } = statfsSync(mountPoint);
  const spaceBytes = bavail * bsize;
  for (let size = spaceBytes; size >= 1; size = Math.floor(size / 2)) {
    try {
      writeFileSync(
        path,
        randomBytes(Math.min(size, 1024 * 1024))
          .toString('latin1')
          .repeat(Math.max(1, Math.floor(size / (1024 * 1024)))),
        {
          flag: 'a',
          encoding: 'latin1',
        },
      );
    } catch {
      // No space for this piece: a smaller one may still fit.
    }
  }
}

async function storedSpans(collector: Collector): Promise<number> {
  const { services } = (await (await fetch(`${collector.apiUrl}/api/v1/services`)).json()) as ServicesResponse;
  return services.reduce((sum, { spanCount }) => sum + spanCount, 0);
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FailingRename, type RenameOrder } from '../packages/server/src/ingest/testing/failing-rename.ts';
import { isSpoolEmpty, newDirectory, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

describe.skipIf(!FailingRename.isPossible())('acknowledged spans are stored once', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'throughline-lost-part-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  // The disk is full for one rename of a part, or the engine is killed right before it or after it.
  const orders: readonly RenameOrder[] = ['enospc', 'kill-before', 'kill-after'];
  it.each(orders)('when %s hits the rename of a part', { timeout: 120_000 }, async (order) => {
    const rename = new FailingRename(directory);
    const dataDirectory = newDirectory();
    const { LD_PRELOAD = '', FAULT_RENAME = '' } = process.env;
    const collector = await startCollector({ dataDirectory, env: { LD_PRELOAD, FAULT_RENAME } });
    // The ledger's own engine starts without it.
    rename.off();
    const ledger = new SpanLedger(100);
    const isStored = (): Promise<unknown> =>
      eventually('everything is stored', async () => ((await isSpoolEmpty(collector)) ? true : undefined));
    for (let request = 1; request <= 3; request++) {
      if (request === 2) rename.order(order, `${uuidOfSpans(dataDirectory)}/tmp_insert_`);
      expect(await ledger.send(collector.otlpUrl)).toBe(200);
      await isStored();
    }
    expect(rename.isCarriedOut).toBe(true);
    await collector.stop({ keepData: true });
    expect(await ledger.audit(dataDirectory)).toEqual({ ...NOTHING_WRONG, acknowledgedSpans: 300 });
    rmSync(dataDirectory, { recursive: true, force: true });
  });
});

/** The folder of a table's parts has the name of the table's UUID. */
function uuidOfSpans(dataDirectory: string): string {
  const definition = readFileSync(join(dataDirectory, 'store', 'metadata', 'throughline', 'spans.sql'), 'utf8');
  return /UUID '([0-9a-f-]+)'/.exec(definition)?.[1] ?? '';
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestSpool } from '../packages/server/src/spool/testing/open-test-spool.ts';
import { decodeOtlpJson } from '../packages/server/src/receivers/otlp-json/decode-otlp-json.ts';
import { newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly holds: string;
  readonly rows: number;
  readonly reason: string | null;
}

describe('throughline spool', () => {
  const dataDirectory = newDirectory();
  const bad = 'no bytes that a store could read';
  let rejected = '';
  let rejectedBytes: Buffer;
  let collector: Collector;

  const run = async (...args: readonly string[]): Promise<{ code: number | null; output: string }> => {
    const command = runCommand(['spool', ...args, '--data-dir', dataDirectory]);
    return { code: (await command.exited).code, output: command.output() };
  };
  const list = async (): Promise<Listed[]> => {
    const { output } = await run('list', '--json');
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Listed);
  };
  const isFound = async (name: string): Promise<boolean> =>
    (await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOf(name)}`)).status === 200;

  /** A segment that was rejected though it is good, and one that waits and cannot be stored. */
  beforeAll(async () => {
    const { spool, ingest } = await openTestSpool(join(dataDirectory, 'spool'), { segmentRowsMax: 1 });
    await ingest.decode((block, refusals) => decodeOtlpJson(Buffer.from(aRequest('rejected', 2)), block, refusals));
    const [segment] = spool.sealed;
    if (segment === undefined) throw new Error('nothing is sealed');
    rejected = segment.name;
    rejectedBytes = readFileSync(segment.path);
    await spool.quarantine(segment, 'Code: 117: it had its reasons');
    await spool.append(Buffer.from(bad), 1);
    await spool.close();
    collector = await startCollector({ dataDirectory });
  });
  afterAll(() => collector.stop());

  it('shows what waits and what is quarantined, with the reason', async () => {
    expect(await list()).toMatchObject([
      { state: 'waiting', holds: 'spans', rows: 1, reason: null },
      { name: rejected, state: 'quarantined', holds: 'spans', rows: 2, reason: 'Code: 117: it had its reasons' },
    ]);
    const { code, output } = await run('list');
    expect(code).toBe(0);
    expect(output).toMatch(/^SEGMENT +STATE +HOLDS +ROWS +BYTES +FIRST BLOCK +REASON\n/);
    expect(output).toContain(`${rejected}  quarantined  spans  2`);
  });

  it('sees that a bad segment is kept apart as soon as others were stored, and not before', async () => {
    const ready = (): Promise<{ warnings: { code: string; message: string }[] }> =>
      fetch(`${collector.apiUrl}/readyz`).then((answer) => answer.json() as never);
    await eventually('it fails', async () =>
      (await ready()).warnings.some(({ code }) => code === 'segments_failing') ? true : undefined,
    );
    expect((await list()).map(({ state }) => state)).toEqual(['waiting', 'quarantined']);
    expect((await postJson(collector.otlpUrl, aRequest('good', 1))).status).toBe(200);
    await eventually('it is quarantined', async () =>
      (await list()).every(({ state }) => state === 'quarantined') ? true : undefined,
    );
    expect(await isFound('good-0')).toBe(true);
    expect((await list()).find(({ name }) => name !== rejected)?.reason).toContain('Code: 33');
    const { warnings } = await ready();
    expect(warnings.map(({ code }) => code)).toEqual(['segments_quarantined']);
    expect(warnings[0]?.message).toContain('throughline spool retry');
  });

  it('exports the bytes of a segment, to a new file or to standard output', async () => {
    const path = join(dataDirectory, 'exported.native');
    expect(await run('export', rejected, '--output', path)).toMatchObject({ code: 0 });
    expect(readFileSync(path)).toEqual(rejectedBytes);
    const again = await run('export', rejected, '--output', path);
    expect(again).toMatchObject({ code: 1 });
    expect(again.output).toMatch(/^throughline spool export: .*EEXIST[^\n]*\n$/);
    const other = (await list()).find(({ name }) => name !== rejected)?.name ?? '';
    expect(await run('export', other)).toEqual({ code: 0, output: bad });
  });

  it('loads a quarantined segment again, while the collector runs, without a restart', async () => {
    expect(await isFound('rejected-0')).toBe(false);
    expect(await run('retry', rejected)).toMatchObject({ code: 0 });
    await eventually('its spans are found', async () =>
      (await isFound('rejected-0')) && (await isFound('rejected-1')) ? true : undefined,
    );
    await eventually('it has left the spool', async () =>
      (await list()).some(({ name }) => name === rejected) ? undefined : true,
    );
  });

  it('says what is wrong in one line', async () => {
    for (const [args, code, message] of [
      [['retry', 'nobody'], 1, /quarantined .*"nobody"/],
      [['export', rejected], 1, new RegExp(`no segment .*"${rejected}"`)],
      [['retry'], 2, / or --all/],
      [['list', '--data-dir', '/nowhere'], 1, /\/nowhere .*no spool/],
    ] as const) {
      const command = runCommand([
        'spool',
        ...(args.includes('--data-dir' as never) ? args : [...args, '--data-dir', dataDirectory]),
      ]);
      expect((await command.exited).code).toBe(code);
      expect(command.output()).toMatch(/^throughline spool (?:list|retry|export): [^\n]+\n$/);
      expect(command.output()).toMatch(message);
    }
  });

  it('works while no collector runs: the next one loads what was handed to it', async () => {
    await collector.stop({ keepData: true });
    const [{ name } = { name: '' }] = await list();
    expect(await run('retry', '--all')).toMatchObject({ code: 0 });
    expect(await list()).toMatchObject([{ name, state: 'retrying' }]);
    collector = await startCollector({ dataDirectory });
    // It is as bad as it was, and waits for others to be stored.
    expect(await list()).toMatchObject([{ name, state: 'waiting' }]);
  });
});

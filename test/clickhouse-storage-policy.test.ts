import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';
import { startClickHouseServer } from './support/clickhouse-server.ts';
import { newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

const DAY_MS = 86_400_000;
const TIERED = ['--store-policy', 'tiered', '--store-cold-volume', 'cold', '--store-cold-after', '7d'];

/** By the name of a request: how many days ago its span started. */
const AGES: Readonly<Record<string, number>> = { new: 0, recent: 3, old: 12 };
const NAMES = Object.keys(AGES);

describe('a ClickHouse server with a hot and a cold disk as the store', () => {
  let server: ClickHouseHttp;
  let collector: Collector;
  beforeAll(async () => {
    server = await startClickHouseHttp({ hasColdDisk: true });
    collector = await startCollector({ args: ['--store', server.url, ...TIERED] });
    for (const name of NAMES) {
      const request = aRequest(name, 1, 'shop', Date.now() - AGES[name]! * DAY_MS);
      const { ok } = await postJson(collector.otlpUrl, request);
      if (!ok) throw new Error(`the span that is ${name} was not taken`);
    }
    await eventually('the spans are stored', async () => {
      const [[count] = []] = await server.rows('SELECT count() FROM throughline.spans');
      return Number(count) === NAMES.length || undefined;
    });
  });
  afterAll(async () => {
    await collector?.stop();
    await server?.stop();
  });

  it('has old days of the spans on the cold disk, and others on the hot one', async () => {
    const disks = await server.rows(
      "SELECT disk_name, count() FROM system.parts WHERE table = 'spans' AND active GROUP BY disk_name ORDER BY disk_name",
    );
    expect(disks.map((row) => row.map(String))).toEqual([
      ['cold', '1'],
      ['default', '2'],
    ]);
  });

  it('has every table of days under the policy, and no other', async () => {
    const tables = await server.rows(
      "SELECT storage_policy, partition_key != '' FROM system.tables WHERE database = 'throughline' AND engine LIKE '%MergeTree' GROUP BY 1, 2 ORDER BY 1",
    );
    expect(tables.map((row) => row.map(String))).toEqual([
      ['default', '0'],
      ['tiered', '1'],
    ]);
  });

  it.each(NAMES)('finds the trace that is %s', async (name) => {
    const answer = await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOf(`${name}-0`)}`);
    expect(answer.status).toBe(200);
  });

  it('is used again by the same settings, and refused in one line by others', async () => {
    await collector.stop();
    expect(await refusalOf(server.url, [])).toBe('accepted');
    expect(await refusalOf(server.url, TIERED)).toBe('accepted');
    const line = /^throughline up: [^\n]*\n$/;
    const others = [
      [['--store-policy', 'default'], /storage policy tiered.*--store-policy tiered/],
      [['--store-policy', 'glacier'], /no storage policy glacier.*default, tiered/],
      [TIERED.slice(0, 2), /after 7 days.*--store-cold-after/],
      [[...TIERED.slice(0, 5), '8'], /after 7 days.*after 8 days/],
      [[...TIERED.slice(0, 3), 'ice', ...TIERED.slice(4)], /no volume ice.*hot, cold/],
    ] as const;
    for (const [args, expected] of others) {
      const refusal = await refusalOf(server.url, args);
      expect(refusal).toMatch(line);
      expect(refusal).toMatch(expected);
    }
  });
});

const program = findClickHouseServer();

describe.skipIf(program === undefined)('a ClickHouse 18.16 server', () => {
  it('is refused in one line, since it cannot move days', async () => {
    const server = await startClickHouseServer(program ?? '');
    expect(await refusalOf(server.url, TIERED)).toMatch(/^throughline up: [^\n]*18\.16[^\n]*--store-policy[^\n]*\n$/);
    for (const action of ['print', 'apply', 'check']) {
      const command = runCommand(['schema', action, '--store', server.url, ...TIERED]);
      expect(await command.exited).toMatchObject({ code: action === 'check' ? 2 : 1 });
      expect(command.output()).toMatch(/^throughline schema \w+: [^\n]*18\.16[^\n]*--store-policy[^\n]*\n$/);
    }
    await server.stop();
  });
});

/** What a collector says that refuses the store; `accepted` where it does not. */
async function refusalOf(url: string, args: readonly string[]): Promise<string> {
  const dataDirectory = newDirectory();
  const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
  const command = runCommand(['up', ...ports, '--store', url, ...args, '--data-dir', dataDirectory]);
  let hasExited = false;
  void command.exited.then(() => (hasExited = true));
  const isOpen = (): boolean => command.output().includes('Ready after');
  await eventually('the collector is open, or has refused', () => isOpen() || hasExited);
  const outcome = isOpen() ? 'accepted' : command.output();
  if (!hasExited) process.kill(command.pid, 'SIGTERM');
  await command.exited;
  rmSync(dataDirectory, { recursive: true });
  return outcome;
}

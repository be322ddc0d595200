import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Story, TracesData } from '@throughline/trace';
import { ApiClient, type ComparisonResponse, type TraceSummary } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aCheckout } from '../packages/trace/src/testing/a-checkout.ts';
import { A_START_UNIX_NANO, A_TRACE_ID, spansOf } from '../packages/trace/src/testing/a-trace.ts';
import { commandPath, newDirectory, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, traceIdOf } from './support/traces.ts';

/** A checkout that began so long ago. */
function checkoutOf(name: string, agoMs: number, plan: Parameters<typeof aCheckout>[0] = {}): TracesData {
  const shift = BigInt(Date.now() - agoMs) * 1_000_000n - A_START_UNIX_NANO;
  const data = JSON.parse(JSON.stringify(aCheckout(plan)).replaceAll(A_TRACE_ID, traceIdOf(name))) as TracesData;
  for (const span of spansOf(data)) {
    span.startTimeUnixNano = String(BigInt(span.startTimeUnixNano) + shift);
    span.endTimeUnixNano = String(BigInt(span.endTimeUnixNano) + shift);
  }
  return data;
}

describe('the commands for a terminal', () => {
  const directory = newDirectory();
  const failed = checkoutOf('failed', 600_000);
  const retried = checkoutOf('retried', 300_000, { tries: 2, fails: false });
  let collector: Collector;
  let client: ApiClient;

  beforeAll(async () => {
    collector = await startCollector();
    client = new ApiClient(collector.apiUrl);
    for (const data of [failed, retried]) await postJson(collector.otlpUrl, JSON.stringify(data));
    await eventually('both traces are found', async () => (await client.traces()).traces.length === 2);
  });
  afterAll(async () => {
    await collector.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const environment = (): NodeJS.ProcessEnv => {
    const { FORCE_COLOR: _, ...inherited } = process.env;
    return { ...inherited, THROUGHLINE_URL: collector.apiUrl };
  };
  // Not `spawnSync`: connections that the collector closes meanwhile would be taken for open ones.
  const run = async (
    args: readonly string[],
    input = '',
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const child = spawn(process.execPath, [commandPath, ...args], { env: { ...environment(), ...env } });
    child.stdin.on('error', () => {}).end(input);
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout: await stdout, stderr: await stderr };
  };
  const linesOf = async (args: readonly string[], input?: string): Promise<string[]> => {
    const { code, stdout, stderr } = await run(args, input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trimEnd().split('\n');
  };

  it('print the story of a stored trace first, then its spans, and where it is in the UI', async () => {
    const { headline } = await client.story(traceIdOf('failed'));
    const lines = await linesOf(['trace', traceIdOf('failed'), '--width', '120']);
    expect(lines[0]).toBe(headline);
    expect(lines.filter((line) => line.includes('✖'))).toHaveLength(6);
    expect(lines.find((line) => line.startsWith('▶'))).toMatch(/SELECT fraud_checks.*█.*━/);
    expect(lines.at(-1)).toBe(`${collector.apiUrl}/trace/${traceIdOf('failed')}`);
  });

  it('give programs the story that the API returns', async () => {
    const stored = await client.story(traceIdOf('failed'));
    const why = JSON.parse((await linesOf(['why', `0x${traceIdOf('failed')}`, '--json'])).join('')) as Story;
    expect(why).toEqual(stored);
    const trace = JSON.parse((await linesOf(['trace', traceIdOf('failed'), '--json'])).join('')) as {
      story: Story;
      spans: { criticalNs: string }[];
    };
    expect(trace.story).toEqual(stored);
    expect(trace.spans.reduce((sum, { criticalNs }) => sum + Number(criticalNs), 0)).toBe(Number(stored.durationNs));
  });

  it('say the same of a file and of standard input as of the store, but for the address', async () => {
    const path = join(directory, 'traces.jsonl');
    writeFileSync(path, `${JSON.stringify(retried)}\n${JSON.stringify(failed)}\n`);
    const stored = await linesOf(['trace', traceIdOf('failed')]);
    expect(await linesOf(['trace', path, '--id', traceIdOf('failed')])).toEqual(stored.slice(0, -1));
    expect(await linesOf(['trace', '-'], JSON.stringify(failed))).toEqual(stored.slice(0, -1));
    // The longest of both.
    expect((await linesOf(['why', path]))[0]).toBe((await linesOf(['why', traceIdOf('retried')]))[0]);
  });

  it('search by attributes of a span, duration and time', async () => {
    const found = async (...args: readonly string[]): Promise<string[]> =>
      (await linesOf(['search', '--json', ...args]))
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as TraceSummary).traceId);
    const both = [traceIdOf('retried'), traceIdOf('failed')];
    expect(await found()).toEqual(both);
    expect(await found('--service', 'fraud', 'db.system.name=postgresql', '--tag', 'db.namespace=fraud')).toEqual(both);
    expect(await found('--min', '7s')).toEqual([traceIdOf('retried')]);
    expect(await found('--from', '7m')).toEqual([traceIdOf('retried')]);
    expect(await found('--to', '7m ago', '--status', 'error')).toEqual([traceIdOf('failed')]);
    expect(await linesOf(['search', '--service', 'nobody'])).toHaveLength(1);
  });

  it('list traces with their headlines, and failures by where they began', async () => {
    const { headlines } = await client.headlines([traceIdOf('failed')]);
    const list = await linesOf(['search', '--width', '200']);
    expect(list.find((line) => line.includes(traceIdOf('failed')))).toContain(headlines[traceIdOf('failed')]);
    const groups = (await linesOf(['errors', '--min', '1ms', '--json'])).map(
      (line) => JSON.parse(line) as { service: string; traces: object[] },
    );
    expect(groups.reduce((sum, { traces }) => sum + traces.length, 0)).toBe(2);
    expect((await linesOf(['errors', '--min', '1ms']))[0]).toContain(groups[0]?.service);
  });

  it('list the failures of a collector by where they began, as its API does', async () => {
    const asked = await client.errors();
    expect(asked.groups.length).toBeGreaterThan(0);
    const printed = (await linesOf(['errors', '--json'])).map((line) => JSON.parse(line) as { id: string });
    expect(printed.map(({ id }) => id)).toEqual(asked.groups.map(({ id }) => id));
    expect((await linesOf(['errors'])).join('\n')).toContain(asked.groups[0]?.samples[0]?.traceId);
    expect((await linesOf(['errors', '--service', 'nobody', '--from', '2h']))[0]).toContain('Nothing');
  });

  it('compare a stored trace with one in a file', async () => {
    const lines = await linesOf(['diff', traceIdOf('failed'), '-'], JSON.stringify(retried));
    expect(lines[0]).toMatch(/2\.1 s → 4\.15 s/);
    expect(lines.some((line) => /SELECT fraud_checks +1 → 2 .*\+1\.99 s$/.test(line))).toBe(true);
    const json = JSON.parse(
      (await linesOf(['diff', traceIdOf('failed'), '-', '--json'], JSON.stringify(retried))).join(''),
    ) as ComparisonResponse;
    expect(json.traceIdA).toBe(traceIdOf('failed'));
    expect(json.paths.find(({ operation }) => operation === 'SELECT fraud_checks')?.b?.calls).toBe(2);
  });

  it('print what has changed, and what speaks for a cause', async () => {
    const lines = await linesOf(['changes', '--from', '15m']);
    expect(lines.some((line) => line.startsWith('now ') && line.includes('2 traces'))).toBe(true);
    const json = JSON.parse(
      (await linesOf(['explain', '--incident', '7m..', '--baseline', '1h..7m', '--json'])).join(''),
    ) as object;
    expect(json).toMatchObject({ incident: { readTraceCount: 1 }, baseline: { readTraceCount: 1 } });
  });

  it('print who calls whom, of a collector and of a file', async () => {
    const ofFile = JSON.parse((await linesOf(['map', '-', '--json'], JSON.stringify(retried))).join('')) as object;
    expect(ofFile).toMatchObject({ nodes: expect.arrayContaining([expect.objectContaining({ id: 'service:fraud' })]) });
    const lines = await linesOf(['map', '-', '--service', 'fraud'], JSON.stringify(retried));
    expect(lines.some((line) => line.includes('fraud database'))).toBe(true);
    const table = await linesOf(['map', '-', '--md'], JSON.stringify(retried));
    expect(table.some((line) => line.startsWith('| ') && line.includes(' fraud '))).toBe(true);
    // The collector measures what is quiet after a while.
    await eventually('the map has calls', async () =>
      (await client.map({ service: 'fraud' })).edges.some(({ to }) => to === 'service:fraud'),
    );
    expect((await linesOf(['map'])).some((line) => line.includes('fraud database'))).toBe(true);
  });

  it('print a trace that arrives, once', async () => {
    const child = spawn(process.execPath, [commandPath, 'tail', '--interval', '1', '--json'], { env: environment() });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (more: string) => (output.stdout += more));
    child.stderr.setEncoding('utf8').on('data', (more: string) => (output.stderr += more));
    await eventually('it waits', () => output.stderr !== '');
    await postJson(collector.otlpUrl, JSON.stringify(checkoutOf('arrived', -1_000)));
    await eventually('a trace is printed', () => output.stdout.endsWith('\n'));
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(JSON.parse(output.stdout)).toMatchObject({ traceId: traceIdOf('arrived') });
  });

  it.each([
    [['trace', '1'.repeat(32)], 1, /search/],
    [['why', 'nowhere.json'], 2, /nowhere\.json/],
    [['trace'], 2, /missing argument/],
    [['trace', '-'], 1, /no spans/],
    [['diff', '-', '-'], 2, /standard input/],
    [['search', '--status', 'bad'], 2, /--status: got "bad"/],
    [['search', 'notag'], 2, /"notag"/],
    [['search', '--url', 'http://127.0.0.1:9'], 1, /127\.0\.0\.1:9.*--url/],
    [['explain', '--incident', '1h..now'], 2, /--baseline/],
    [['explain', '--incident', '2h..1h', '--baseline', '3h..90m'], 1, /overlap/],
    [['changes', '--data-dir', 'x'], 2, /--data-dir/],
    [['map', '-', '--from', '1h'], 2, /--from/],
    [['map', '--depth', '0'], 2, /--depth/],
  ])('end with one line and a code: %j', async (args, code, message) => {
    const ended = await run(args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(new RegExp(String.raw`^throughline ${args[0]}: [^\n]+\n$`));
    expect(ended.stderr).toMatch(message);
  });

  it.each(['trace', 'why', 'search', 'tail', 'errors', 'diff', 'changes', 'explain', 'map'])(
    'have help: %s',
    async (name) => {
      const lines = await linesOf([name, '--help']);
      expect(lines[0]).toContain(`throughline ${name}`);
      for (const flag of ['--url', '--width', '--timeout', '--json']) {
        expect(lines.some((line) => line.includes(flag))).toBe(true);
      }
    },
  );

  it('use colours only if they are forced where there is no terminal', async () => {
    const colored = await run(['trace', traceIdOf('failed')], '', { FORCE_COLOR: '1' });
    expect(colored.stdout).toContain('\u001b[');
    expect((await run(['trace', traceIdOf('failed')])).stdout).not.toContain('\u001b');
  });
});

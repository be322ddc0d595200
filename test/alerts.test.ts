import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { AlertsResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAlertRules } from '../packages/server/src/alerts/rules/read-rules.ts';
import type { AlertMessage } from '../packages/server/src/alerts/channels/alert-message.ts';
import {
  startMailServer,
  startReceiver,
  type MailServer,
  type Receiver,
} from '../packages/server/src/alerts/testing/receivers.ts';
import { commandPath, newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const directory = newDirectory();
const SECRET = 's3cret-of-the-hook';
let receiver: Receiver;
let mail: MailServer;
beforeAll(async () => {
  [receiver, mail] = await Promise.all([startReceiver(), startMailServer()]);
});
afterAll(async () => {
  await Promise.all([receiver.close(), mail.close()]);
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [commandPath, 'alerts', ...args], {
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
  });
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: await stdout, stderr: await stderr };
}

const rules = (): string => `
channels:
  hook: {type: webhook, url: {env: HOOK_URL}, secret: {env: HOOK_SECRET}}
  ops: {type: email, host: 127.0.0.1, port: ${mail.port}, tls: none, from: a@example.com, to: b@example.com}
  team: {type: slack, url: {env: TEAM_URL}}
rules:
  - {name: failing, watch: errors, of: {service: shop}, above: 2%, for: 0s, notify: hook}
  - {name: slow, watch: latency, of: {service: shop}, above: 1m, notify: [hook, ops, team]}
`;
const environment = (): NodeJS.ProcessEnv => ({
  HOOK_URL: `${receiver.url}/hook`,
  HOOK_SECRET: SECRET,
  TEAM_URL: `${receiver.url}/team`,
});

describe('docs/alerts.md', () => {
  const page = readFileSync(new URL('../docs/alerts.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, example]) => example!);

  it.each(examples)('has an example that is accepted: %s', (example) => {
    expect(parseAlertRules(example, 'alerts.yaml', 200).rules.length).toBeGreaterThan(0);
  });

  it('lists every key of a rule', () => {
    expect(examples.length).toBeGreaterThan(1);
    const problems = String(catching(() => parseAlertRules('rules: [{nothing: a}]', 'x', 1)));
    const [, keys = ''] = /supported: ([\w, ]+)$/m.exec(problems) ?? [];
    expect(keys.split(', ').length).toBeGreaterThan(15);
    expect(keys.split(', ').filter((key) => !new RegExp(`^\\|[^|]*\`${key}\``, 'm').test(page))).toEqual([]);
  });
});

function catching(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return (error as { problems: readonly string[] }).problems.join('\n');
  }
}

describe('throughline alerts', () => {
  it('check says that a file can be used, and of which secrets it has none', async () => {
    const path = write('good.yaml', rules());
    const { code, stdout } = await run(['check', path], environment());
    expect([code, stdout.trim().split('\n')]).toEqual([0, [expect.stringContaining('2 rules')]]);
    const without = await run(['check', path], { ...environment(), HOOK_SECRET: '' });
    expect([without.code, without.stdout]).toEqual([0, expect.stringContaining('HOOK_SECRET')]);
    const json = JSON.parse((await run(['check', '--json', '--alerts-file', path], environment())).stdout) as unknown;
    expect(json).toEqual({ file: path, rules: 2, channels: 3, warnings: [] });
  });

  it('check lists every mistake of a file with its place', async () => {
    const path = write(
      'wrong.yaml',
      'rules:\n  - {name: a, watsh: errors}\n  - {name: b, watch: rate, of: {service: s}}\n',
    );
    const { code, stderr } = await run(['check', path]);
    const lines = stderr.trim().split('\n');
    expect([code, lines.length]).toEqual([2, 4]);
    for (const line of lines) expect(line).toMatch(/^throughline alerts check: .*wrong\.yaml:\d+:\d+: rule "[ab]": /);
  });

  it('test sends a message that is marked to each channel, and reports each', async () => {
    const path = write('good.yaml', rules());
    const { code, stdout } = await run(['test', path, '--rule', 'slow'], environment());
    expect([code, stdout]).toEqual([0, 'hook (webhook): delivered\nops (email): delivered\nteam (slack): delivered\n']);
    const [hook, team] = ['/hook', '/team'].map((at) => receiver.received.find((one) => one.path === at));
    expect(JSON.parse(hook!.body)).toMatchObject({ event: 'test', rule: { name: 'slow' } });
    expect([team!.body, mail.received.at(-1)?.raw]).toEqual([
      expect.stringContaining('Test: '),
      expect.stringContaining('Test: '),
    ]);
  });

  it('test exits with 1 where one is not delivered, and says why without a secret', async () => {
    const path = write('good.yaml', rules());
    receiver.answers.push({ status: 403 });
    const { code, stdout, stderr } = await run(['test', path, '--rule', 'failing', '--json'], environment());
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      [
        {
          rule: 'failing',
          channel: 'hook',
          type: 'webhook',
          delivered: false,
          reason: expect.stringContaining('403') as string,
        },
      ],
    ]);
    expect(stdout + stderr).not.toContain(SECRET);
    const missing = await run(['test', path, '--rule', 'failing'], { ...environment(), HOOK_URL: '' });
    expect([missing.code, missing.stdout]).toEqual([1, expect.stringContaining('HOOK_URL')]);
  });

  it('says how it is called', async () => {
    const path = write('good.yaml', rules());
    expect(await run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--rule NAME') as string });
    const calls = [
      [],
      ['chek'],
      ['check'],
      ['check', path, 'b'],
      ['test', path, '--rule', 'none'],
      ['check', '/nowhere/a.yaml'],
      ['list', 'a'],
    ];
    for (const args of calls) {
      const { code, stdout, stderr } = await run(args);
      expect([args, code, stdout, stderr.trim().split('\n').length]).toEqual([args, 2, '', 1]);
    }
  });
});

/** They began two minutes ago. */
function failedRequests(service: string, count: number): string {
  const startNs = BigInt(Date.now() - 120_000) * 1_000_000n;
  const spans = Array.from({ length: count }, (_, at) => ({
    traceId: traceIdOf(`failed-${at}`),
    spanId: spanIdOf(`failed-${at}`),
    name: 'POST /buy',
    kind: 2,
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(startNs + 1_000_000n),
    status: { code: 2 },
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

describe('a collector', () => {
  let collector: Collector;
  afterAll(async () => {
    await collector?.stop();
  });

  it('does not start with a file of alerts that is wrong', async () => {
    const path = write('wrong.yaml', 'rules:\n  - {name: a, watsh: errors}\n');
    const command = runCommand(['up', '--alerts-file', path, '--data-dir', join(directory, 'data')]);
    expect(await command.exited).toEqual({ code: 2, signal: null });
    expect(command.output()).toMatch(/^throughline up: .*wrong\.yaml:2:5: rule "a": .*\n$/);
  });

  it('fires, shows it in the terminal, and repeats no secret', async () => {
    const path = write('good.yaml', rules());
    collector = await startCollector({
      args: ['--alerts-file', path, '--alerts-interval-ms', '100', '--alerts-delay-ms', '0', '--log-level', 'debug'],
      env: environment() as Record<string, string>,
    });
    await postJson(collector.otlpUrl, failedRequests('shop', 50));
    const fired = await eventually('the webhook has arrived', () =>
      receiver.received.map(({ body }) => JSON.parse(body) as AlertMessage).find(({ event }) => event === 'fired'),
    );
    expect(fired).toMatchObject({ rule: { name: 'failing' }, measured: { value: 1, requests: 50 } });
    expect(fired.url.startsWith(`${collector.apiUrl}/explore?`)).toBe(true);
    const { code, stdout } = await run(['list', '--url', collector.apiUrl]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/✖ firing {2}failing/)]);
    const json = JSON.parse((await run(['list', '--url', collector.apiUrl, '--json'])).stdout) as AlertsResponse;
    expect(json.rules.map(({ name, state }) => [name, state])).toEqual([
      ['failing', 'firing'],
      ['slow', 'ok'],
    ]);
    for (const shown of [collector.output(), stdout, JSON.stringify(json)]) expect(shown).not.toContain(SECRET);
    expect(collector.output()).toContain('alert notification delivered');
  });
});

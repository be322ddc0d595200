import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AlertsResponse, SeriesResponse } from '@throughline/trace/client';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AlertMessage } from './alerts/channels/alert-message.ts';
import {
  startMailServer,
  startReceiver,
  type MailServer,
  type Received,
  type Receiver,
} from './alerts/testing/receivers.ts';
import { configOf } from './config/testing/config-of.ts';
import { startServer, type RunningServer } from './server.ts';

const MINUTE_MS = 60_000;
const BEGIN_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;
const SECRET = 'of-the-webhook';
const WAIT = { timeout: 240_000, interval: 20 };

const RULES = (receiver: Receiver, mail: MailServer): string => `
channels:
  hook:
    type: webhook
    url: ${receiver.url}/hook
    secret: {env: HOOK_SECRET}
    headers: {authorization: {env: HOOK_TOKEN}}
  team:
    type: slack
    url: {env: SLACK_URL}
  ops:
    type: email
    host: 127.0.0.1
    port: ${mail.port}
    tls: none
    from: Throughline <alerts@example.com>
    to: [ops@example.com, "On Call <oncall@example.com>"]
defaults:
  notify: [hook, team, ops]
rules:
  - name: shop fails
    watch: errors
    of: {service: shop, operation: POST /buy}
    above: 5%
    window: 5m
    for: 2m
    severity: critical
    links: {runbook: https://runbooks.example/shop}
  - name: shop is slow
    watch: latency
    quantile: p90
    of: {service: shop, attributes: {tenant: acme}}
    above: 400ms
    for: 0s
    notify: []
  - name: few
    watch: errors
    of: {service: rare}
    above: 5%
    for: 0s
`;

const spanOf = (service: string, startMs: number, at: number, failed: boolean, durationMs: number) => ({
  resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
  scopeSpans: [
    {
      spans: [
        {
          traceId: randomBytes(16).toString('hex'),
          spanId: randomBytes(8).toString('hex'),
          name: 'POST /buy',
          kind: 2,
          startTimeUnixNano: String(BigInt(startMs) * 1_000_000n),
          endTimeUnixNano: String(BigInt(startMs + durationMs) * 1_000_000n),
          attributes: [{ key: 'tenant', value: { stringValue: at % 2 === 0 ? 'acme' : 'other' } }],
          ...(failed && { status: { code: 2, message: 'card declined' } }),
        },
      ],
    },
  ],
});

/** 100 requests a minute from one minute to another, counted from the begin; of each so many fail. */
function traffic(fromMinute: number, toMinute: number, failing: number, durationMs = 20): string {
  const resourceSpans = [];
  for (let minute = fromMinute; minute < toMinute; minute++) {
    for (let at = 0; at < 100; at++) {
      const startMs = BEGIN_MS + minute * MINUTE_MS + at * 600;
      resourceSpans.push(spanOf('shop', startMs, at, at % 10 < failing / 10, durationMs));
    }
    resourceSpans.push(spanOf('rare', BEGIN_MS + minute * MINUTE_MS, 0, true, durationMs));
  }
  return JSON.stringify({ resourceSpans });
}

describe('a collector with alerts', () => {
  let directory: string;
  let receiver: Receiver;
  let mail: MailServer;
  let server: RunningServer;
  let nowMs = BEGIN_MS;

  const start = async (): Promise<void> => {
    const args = ['--data-dir', join(directory, 'data'), '--alerts-file', join(directory, 'alerts.yaml')];
    const flags = ['--alerts-interval-ms', '100', '--alerts-delay-ms', '0', '--alerts-retry-delay-ms', '10'];
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const quick = ['--spool-segment-age-ms', '100', '--public-url', 'https://tools.example/tracing/'];
    server = await startServer(configOf([...args, ...flags, ...ports, ...quick]), pino({ level: 'silent' }), {
      engineProcessPath: new URL('../dist/storage/process/embedded-process.js', import.meta.url),
      bodyWorkerPath: new URL('../dist/receivers/decode/body-worker.js', import.meta.url),
      insightWorkerPath: new URL('../dist/insight/insight-worker.js', import.meta.url),
      alertClock: () => nowMs,
      env: { HOOK_SECRET: SECRET, HOOK_TOKEN: 'Bearer abc', SLACK_URL: `${receiver.url}/slack` },
    });
    await server.ready;
  };
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'throughline-alerts-'));
    [receiver, mail] = await Promise.all([startReceiver(), startMailServer()]);
    await writeFile(join(directory, 'alerts.yaml'), RULES(receiver, mail));
    await start();
  });
  afterAll(async () => {
    await server.close();
    await Promise.all([receiver.close(), mail.close()]);
    await rm(directory, { recursive: true, force: true });
  });

  /** Sends the traffic of these minutes, and waits until queries find it. */
  const send = async (fromMinute: number, toMinute: number, failing: number, durationMs?: number): Promise<void> => {
    const body = traffic(fromMinute, toMinute, failing, durationMs);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${server.otlpHttpUrl}/v1/traces`, { method: 'POST', headers, body });
    expect([response.status, await response.json()]).toEqual([200, {}]);
    const [from, to] = [fromMinute, toMinute].map((minute) => new Date(BEGIN_MS + minute * MINUTE_MS).toISOString());
    const counted = async (): Promise<number | undefined> => {
      const found = await fetch(`${server.uiUrl}/api/v1/series?service=shop&from=${from}&to=${to}&step=60`);
      return ((await found.json()) as SeriesResponse).series[0]?.requestCount.reduce((sum, count) => sum + count, 0);
    };
    await vi.waitFor(async () => expect(await counted()).toBe(100 * (toMinute - fromMinute)), WAIT);
  };
  const status = async (): Promise<AlertsResponse> =>
    (await (await fetch(`${server.uiUrl}/api/v1/alerts`)).json()) as AlertsResponse;
  const ruleOf = async (name: string) => (await status()).rules.find((rule) => rule.name === name)!;
  /** Lets so many minutes have passed since the begin, and waits until the window that ends then has been looked at. */
  const passMinutes = async (minutes: number): Promise<void> => {
    nowMs = BEGIN_MS + minutes * MINUTE_MS;
    const end = new Date(nowMs).toISOString();
    await vi.waitFor(
      async () => expect((await status()).rules.map(({ evaluatedAt }) => evaluatedAt)).toEqual([end, end, end]),
      WAIT,
    );
  };
  const arrived = (path: string): Received[] => receiver.received.filter((one) => one.path === path);
  const messages = (): AlertMessage[] => arrived('/hook').map(({ body }) => JSON.parse(body) as AlertMessage);
  const events = (): string[] => messages().map(({ event }) => event);

  it('is quiet while few requests fail, and shows what it measures', async () => {
    await send(0, 10, 0);
    await passMinutes(10);
    expect(await ruleOf('shop fails')).toMatchObject({
      state: 'ok',
      verdict: 'within',
      value: 0,
      requests: 500,
      limit: { direction: 'above', value: 0.05 },
    });
    expect(await ruleOf('shop is slow')).toMatchObject({ state: 'ok', verdict: 'within', requests: 250 });
    // All of them have failed, and there are five.
    expect(await ruleOf('few')).toMatchObject({ state: 'ok', verdict: 'few', value: 1, requests: 5 });
    expect(receiver.received).toEqual([]);
  });

  it('fires when the interval has been beyond the limit for long enough, and tells every channel', async () => {
    await send(10, 20, 30, 900);
    await passMinutes(15);
    expect(await ruleOf('shop fails')).toMatchObject({ state: 'pending', verdict: 'beyond' });
    expect(await ruleOf('shop is slow')).toMatchObject({ state: 'firing', verdict: 'beyond' });
    expect(receiver.received).toEqual([]);
    await passMinutes(16);
    await passMinutes(17);
    expect(await ruleOf('shop fails')).toMatchObject({ state: 'firing', value: 0.3 });
    await vi.waitFor(
      () => expect([arrived('/hook').length, arrived('/slack').length, mail.received.length]).toEqual([1, 1, 1]),
      WAIT,
    );
    const message = messages().at(0)!;
    const { lower, upper } = message.measured!;
    expect(lower!).toBeGreaterThan(0.2);
    expect(upper!).toBeLessThan(0.4);
    expect(message).toMatchObject({
      event: 'fired',
      beganAt: new Date(BEGIN_MS + 10 * MINUTE_MS).toISOString(),
      firedAt: new Date(BEGIN_MS + 17 * MINUTE_MS).toISOString(),
      rule: { name: 'shop fails', severity: 'critical', links: { runbook: 'https://runbooks.example/shop' } },
      suspect: { service: 'shop' },
      example: { url: expect.stringMatching(/^https:\/\/tools\.example\/tracing\/trace\/[0-9a-f]{32}$/) as string },
    });
    expect(message.url).toMatch(/^https:\/\/tools\.example\/tracing\/explore\?service=shop&operation=POST/);
  });

  it('signs what it posts', () => {
    const [{ headers, body }] = arrived('/hook') as [Received];
    const [, seconds, digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['throughline-signature']))!;
    expect(createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex')).toBe(digest);
    expect(headers).toMatchObject({ authorization: 'Bearer abc', 'idempotency-key': messages().at(0)!.id });
  });

  it('mails the same', () => {
    const [{ from, to, raw }] = mail.received as [(typeof mail.received)[number]];
    expect([from, to]).toEqual(['alerts@example.com', ['ops@example.com', 'oncall@example.com']]);
    expect(raw).toContain(`X-Throughline-Dedup-Key: ${messages().at(0)!.dedupKey}`);
    expect(raw.replaceAll(/=\r\n/g, '')).toContain('tools.example/tracing/explore');
  });

  it('says nothing a second time after a restart', async () => {
    await server.close();
    await start();
    await passMinutes(18);
    expect(await ruleOf('shop fails')).toMatchObject({ state: 'firing', dedupKey: messages().at(0)!.dedupKey });
    expect(events()).toEqual(['fired']);
  });

  it('resolves when the interval has been within the limit for as long', async () => {
    await send(20, 40, 0);
    await passMinutes(23);
    expect(await ruleOf('shop fails')).toMatchObject({ state: 'firing', verdict: 'beyond' });
    await passMinutes(28);
    expect(await ruleOf('shop fails')).toMatchObject({ state: 'firing', verdict: 'within' });
    await passMinutes(30);
    expect(await ruleOf('shop fails')).toMatchObject({ state: 'ok', dedupKey: null });
    await vi.waitFor(() => expect([events(), mail.received.length]).toEqual([['fired', 'resolved'], 2]), WAIT);
    expect(new Set(messages().map(({ dedupKey }) => dedupKey)).size).toBe(1);
    expect(new Set(messages().map(({ id }) => id)).size).toBe(2);
  });

  it('uses the rules from before while the file is wrong, and says so', async () => {
    await writeFile(join(directory, 'alerts.yaml'), 'rules:\n  - name: x\n    watsh: errors\n');
    await vi.waitFor(async () => expect((await status()).problem).toMatch(/alerts\.yaml:2:5: rule "x"/), WAIT);
    expect((await status()).rules.map(({ name }) => name)).toEqual(['shop fails', 'shop is slow', 'few']);
    await writeFile(join(directory, 'alerts.yaml'), 'rules: []\n');
    await vi.waitFor(async () => expect(await status()).toMatchObject({ problem: null, rules: [] }), WAIT);
    const metrics = await (await fetch(`${server.uiUrl}/metrics`)).text();
    expect(metrics).toMatch(/throughline_alert_notifications_total\{channel="hook",outcome="delivered"\} [1-9]/);
  });
});

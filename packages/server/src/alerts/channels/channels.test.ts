import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAlertRules } from '../rules/read-rules.ts';
import type { AlertRule, Channel } from '../rules/rule.ts';
import { tellAlert, type AlertOccasion } from '../tell-alert.ts';
import { startMailServer, startReceiver, type MailServer, type Receiver } from '../testing/receivers.ts';
import type { AlertMessage } from './alert-message.ts';
import type { Delivery } from './channel.ts';
import { messageText } from './message-text.ts';
import { plainText } from './plain-text.ts';
import { retryAfterMs } from './post-json.ts';
import { senderOf } from './sender.ts';
import { slackPayload } from './slack.ts';
import { signatureOf } from './webhook.ts';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const HOSTILE = 'a\r\nBcc: evil@example.com\r\n\r\n<!channel> <https://evil|x> *b* \u202e\u001b[31m 漢字';

function ruleOf(more = ''): AlertRule {
  const [rule] = parseAlertRules(
    `rules:\n  - {name: checkout fails, watch: errors, of: {service: checkout, operation: POST /pay}, above: 2%${more}}\n`,
    'x',
    9,
  ).rules;
  if (rule === undefined) throw new Error('no rule');
  return rule;
}

const FIRED_MS = Date.parse('2026-11-30T16:04:00Z');
const OCCASION: AlertOccasion = {
  event: 'fired',
  incident: {
    dedupKey: '1d2e3f4a5b6c7d8e-1796054640',
    firedMs: FIRED_MS,
    beganMs: FIRED_MS - 420_000,
    notifiedMs: null,
    notifications: 0,
    channels: [],
  },
  reading: { value: 0.123, lower: 0.091, upper: 0.162, requests: 812 },
  endMs: FIRED_MS,
  findings: {
    suspect: {
      service: 'payment',
      operation: 'POST /charge',
      kind: 'failures',
      text: 'payment POST /charge fails more often: 0.1% → 13%',
    },
    example: { traceId: '5b8efff798038103d269b633813fc60c', headline: 'POST /pay failed: payment declined the card' },
  },
  publicUrl: 'https://tools.example/tracing',
};
const MESSAGE = tellAlert(
  ruleOf(', links: {runbook: "https://runbooks.example/pay"}, description: Ask the payment team.'),
  OCCASION,
);

function hostileMessage(text: string): AlertMessage {
  const rule = {
    ...ruleOf(),
    of: { service: text, operation: text, kind: null, attributes: [{ key: text, value: text }] },
  };
  const suspect = { service: text, operation: text, kind: 'slow', text };
  return tellAlert(rule, { ...OCCASION, findings: { suspect, example: { traceId: '0'.repeat(32), headline: text } } });
}

const ENV = { SECRET: 'k', TOKEN: 'Bearer t' };
const sendTo = (channel: Channel, message = MESSAGE, timeoutMs = 20_000): Promise<Delivery> =>
  senderOf(channel, ENV, () => 1_796_054_700_000)(message, timeoutMs);

describe('the story of an alert', () => {
  it('is told in messages.golden.txt', async () => {
    const of = (more: Partial<AlertOccasion>, rule = ruleOf()): string =>
      messageText(tellAlert(rule, { ...OCCASION, ...more }));
    const latency = { ...ruleOf(), watch: 'latency', limit: { direction: 'above', value: 5e8 } } as const;
    const rate = { ...ruleOf(), watch: 'rate', limit: { direction: 'below', value: 0.5 } } as const;
    const unusual = { ...ruleOf(), watch: 'unusual', limit: null } as const;
    const texts = [
      messageText(MESSAGE),
      of({ event: 'repeated', endMs: FIRED_MS + 3_600_000 }),
      of({
        event: 'resolved',
        endMs: FIRED_MS + 3_600_000,
        reading: { value: 0.001, lower: 0, upper: 0.008, requests: 900 },
      }),
      of({ reading: { value: 8.1e8, lower: 6.2e8, upper: null, requests: 40 } }, latency),
      of({ reading: { value: 0, lower: 0, upper: 0.02, requests: 0 } }, rate),
      of({ reading: { value: 31.2, lower: null, upper: null, requests: 400 } }, unusual),
      of({ event: 'resolved', reading: { value: null, lower: null, upper: null, requests: 400 } }, unusual),
      of({ event: 'test', incident: null, reading: null }),
    ];
    await expect(texts.join('\n---\n\n')).toMatchFileSnapshot('messages.golden.txt');
  });

  it('has one key for an incident, and one ID for each message', () => {
    const again = tellAlert(ruleOf(), {
      ...OCCASION,
      event: 'repeated',
      incident: { ...OCCASION.incident!, notifications: 1 },
    });
    expect([again.dedupKey, again.fingerprint]).toEqual([MESSAGE.dedupKey, MESSAGE.fingerprint]);
    expect(again.id).not.toBe(MESSAGE.id);
    expect(tellAlert(ruleOf(), OCCASION).id).toBe(MESSAGE.id);
  });

  it('holds nothing that ends a line or hides, whatever services are called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const { headline, details, example } = hostileMessage(text);
        for (const line of [headline, ...details, example!.headline]) {
          expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
          expect(Array.from(line).length).toBeLessThan(1_100);
        }
      }),
    );
    expect(plainText('a'.repeat(1_000_000), 10)).toBe('aaaaaaaaa…');
    const hidden = String.fromCodePoint(0xad, 0x200b, 0x2062, 0x3164, 0xe0041, 0xe0101);
    expect(plainText(`pay${hidden}ment 👨‍👩‍👧 ❤️`)).toBe('pay ment 👨‍👩‍👧 ❤️');
  });
});

describe('a webhook', () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(() => receiver.close());
  const channel = (): Channel => ({
    type: 'webhook',
    name: 'hook',
    url: `${receiver.url}/hook?a=b`,
    headers: { authorization: { env: 'TOKEN' } },
    secret: { env: 'SECRET' },
  });

  it('gets the message as JSON, with a signature over it', async () => {
    expect(await sendTo(channel())).toEqual({ kind: 'delivered' });
    const { path, headers, body } = receiver.received.at(-1)!;
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(MESSAGE)));
    expect(path).toBe('/hook?a=b');
    const digest = createHmac('sha256', 'k').update(`1796054700.${body}`).digest('hex');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer t',
      'idempotency-key': MESSAGE.id,
      'throughline-signature': `t=1796054700,v1=${digest}`,
    });
    expect(signatureOf(Buffer.from(body), 'k', 1_796_054_700)).toBe(headers['throughline-signature']);
  });

  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [301, 'failed'],
    [307, 'failed'],
    [400, 'failed'],
    [404, 'failed'],
    [408, 'retry'],
    [425, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ])('that responds with %i: %s, and no redirect is followed', async (status, kind) => {
    const before = receiver.received.length;
    receiver.answers.push({ status, headers: { location: `${receiver.url}/elsewhere` } });
    expect(await sendTo(channel())).toMatchObject({ kind });
    expect(receiver.received.slice(before).map(({ path }) => path)).toEqual(['/hook?a=b']);
  });

  it('says when it wants the next attempt', async () => {
    receiver.answers.push({ status: 429, headers: { 'retry-after': '120' } });
    expect(await sendTo(channel())).toMatchObject({ kind: 'retry', afterMs: 120_000 });
    expect(retryAfterMs('Mon, 30 Nov 2026 16:05:00 GMT', FIRED_MS)).toBe(60_000);
    expect([retryAfterMs(undefined, 0), retryAfterMs('soon', 0), retryAfterMs('-1', 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(retryAfterMs('999999999', 0)).toBe(86_400_000);
  });

  it('that does not answer, or is not there, is tried again', async () => {
    receiver.answers.push('hang');
    expect(await sendTo(channel(), MESSAGE, 100)).toMatchObject({ kind: 'retry' });
    const nowhere = { ...channel(), url: 'http://127.0.0.1:1/s3cret' } as Channel;
    const delivery = await sendTo(nowhere);
    expect(delivery).toMatchObject({ kind: 'retry', reason: expect.stringContaining('ECONNREFUSED') as string });
    expect(JSON.stringify(delivery)).not.toContain('s3cret');
  });

  it('whose secret is missing, or is none for a header, is not sent to without it', async () => {
    const before = receiver.received.length;
    const missing = { ...channel(), secret: { env: 'NOT_SET' } } as Channel;
    expect(await sendTo(missing)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('NOT_SET') as string,
    });
    const broken = { ...channel(), headers: { a: { env: 'TOKEN' } } } as Channel;
    const delivery = await senderOf(broken, { TOKEN: 's3cret\r\nx: y', SECRET: 'k' }, Date.now)(MESSAGE, 20_000);
    expect(delivery.kind).toBe('failed');
    expect(JSON.stringify(delivery)).not.toContain('s3cret');
    expect(receiver.received.length).toBe(before);
  });
});

/** The rules of its documentation for the blocks that are used. */
function expectPayload(message: AlertMessage): void {
  const { text, blocks } = slackPayload(message);
  expect(text.length).toBeGreaterThan(0);
  expect(blocks.length).toBeLessThanOrEqual(50);
  for (const block of blocks) {
    const texts = block.type === 'context' ? block.elements! : [block.text!];
    expect(texts.length).toBeLessThanOrEqual(10);
    for (const one of texts) {
      expect(one.text.length).toBeGreaterThan(0);
      expect(one.text.length).toBeLessThanOrEqual(block.type === 'header' ? 150 : 3_000);
      expect(one.type).toBe(block.type === 'header' ? 'plain_text' : 'mrkdwn');
      // Nothing but our own links is between angle brackets: no mention of a channel, a person or a group.
      const marked = one.type === 'mrkdwn' ? one.text : '';
      const left = marked.replaceAll(/<https?:\/\/[^<>|\s]+\|[^<>|]+>/g, '');
      expect(left).not.toMatch(/[<>]/);
      expect(left.replaceAll(/&(?:amp|lt|gt);/g, '')).not.toContain('&');
    }
  }
}

describe('Slack', () => {
  it('gets blocks as its documentation wants them', () => {
    expectPayload(MESSAGE);
    expectPayload(tellAlert(ruleOf(), { ...OCCASION, event: 'test', incident: null, reading: null }));
    expect(JSON.stringify(slackPayload(MESSAGE))).toContain('<https://runbooks.example/pay|runbook>');
  });

  it('gets them whatever services are called', () => {
    expectPayload(hostileMessage(HOSTILE));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 2_000 }), (text) => expectPayload(hostileMessage(text))),
    );
    fc.assert(
      fc.property(fc.array(fc.constantFrom('<', '>', '&', '|', '!', '@'), { maxLength: 3_000 }), (parts) =>
        expectPayload(hostileMessage(parts.join(''))),
      ),
    );
  });

  it('gets them at the address that is a secret', async () => {
    const receiver = await startReceiver();
    try {
      const send = senderOf(
        { type: 'slack', name: 'team', url: { env: 'URL' } },
        { URL: `${receiver.url}/services/T0/B0/x` },
        Date.now,
      );
      expect(await send(MESSAGE, 20_000)).toEqual({ kind: 'delivered' });
      expect(receiver.received.at(0)!.path).toBe('/services/T0/B0/x');
      expect(JSON.parse(receiver.received.at(0)!.body)).toEqual(slackPayload(MESSAGE));
    } finally {
      await receiver.close();
    }
  });
});

function channelOf(port: number, more: Partial<Extract<Channel, { type: 'email' }>> = {}): Channel {
  return {
    type: 'email',
    name: 'ops',
    host: '127.0.0.1',
    port,
    tls: 'none',
    login: null,
    caFile: null,
    from: 'Throughline <alerts@example.com>',
    to: ['ops@example.com'],
    ...more,
  };
}

describe('a mail', () => {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-mail-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const servers: MailServer[] = [];
  beforeAll(() => {
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-addext', 'subjectAltName=IP:127.0.0.1'], {
      stdio: 'ignore',
    });
    writeFileSync(join(directory, 'password'), 's3cret\n');
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    rmSync(directory, { recursive: true, force: true });
  });
  const start = async (options: Parameters<typeof startMailServer>[0] = {}): Promise<MailServer> => {
    const server = await startMailServer(options);
    servers.push(server);
    return server;
  };
  const certified = (): Parameters<typeof startMailServer>[0] => ({ key: readFileSync(key), cert: readFileSync(cert) });
  const login = { user: 'alerts', password: { file: join(directory, 'password') } };
  const authorised: NonNullable<Parameters<typeof startMailServer>[0]> = {
    authOptional: false,
    onAuth: ({ username, password }, _session, callback) =>
      password === 's3cret' ? callback(null, { user: username ?? '' }) : callback(new Error('wrong')),
  };

  it('goes to everybody who is named, and has the story with its link', async () => {
    const server = await start();
    expect(await sendTo(channelOf(server.port, { to: ['ops@example.com', 'On Call <b@example.com>'] }))).toEqual({
      kind: 'delivered',
    });
    const { from, to, raw } = server.received.at(0)!;
    expect([from, to]).toEqual(['alerts@example.com', ['ops@example.com', 'b@example.com']]);
    expect(raw).toContain(`Message-ID: <${MESSAGE.id}@throughline>`);
    expect(raw).toMatch(/^Subject: .*checkout POST \/pay/m);
    expect(raw).toMatch(/^References: <1d2e3f4a5b6c7d8e-1796054640@throughline>/m);
  });

  it('has no header and no recipient that a name of a service brings', async () => {
    const server = await start();
    expect(await sendTo(channelOf(server.port), hostileMessage(HOSTILE))).toEqual({ kind: 'delivered' });
    const { to, raw } = server.received.at(0)!;
    expect(to).toEqual(['ops@example.com']);
    const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ');
    expect(head).not.toMatch(/^Bcc:/im);
    expect(head.split('\r\n').filter((line) => /^subject:/i.test(line))).toHaveLength(1);
  });

  it('is encrypted by STARTTLS or TLS, and logs in by a password from a file', async () => {
    for (const [tls, secure] of [
      ['starttls', false],
      ['tls', true],
    ] as const) {
      const server = await start({ ...certified(), ...authorised, secure });
      const delivery = await sendTo(channelOf(server.port, { tls, login, caFile: cert }));
      expect([tls, delivery]).toEqual([tls, { kind: 'delivered' }]);
      expect(server.received.at(0)).toMatchObject({ isSecure: true, user: 'alerts' });
    }
  });

  it('is not sent to a server whose certificate nobody trusts, or that has no STARTTLS', async () => {
    const strange = await start({ ...certified(), ...authorised });
    expect(await sendTo(channelOf(strange.port, { tls: 'starttls', login }))).toMatchObject({ kind: 'retry' });
    const plain = await start({ disabledCommands: ['STARTTLS'] });
    expect(await sendTo(channelOf(plain.port, { tls: 'starttls' }))).toMatchObject({ kind: 'failed' });
    expect([strange.received, plain.received]).toEqual([[], []]);
  });

  it.each([
    [450, 'retry'],
    [550, 'failed'],
  ])('that is rejected with %i: %s', async (responseCode, kind) => {
    const server = await start({
      onRcptTo: (_address, _session, callback) => callback(Object.assign(new Error('no'), { responseCode })),
    });
    expect(await sendTo(channelOf(server.port))).toMatchObject({ kind });
  });

  it('that some of its recipients are refused is tried again for these alone', async () => {
    const refused = new Map([['b@example.com', 450]]);
    const server = await start({
      onRcptTo: ({ address }, _session, callback) => {
        const responseCode = refused.get(address);
        callback(responseCode === undefined ? null : Object.assign(new Error('no'), { responseCode }));
      },
    });
    const channel = channelOf(server.port, { to: ['ops@example.com', 'On Call <b@Example.com>', 'c@example.com'] });
    const attempt = (left?: readonly string[]): Promise<Delivery> =>
      senderOf(channel, ENV, Date.now)(MESSAGE, 20_000, left);
    const first = await attempt();
    expect(first).toMatchObject({ kind: 'retry', left: ['On Call <b@Example.com>'] });
    // Refused by everybody who is left, as a whole mail would be.
    expect(await attempt(['On Call <b@Example.com>'])).toMatchObject({ kind: 'retry' });
    refused.set('c@example.com', 550);
    refused.delete('b@example.com');
    expect(await attempt(['On Call <b@Example.com>', 'c@example.com'])).toMatchObject({ kind: 'failed' });
    expect(server.received.map(({ to }) => to)).toEqual([['ops@example.com', 'c@example.com'], ['b@example.com']]);
    expect(server.received.at(1)!.raw).toMatch(/^To: ops@example\.com, On Call <b@example\.com>/im);
    // Who is not in the file any more gets nothing.
    expect(await attempt(['elsewhere@example.com'])).toMatchObject({ kind: 'failed' });
    expect(server.received).toHaveLength(2);
  });

  it('has more time than a request, as servers look at a mail before they accept it', async () => {
    let mails = 0;
    const server = await start({
      onData: (stream, _session, callback) => {
        mails += 1;
        stream.resume().on('end', () => setTimeout(callback, 600));
      },
    });
    expect(await sendTo(channelOf(server.port), MESSAGE, 500)).toEqual({ kind: 'delivered' });
    expect(mails).toBe(1);
  });

  it('is tried again where the login is rejected, or the server hangs or is not there', async () => {
    const server = await start({
      ...certified(),
      ...authorised,
      onAuth: (_auth, _session, callback) => callback(new Error('no')),
    });
    const rejected = await sendTo(channelOf(server.port, { tls: 'starttls', login, caFile: cert }));
    expect(rejected).toMatchObject({ kind: 'retry' });
    expect(JSON.stringify(rejected)).not.toContain('s3cret');
    const hanging = await start({ onConnect: () => {} });
    expect(await sendTo(channelOf(hanging.port), MESSAGE, 200)).toMatchObject({ kind: 'retry' });
    expect(await sendTo(channelOf(1))).toMatchObject({ kind: 'retry' });
  });
});

import type { Agent } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, Tracer, type TracerOptions } from '../index.ts';
import type { TlsOptions } from '../export/transport/route.ts';
import { redactorOf } from '../http/attributes.ts';

const SECRET = 's3cr3t';

afterEach(() => vi.unstubAllEnvs());

/** Every line that a tracer writes when it is made like this, and what it is refused with. */
async function saidOf(options: TracerOptions, environment: Record<string, string> = {}): Promise<string> {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const lines: string[] = [];
  try {
    const tracer = new Tracer({ register: false, flushOnExit: false, log: (line) => lines.push(line), ...options });
    lines.push(JSON.stringify(tracer.config));
    await tracer.shutdown(0);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines.push(String(error.stack), JSON.stringify(error));
  }
  return lines.join('\n');
}

const HEADERS = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  'OTEL_EXPORTER_OTLP_METRICS_HEADERS',
];

describe('no secret is in a warning, an error, or the configuration that is shown', () => {
  it('of the variables of headers that are right', async () => {
    for (const text of [`api-key=${SECRET}`, `"api-key=${SECRET}"`]) {
      for (const name of HEADERS) expect(await saidOf({}, { [name]: text })).not.toContain(SECRET);
    }
  });

  it.each([`api-key=${SECRET}%zz`, `api-key:${SECRET}`, `api-key=${SECRET}\u0007`, `a=1,${SECRET}`, `=${SECRET}`])(
    'of the variables of headers: %j',
    async (text) => {
      for (const name of HEADERS) {
        const said = await saidOf({}, { [name]: text });
        expect(said).not.toContain(SECRET);
        expect(said).toContain(`${name} is ignored`);
      }
    },
  );

  it.each<[string, TracerOptions]>([
    ['a header with a line break', { headers: { authorization: `Bearer ${SECRET}\n` } }],
    ['headers as a text', { headers: `authorization=${SECRET}` as unknown as Record<string, string> }],
    ['a right header', { headers: { authorization: SECRET } }],
    ['a URL of a wrong scheme', { endpoint: `ftp://user:${SECRET}@host/path?token=${SECRET}` }],
    ['a URL without a scheme', { endpoint: `user:${SECRET}@host:4318` }],
    ['a right URL', { endpoint: `http://user:${SECRET}@127.0.0.1:9/?token=${SECRET}` }],
    ['a key as bytes', { tls: { key: Buffer.from(`-----BEGIN PRIVATE KEY-----\n${SECRET}`) as unknown as string } }],
    ['a key that is none', { tls: { key: SECRET } }],
    ['a key in place of the object with it', { tls: SECRET as unknown as TlsOptions }],
    ['a list of keys', { tls: [SECRET] as unknown as TlsOptions }],
    ['an agent that is none', { agent: { proxy: { password: [SECRET] } } as unknown as Agent }],
  ])('of the options: %s', async (_, options) => {
    expect(await saidOf(options)).not.toContain(SECRET);
  });

  it('of the variables of endpoints', async () => {
    for (const value of [`ftp://user:${SECRET}@host/?token=${SECRET}`, `user:${SECRET}@host`]) {
      const said = await saidOf({}, { OTEL_EXPORTER_OTLP_ENDPOINT: value });
      expect(said).toContain('OTEL_EXPORTER_OTLP_ENDPOINT is ignored');
      expect(said).not.toContain(SECRET);
    }
  });

  it('though it says which pair is wrong', async () => {
    const said = await saidOf({}, { OTEL_EXPORTER_OTLP_HEADERS: `a=1,api-key=${SECRET}%zz` });
    expect(said).toContain('pair 2 ("api-key")');
  });
});

describe('the query of a URL', () => {
  it('is recorded without what is known for a credential', () => {
    const redact = redactorOf(undefined);
    for (const name of ['token', 'access_token', 'API_KEY', 'password', 'X-Amz-Signature', 'sig', 'client_secret']) {
      expect(redact(`a=1&${name}=${SECRET}&b=2`)).toBe(`a=1&${name}=REDACTED&b=2`);
      expect(redact(`https://x.test/p?${name}=${SECRET}#f`)).toBe(`https://x.test/p?${name}=REDACTED#f`);
    }
    expect(redact('broken=1&tokens=2&q=a')).toBe('broken=1&tokens=2&q=a');
  });

  it('and without what the application names, or as its function says', () => {
    expect(redactorOf(['cpf', 'a.b'])(`cpf=${SECRET}&a.b=${SECRET}&token=${SECRET}&axb=1`)).toBe(
      'cpf=REDACTED&a.b=REDACTED&token=REDACTED&axb=1',
    );
    expect(redactorOf((text) => text.replace(/=.*/, '=?'))('a=1')).toBe('a=?');
    const throwing = redactorOf(() => {
      throw new Error('bug');
    });
    expect(throwing(`a=${SECRET}`)).toBe('');
  });
});

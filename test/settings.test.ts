import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { aRequest, postJson } from './support/traces.ts';

describe('a configuration file', () => {
  const directory = newDirectory();
  const file = join(directory, 'throughline.yaml');
  let collector: Collector;
  beforeAll(async () => {
    writeFileSync(
      file,
      `
ingest:
  spansPerRequestMax: 3
otlpHttp:
  bodyBytesMax: 4KiB
  corsOrigins: [https://shop.example]
query:
  traceSpansMax: 100
`,
    );
    collector = await startCollector({ args: ['--config', file, '--ingest-spans-per-request-max', '2'] });
  });
  afterAll(() => collector.stop());

  async function hits(limit: string): Promise<string | undefined> {
    const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
    return metrics.split('\n').find((line) => line.startsWith(`throughline_limit_reached_total{limit="${limit}"}`));
  }

  it('sets a limit that is kept and counted, and yields to a flag', async () => {
    const large = await postJson(collector.otlpUrl, aRequest('large', 50));
    expect([large.status, await large.json()]).toEqual([
      413,
      { code: 8, message: expect.stringMatching(/larger than 4096 bytes/) },
    ]);
    expect(await hits('otlpHttp.bodyBytesMax')).toMatch(/ 1$/);
    const many = await postJson(collector.otlpUrl, aRequest('many', 5));
    expect(await many.json()).toMatchObject({
      partialSuccess: {
        rejectedSpans: '3',
        errorMessage: expect.stringMatching(/^3 spans .*: more than 2 spans/) as string,
      },
    });
    expect(await hits('ingest.spansPerRequestMax')).toMatch(/ 3$/);
  });

  async function statusFor(origin: string): Promise<number> {
    const headers = { 'content-type': 'application/json', origin };
    return (await fetch(`${collector.otlpUrl}/v1/traces`, { method: 'POST', headers, body: '{}' })).status;
  }

  it('lets the pages of its origins send, and no others', async () => {
    expect([await statusFor('https://shop.example'), await statusFor('https://evil.example')]).toEqual([200, 403]);
  });

  it('with a mistake ends the start with its place and what was meant', async () => {
    const wrong = join(directory, 'wrong.yaml');
    writeFileSync(wrong, 'host: 127.0.0.1\nspool:\n  segmentAgeMS: 5\n');
    const command = runCommand(['up', '--config', wrong, '--data-dir', join(directory, 'data')]);
    expect(await command.exited).toEqual({ code: 2, signal: null });
    expect(command.output()).toBe(
      `throughline up: ${wrong}:3:3: unknown key \`segmentAgeMS\` under \`spool\`; did you mean \`segmentAgeMs\`?\n`,
    );
  });
});

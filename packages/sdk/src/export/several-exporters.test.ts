import { afterEach, describe, expect, it } from 'vitest';
import { Tracer } from '../index.ts';
import { evalChild } from '../test-support/child.ts';
import { startSink, type Sink } from '../test-support/sink.ts';
import { zipkin } from '../zipkin.ts';
import { severalExporters } from './several-exporters.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function newSink(status = 200): Promise<Sink> {
  const sink = await startSink((response) => void response.writeHead(status).end());
  closing.push(() => sink.close());
  return sink;
}

describe('of two exporters', () => {
  it.each([400, 503])(
    'one that fails (%i) is logged once, and makes a flush fail; the other goes on',
    async (status) => {
      const good = await newSink();
      const bad = await newSink(status);
      const lines: string[] = [];
      const tracer = new Tracer({
        register: false,
        endpoint: good.url,
        exporter: severalExporters(['otlp', zipkin({ endpoint: `${bad.url}/api/v2/spans` })]),
        log: (line) => void lines.push(line),
        retry: { maxAttempts: 2, initialDelayMillis: 1 },
      });
      closing.push(() => tracer.shutdown(100));
      for (let i = 0; i < 5; i++) {
        tracer.startSpan('x').end();
        expect(await tracer.flush(10_000)).toBe(false);
      }
      expect(good.spans).toHaveLength(5);
      expect(lines).toEqual([expect.stringContaining('/api/v2/spans')]);
    },
  );
});

describe('the exit of a process', () => {
  it('is held up once for all tracers whose collectors hang, and sends no more at once than a tracer may', async () => {
    let sent = 0;
    const hanging = await startSink(() => {
      sent++;
    });
    closing.push(() => hanging.close());
    const child = evalChild(
      `import { Tracer } from './src/index.ts';
      for (let i = 0; i < 8; i++) {
        const tracer = new Tracer({ endpoint: '${hanging.url}', register: false, maxExportBatchSize: 1, scheduledDelayMillis: 3_600_000 });
        for (let n = 0; n < 20; n++) tracer.startSpan('x').end();
      }
      process.exit();`,
    );
    await child.exited();
    // Those of the first tracer, which has all of the time. Each of the others would send as many, if it were waited for.
    expect(sent).toBe(2);
  });
});

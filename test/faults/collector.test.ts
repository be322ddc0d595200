import { expect, it } from 'vitest';
import { startCollector } from '../support/collector.ts';
import { eventually } from '../support/processes.ts';
import { postJson } from '../support/traces.ts';
import { faults, toTracesData } from './index.ts';

it('makes spans that a collector takes whole and gives back', async () => {
  const collector = await startCollector();
  try {
    const hourAgo = BigInt(Date.now() - 3_600_000) * 1_000_000n;
    const kind = faults.find(({ name }) => name === 'poison-messages');
    const incident = kind?.generate(1, { tracesPerWindow: 60, fromUnixNano: hourAgo });
    const spans = incident?.spans ?? [];
    expect(spans.length).toBeGreaterThan(500);
    const response = await postJson(collector.otlpUrl, JSON.stringify(toTracesData(spans)));
    expect([response.status, await response.json()]).toEqual([200, {}]);

    // The largest trace.
    const sizes = new Map<string, number>();
    for (const { traceId } of spans) sizes.set(traceId, (sizes.get(traceId) ?? 0) + 1);
    const [traceId, size] = [...sizes].toSorted((a, b) => b[1] - a[1])[0] ?? ['', 0];
    const found = await eventually('the trace is found', async () => {
      const answer = await fetch(`${collector.apiUrl}/api/v1/traces/${traceId}`);
      return answer.status === 200 ? await answer.text() : undefined;
    });
    expect(found.match(/"spanId"/g)?.length).toBeGreaterThanOrEqual(size);
    for (const { spanId } of spans.filter((span) => span.traceId === traceId)) expect(found).toContain(spanId);
  } finally {
    await collector.stop();
  }
});

import type { SeriesResponse } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

/** Everything that a process has counted since it started. */
function message(requests: number): string {
  const recent = { started: 0, decided: 0, requests: 0, errors: 0 };
  const durations = { offset: 160, counts: [requests] };
  const totals = [{ name: 'GET /cart', status: 0, requests, durationSumNs: requests * 1e6, durations }];
  const operations = [{ name: 'GET', kind: 1, recent, totals }];
  return JSON.stringify({ version: 1, service: 'shop', instance: 'i1', windowMs: 1_000, operations });
}

async function tell({ otlpUrl }: Collector, requests: number): Promise<void> {
  const answer = await fetch(`${otlpUrl}/v1/sampling`, { method: 'POST', body: message(requests) });
  expect([answer.status, await answer.json()]).toEqual([200, expect.not.objectContaining({ totalsNoted: false })]);
}

async function counted({ apiUrl }: Collector): Promise<number> {
  const { series } = (await (await fetch(`${apiUrl}/api/v1/series?service=shop&step=3600`)).json()) as SeriesResponse;
  return series[0]?.estimatedRequestCount.reduce((sum, count) => sum + count, 0) ?? 0;
}

/** In every other round the totals are written after each segment, otherwise the journal tells them. */
const argsOf = (round: number): string[] => {
  const segments = round % 2 === 0 ? '1' : '1000';
  return ['--counts-segment-age-ms', '50', '--counts-journal-segments-max', segments];
};

describe('request metrics whose collector is killed', () => {
  it('are stored once, whether they were on their way, stored, or reported again', async () => {
    let collector = await startCollector({ args: argsOf(0) });
    const { dataDirectory } = collector;
    let told = 0;
    for (let round = 0; round < 4; round++) {
      await tell(collector, (told += 100));
      await tell(collector, (told += 7));
      // Right after the answer, or when the store has them.
      if (round % 2 === 1) {
        const expected = told;
        const asked = collector;
        await eventually('they are stored', async () => (await counted(asked)) === expected);
      }
      process.kill(collector.pid, 'SIGKILL');
      await collector.exited;
      collector = await startCollector({ dataDirectory, args: argsOf(round + 1) });
      // Whoever has heard no answer says it again.
      await tell(collector, told);
    }
    await tell(collector, (told += 1));
    const last = collector;
    await eventually('all of them are stored', async () => (await counted(last)) === told);
    expect(await counted(collector)).toBe(told);
    await collector.stop();
  });
});

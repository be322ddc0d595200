import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually, isAlive } from './support/processes.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

const program = findClickHouseServer();
const why =
  program === undefined
    ? ' (skipped: clickhouse-server is not installed; on Debian: apt-get install clickhouse-server)'
    : '';
/** An hour without queries is not over before the test asks. */
const ARGS = [
  '--cluster-lease-renew-ms',
  '200ms',
  '--rollups-interval-ms',
  '200ms',
  '--rollups-idle-interval-ms',
  '1h',
];
const DAY_MS = 86_400_000;
const SPANS = 10;
const JOBS = ['retention', 'rollups', 'loader'] as const;

describe.skipIf(program === undefined)(`a collector that another one takes the lease from${why}`, () => {
  let server: ClickHouseServer;
  const begun: Collector[] = [];
  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
  });
  afterAll(async () => {
    for (const { pid } of begun) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await server?.stop();
  });

  it('drops no day and counts nothing from then on, says so, and counts everything once when it may again', async () => {
    const first = await aCollector();
    await send(first, 'before');
    await eventually('it is stored', async () => (await stored()) === SPANS);
    await claim(3_600);
    const lost = await eventually('it knows', async () => (await problems(first))[0]);
    expect(lost).toEqual({ code: 'store_not_leased', message: expect.stringContaining('the other one (host there)') });

    // Each finds work: a day that is due, a query for what is not counted, a segment.
    const [old = '', ...days] = [40, 2, 1].map((ago) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10));
    const noons = [old, ...days].map((day) => `'${day} 12:00:00'`).join(', ');
    await server.command(`INSERT INTO throughline.spans (span_id, start_s)
SELECT reinterpretAsFixedString(number + 1), toDateTime(arrayJoin([${noons}])) FROM numbers(1)`);
    const before = await attemptsOf(first);
    expect(await countOfServices(first)).toBe(SPANS);
    await send(first, 'meanwhile');
    await eventually('all have tried, or done something', async () => {
      const now = await attemptsOf(first);
      const have = {
        retention: !(await storedDays()).includes(old),
        rollups: (await counted())[0] !== 0,
        loader: false,
      };
      return JOBS.every((job) => now[job] > before[job] || have[job]);
    });
    expect(await storedDays()).toContain(old);
    expect(await counted()).toEqual([0, 0, 0]);
    expect(await stored()).toBe(SPANS + days.length + 1);
    expect(warningsOf(first)).toEqual([lost.message]);

    // It does not come in between.
    process.kill(first.pid, 'SIGSTOP');
    await claim(0);
    const second = await aCollector();
    process.kill(first.pid, 'SIGCONT');
    await eventually('the other one drops the day', async () => !(await storedDays()).includes(old));
    await send(second, 'by the other one');
    await eventually('it is stored', async () => (await stored()) === 2 * SPANS + days.length);
    await eventually('the other one counts it', async () => {
      await countOfServices(second);
      return (await counted()).every((spans) => spans === 2 * SPANS + days.length);
    });
    await eventually('the first one sees it', async () => (await countOfServices(first)) === 2 * SPANS);
    await second.stop();

    await eventually('the first one goes on', async () => (await problems(first)).length === 0);
    await eventually('nothing is lost', async () => (await stored()) === 3 * SPANS + days.length);
    await eventually('everything is counted', async () => {
      expect(await countOfServices(first)).toBeLessThanOrEqual(3 * SPANS);
      return (await counted()).every((spans) => spans >= 3 * SPANS + days.length);
    });
    expect(new Set(await counted())).toEqual(new Set([3 * SPANS + days.length]));
    expect(await missing(['before', 'meanwhile', 'by the other one'])).toEqual([]);
    await first.stop();
  });

  async function aCollector(): Promise<Collector> {
    const collector = await startCollector({ args: ['--store', server.url, ...ARGS] });
    begun.push(collector);
    return collector;
  }

  /** As another collector does, for so many seconds from now. */
  let renewal = 0;
  async function claim(seconds: number): Promise<void> {
    renewal += 1;
    await server.command(`INSERT INTO throughline.collector_leases (session, renewal, collector, description, term, expires_at)
SELECT 'other', ${renewal}, 'the other one', 'host there', max(term) + 1, now() + ${seconds} FROM throughline.collector_leases`);
  }

  const numberOf = async (sql: string): Promise<number> => Number((await server.rows(sql))[0]?.[0]);
  const stored = (): Promise<number> => numberOf('SELECT count() FROM throughline.spans');

  /** What the derived tables count. All that is sent here is a request. */
  const counted = (): Promise<number[]> =>
    Promise.all(
      ['operation_15m', 'request_1m', 'request_1h'].map((table) =>
        numberOf(`SELECT sum(spans) FROM throughline.${table}`),
      ),
    );

  async function storedDays(): Promise<unknown[]> {
    return (await server.rows('SELECT DISTINCT toString(toDate(start_s)) FROM throughline.spans')).flat();
  }

  async function missing(requests: readonly string[]): Promise<string[]> {
    const ids = new Set((await server.rows('SELECT lower(hex(span_id)) FROM throughline.spans')).flat());
    const sent = requests.flatMap((name) => Array.from({ length: SPANS }, (_, index) => spanIdOf(`${name}-${index}`)));
    return sent.filter((id) => !ids.has(id));
  }
});

async function send({ otlpUrl }: Collector, name: string): Promise<void> {
  const response = await postJson(otlpUrl, aRequest(name, SPANS));
  expect([response.status, await response.text()]).toEqual([200, '{}']);
}

async function problems({ apiUrl }: Collector): Promise<{ code: string; message: string }[]> {
  const readiness = (await (await fetch(`${apiUrl}/readyz`)).json()) as {
    problems: { code: string; message: string }[];
  };
  return readiness.problems;
}

/** How often each has tried to find something to do, whatever came of it. */
async function attemptsOf({ apiUrl }: Collector): Promise<Record<(typeof JOBS)[number], number>> {
  const metrics = await (await fetch(`${apiUrl}/metrics`)).text();
  const sum = (name: string): number =>
    [...metrics.matchAll(new RegExp(`^${name}.* (\\d+)$`, 'gm'))].reduce((all, [, runs]) => all + Number(runs), 0);
  return {
    retention: sum('throughline_job_runs_total{job="retention"'),
    rollups: sum('throughline_job_runs_total{job="rollups"'),
    loader: sum('throughline_loader_inserts_total'),
  };
}

/** Of the service that the test sends spans of. */
async function countOfServices({ apiUrl }: Collector): Promise<number> {
  const { services } = (await (await fetch(`${apiUrl}/api/v1/services`)).json()) as {
    services: { name: string; spanCount: number }[];
  };
  return services.find(({ name }) => name === 'load')?.spanCount ?? 0;
}

/** Without those that the server's version and a segment that waits in the spool are the reason for. */
function warningsOf(collector: Collector): string[] {
  const lines = collector.output().split('\n');
  return lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { level: number; msg: string })
    .filter(({ level, msg }) => level >= 40 && !/does not deduplicate|^insert failed; retrying/.test(msg))
    .map(({ msg }) => msg);
}

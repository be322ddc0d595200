import { MISSING_SHARDS_HEADER, SHARDS_HEADER } from '../packages/trace/src/client/partial-answer.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { seriousBarriers } from './support/barriers.ts';
import { chromiumPath, openBrowser } from './support/chromium.ts';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import type { ClickHouseServer } from './support/clickhouse-server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { QUESTIONS, storeTheTraces, TRACES } from './support/questions.ts';
import { traceIdOf } from './support/traces.ts';

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

const ids = Array.from({ length: TRACES }, (_, index) => traceIdOf(`trace-${index}`));
const ONE_OF_TWO = { missingShards: 1, shards: 2 };

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** What the headers say is missing; null where they say nothing. */
  readonly missing: { readonly missingShards: number; readonly shards: number } | null;
}

async function ask(collector: Collector, question: string): Promise<Answer> {
  const response = await fetch(`${collector.apiUrl}/api/v1${question}`);
  const { status, headers } = response;
  const missing = headers.get(MISSING_SHARDS_HEADER);
  const shards = Number(headers.get(SHARDS_HEADER));
  return {
    status,
    body: (await response.json()) as Record<string, unknown>,
    missing: missing === null ? null : { missingShards: Number(missing), shards },
  };
}

/** Whether a trace belongs on the first of two shards: by the lowest bit of the last four bytes, the lowest first. */
const isOfFirst = (traceId: string): boolean => Number(`0x${traceId.slice(24, 26)}`) % 2 === 0;

/** Gives the rows of a trace that a server has to another one. */
async function copyTrace({ rows, command }: ClickHouseServer, table: string, from: string, to: string): Promise<void> {
  const columns = await rows(
    `SELECT name FROM system.columns WHERE database = 'throughline' AND table = '${table}' AND default_kind = ''`,
  );
  const names = columns.map(([name]) => String(name));
  const values = names.map((name) => (name === 'trace_id' ? `toFixedString(unhex('${to}'), 16)` : name));
  await command(`INSERT INTO throughline.${table} (${names.join(', ')})
SELECT ${values.join(', ')} FROM throughline.${table} WHERE trace_id = unhex('${from}')`);
}

/** Which trace a question is about; null for questions about all. */
const traceOf = (question: string): string | null => /^\/traces\/([0-9a-f]{32})/.exec(question)?.[1] ?? null;

describe.skipIf(isMissing)('queries of a cluster while servers are away', () => {
  let cluster: ClickHouseCluster;
  let onCluster: Collector;
  /** Has the spans of the first shard, and no others. */
  let ofFirstShard: Collector;
  const first = new Set<string>();
  const whole = new Map<string, Answer>();

  beforeAll(async () => {
    // Servers of 2018 take how long they wait for each other from their profiles alone.
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '', {
      profile: '<receive_timeout>1</receive_timeout>',
    });
    const urls = cluster.servers.map(({ url }) => url).join(',');
    onCluster = await startCollector({
      args: ['--store', urls, '--store-cluster', cluster.name],
      env: { THROUGHLINE_CLUSTER_SHARD_RECHECK_MS: '200ms' },
    });
    ofFirstShard = await startCollector();
    await storeTheTraces([onCluster]);
    await cluster.settled();
    for (const [id] of await cluster.servers[0].rows('SELECT DISTINCT lower(hex(trace_id)) FROM throughline.spans')) {
      first.add(String(id));
    }
    await storeTheTraces([ofFirstShard], (id) => first.has(id));
    // Lists have the headlines that were computed before.
    for (const collector of [onCluster, ofFirstShard]) await ask(collector, `/headlines?ids=${ids.join(',')}`);
    for (const question of QUESTIONS) whole.set(question, await ask(onCluster, question));
  });
  afterAll(async () => {
    await onCluster?.stop();
    await ofFirstShard?.stop();
    await cluster?.stop();
  });

  /** Headlines are marked where a trace that was asked for is missing. */
  function lackOf(question: string): typeof ONE_OF_TWO | null {
    const named = /^\/headlines\?ids=(.*)$/.exec(question)?.[1]?.split(',') ?? [];
    return named.length > 0 && named.every((id) => first.has(id)) ? null : ONE_OF_TWO;
  }

  /** Every kind of question is answered with what the living shard has, by the id of its spans, and says so. */
  async function expectFirstShardAlone(traces: readonly string[]): Promise<void> {
    for (const question of QUESTIONS.filter((each) => traceOf(each) === null)) {
      const { status, body, missing } = await ask(onCluster, question);
      const { partial = null, ...found } = body;
      const expected = (await ask(ofFirstShard, question)).body;
      expect({ question, status, found }).toEqual({ question, status: 200, found: expected });
      expect({ question, missing, partial }).toEqual({
        question,
        missing: lackOf(question),
        partial: lackOf(question),
      });
    }
    for (const id of traces) {
      for (const question of [`/traces/${id}`, `/traces/${id}/story`]) {
        const { status, body, missing } = await ask(onCluster, question);
        const code = (body['error'] as { readonly code: string } | undefined)?.code;
        // All of it is there, or nobody knows whether there is any.
        const expected = first.has(id)
          ? await ask(ofFirstShard, question)
          : { status: 503, body, missing: null, code: 'shard_unavailable' };
        expect({ question, status, body, missing, code }).toEqual({ question, code: undefined, ...expected });
      }
    }
    const { body: system } = await ask(onCluster, '/system');
    expect(system['store']).toMatchObject({ partial: ONE_OF_TWO });
  }

  /** Soon everything is answered as before, and nothing is marked. */
  async function expectWhole(): Promise<void> {
    await eventually('no answer is marked', async () => (await ask(onCluster, '/services')).missing === null);
    await expectNothingMissing();
  }

  async function expectNothingMissing(): Promise<void> {
    for (const question of QUESTIONS) {
      // A server of 2018 may hang for a while where another one was killed: that is an error, and no answer in part.
      const marks: unknown[] = [];
      const answer = await eventually(`${question} is answered`, async () => {
        const given = await ask(onCluster, question);
        marks.push(given.missing);
        return given.status === 200 ? given : undefined;
      });
      expect({ question, marks: marks.filter((mark) => mark !== null) }).toEqual({ question, marks: [] });
      expect({ question, answer }).toEqual({ question, answer: whole.get(question) });
    }
  }

  it('has spans on both shards', () => {
    expect(first.size).toBeGreaterThan(0);
    expect(first.size).toBeLessThan(TRACES);
    expect([...whole.values()].map(({ missing }) => missing)).toEqual(QUESTIONS.map(() => null));
  });

  it('go on without a shard that was killed, and are whole when it is back', async () => {
    await cluster.servers[2].kill();
    await expectFirstShardAlone(ids);
    const metrics = await (await fetch(`${onCluster.apiUrl}/metrics`)).text();
    expect(Number(/^throughline_api_partial_answers_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(
      QUESTIONS.length / 2,
    );
    expect(metrics).toMatch(/^throughline_cluster_shards_away 1$/m);
    await cluster.servers[2].restart();
    await expectWhole();
  });

  it('go on without a shard that hangs', async () => {
    cluster.servers[2].hang();
    try {
      const [ofFirst, ofSecond] = [true, false].map((isFirst) => ids.find((id) => first.has(id) === isFirst));
      await expectFirstShardAlone([ofFirst ?? '', ofSecond ?? '']);
    } finally {
      cluster.servers[2].resume();
    }
    await expectWhole();
  });

  it.each([0, 1])('are whole while replica %i of a shard is away', async (index) => {
    await cluster.servers[index]?.kill();
    await expectNothingMissing();
    await cluster.servers[index]?.restart();
    await expectWhole();
  });

  describe('of a trace from before a shard was added', () => {
    // By its id it would be on the second shard today.
    const older = ids.map((id) => id.replace(/^.{8}/, 'b0b0b0b0')).find((id) => !isOfFirst(id)) ?? '';

    beforeAll(async () => {
      await cluster.servers[2].kill();
      for (const table of ['spans', 'trace_times'])
        await copyTrace(cluster.servers[0], table, [...first][0] ?? '', older);
    });
    afterAll(async () => cluster.servers[2].restart());

    it('return what there is, marked', async () => {
      const { status, missing } = await ask(onCluster, `/traces/${older}`);
      expect({ status, missing }).toEqual({ status: 200, missing: ONE_OF_TWO });
    });

    it.skipIf(!chromiumPath).each(['light', 'dark'] as const)(
      'and of everything else, show in %s what is incomplete (needs Chromium)',
      async (colorScheme) => {
        const browser = await openBrowser({ colorScheme });
        const page = await browser.context.newPage();
        for (const path of ['/services', '/explore?time=all', '/system', `/trace/${older}`]) {
          await page.goto(onCluster.apiUrl + path);
          await page.getByRole('status').filter({ hasText: '1 of 2' }).waitFor();
          await page.waitForLoadState('networkidle');
          expect({ path, barriers: await seriousBarriers(page) }).toEqual({ path, barriers: [] });
        }
        const away = ids.find((id) => !first.has(id)) ?? '';
        await page.goto(`${onCluster.apiUrl}/trace/${away}`);
        await page.getByRole('alert').filter({ hasText: '1 of 2' }).waitFor();
        expect(await seriousBarriers(page)).toEqual([]);
        await browser.close();
      },
    );
  });
});

import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SeriesResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

const program = findClickHouseServer();
const why = program === null ? ' (skipped: clickhouse-server is not installed)' : '';

/** What becomes of the next insert into a table: its answer is lost, or it never gets there. */
interface Loss {
  readonly table: string;
  readonly of: 'the answer' | 'the insert';
}

/** Between a collector and its server; loses what it is told to, once. */
class LossyProxy {
  loss: Loss | null = null;
  readonly #server: Server;

  constructor(target: string) {
    this.#server = createServer((incoming, outgoing) => {
      const asked = decodeURIComponent((incoming.url ?? '').replaceAll('+', ' '));
      const lost =
        this.loss !== null && asked.includes(`INSERT INTO throughline.${this.loss.table}`) ? this.loss : null;
      if (lost !== null) this.loss = null;
      if (lost?.of === 'the insert') {
        incoming.socket.destroy();
        return;
      }
      const { method = 'GET', headers } = incoming;
      const forwarded = request(new URL(incoming.url ?? '/', target), { method, headers }, (answer) => {
        if (lost !== null) {
          answer.resume().once('end', () => incoming.socket.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.once('error', () => incoming.socket.destroy());
      incoming.pipe(forwarded);
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe.skipIf(program === null)(`request metrics in a ClickHouse 18.16 server, which knows no tokens${why}`, () => {
  let server: ClickHouseServer;
  let proxy: LossyProxy;
  let collector: Collector;
  let told = 0;

  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
    proxy = new LossyProxy(server.url);
    const args = ['--store', await proxy.listen(), '--counts-segment-age-ms', '50'];
    collector = await startCollector({ args });
  });
  afterAll(async () => {
    await collector?.stop();
    proxy?.close();
    await server?.stop();
  });

  /** Everything that a process has counted since it started. */
  async function tell(requests: number): Promise<void> {
    told += requests;
    const recent = { started: 0, decided: 0, requests: 0, errors: 0 };
    const durations = { offset: 160, counts: [told] };
    const totals = [{ name: 'GET /cart', status: 0, requests: told, durationSumNs: told * 1e6, durations }];
    const operations = [{ name: 'GET', kind: 1, recent, totals }];
    const body = JSON.stringify({ version: 1, service: 'shop', instance: 'i1', windowMs: 1_000, operations });
    const answer = await fetch(`${collector.otlpUrl}/v1/sampling`, { method: 'POST', body });
    expect([answer.status, await answer.json()]).toEqual([200, expect.not.objectContaining({ totalsNoted: false })]);
  }

  async function isCounted(): Promise<boolean> {
    const answer = await fetch(`${collector.apiUrl}/api/v1/series?service=shop&step=3600`);
    if (!answer.ok) return false;
    const { series } = (await answer.json()) as SeriesResponse;
    return (series[0]?.estimatedRequestCount ?? []).reduce((sum, count) => sum + count, 0) === told;
  }

  it.each<Loss>([
    { table: 'counted_1m', of: 'the answer' },
    { table: 'counted_1m', of: 'the insert' },
    { table: 'counted_1h', of: 'the answer' },
    { table: 'counted_1h', of: 'the insert' },
  ])('are stored once where $of into $table is lost', async (loss) => {
    await tell(100);
    await eventually('they are counted', isCounted);
    proxy.loss = loss;
    await tell(7);
    await eventually('it is lost', async () => proxy.loss === null);
    await eventually('they are counted', isCounted);
    // What comes next is inserted when it is known what became of it.
    await tell(1);
    await eventually('they are counted', isCounted);
    for (const table of ['counted_1m', 'counted_1h']) {
      const rows = await server.rows(`SELECT toUInt32(sum(requests)) FROM throughline.${table}`);
      expect([table, rows]).toEqual([table, [[told]]]);
    }
  });
});

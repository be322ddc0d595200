import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, silentLog as log } from '../storage/testing/start-engine.ts';
import type { EngineOfCounts } from './counted-inserts.ts';
import { ExactCounts, type ExactCountsOptions } from './exact-counts.ts';
import { singleServerTables } from '../storage/tables.ts';
import type { CountsMessage, Total } from '../exchange/exchange-message.ts';

const NOW_MS = 1_700_000_045_000;

let directory: string;
let registry: Registry;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-snapshot-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface StoredRow {
  readonly table: string;
  readonly service: string;
  readonly requests: number;
  /** The values of all columns before the requests. */
  readonly key: string;
}

/** What a store has that takes whatever it is given, by the name of the insert. */
type Stored = Map<string, readonly StoredRow[]>;

const engineOf = (stored: Stored): EngineOfCounts => ({
  tables: singleServerTables(),
  insertPlainFile: async (table, path, name) => {
    stored.set(name, [...(stored.get(name) ?? []), ...rowsIn(table, readFileSync(path))]);
  },
  checkInsertEnded: async () => {},
  // Which row is asked for is in the literals.
  query: async (sql) => {
    const all = [...stored.values()].flat();
    const lines = sql.split('UNION ALL').map((select, index) => {
      const [, table] = /FROM throughline\.(\w+)/.exec(select) ?? [];
      if (table === undefined) throw new Error(`no table in ${select}`);
      const [, ...literals] = (/WHERE ([^]*)/.exec(select)?.[1] ?? '').matchAll(/'([^']*)'|\b(\d+)\b/g);
      const key = literals.map(([, text, number]) => text ?? number).join('|');
      const found = all.filter((row) => row.table === table && row.key === key);
      return JSON.stringify([index, String(found.reduce((sum, { requests }) => sum + requests, 0))]);
    });
    return Buffer.from(lines.join('\n'));
  },
});

function requestsOf(rows: Iterable<StoredRow>, table = 'counted_1m'): Record<string, number> {
  const requests: Record<string, number> = {};
  for (const row of rows) {
    if (row.table === table) requests[row.service] = (requests[row.service] ?? 0) + row.requests;
  }
  return requests;
}

/** Reads the blocks of a file as the store does: columns by their types, values by their widths. */
function rowsIn(table: string, bytes: Buffer): StoredRow[] {
  const found: StoredRow[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 0x80) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => {
    const length = varint();
    return bytes.toString('utf8', at, (at += length));
  };
  const readers: Record<string, () => string> = {
    String: text,
    DateTime: () => String(bytes.readUInt32LE((at += 4) - 4)),
    UInt8: () => String(bytes[at++]),
    UInt16: () => String(bytes.readUInt16LE((at += 2) - 2)),
    UInt64: () => String(bytes.readBigUInt64LE((at += 8) - 8)),
    Float64: () => String(bytes.readDoubleLE((at += 8) - 8)),
  };
  while (at < bytes.length) {
    const columns = varint();
    const count = varint();
    const rows = Array.from({ length: count }, (): Record<string, string> => ({}));
    for (let column = 0; column < columns; column++) {
      const name = text();
      const read = readers[text()] ?? text;
      for (const row of rows) row[name] = read();
    }
    for (const { requests, duration_sum_ns: _, ...key } of rows) {
      const service = key['service_name'] ?? '';
      found.push({ table, service, requests: Number(requests), key: Object.values(key).join('|') });
    }
  }
  return found;
}

async function opened(options: Partial<ExactCountsOptions> = {}): Promise<ExactCounts> {
  registry = new Registry();
  const counts = new ExactCounts({
    directory: join(directory, 'counts'),
    log,
    registry,
    now: () => NOW_MS,
    ...options,
    limits: { segmentAgeMs: 5, ...options.limits },
  });
  await counts.open();
  return counts;
}

const aTotal = (name: string, counts: readonly number[]): Total => {
  const requests = counts.reduce((sum, count) => sum + count, 0);
  return { startName: 'GET', name, kind: 1, status: 0, requests, durationSumNs: requests * 1e6, offset: 159, counts };
};

const aMessage = (service: string, totals: readonly Total[]): CountsMessage => ({
  service,
  instance: 'i1',
  windowMs: 5_000,
  totals,
});

/**
 * A copy of one moment: what the pool's threads do meanwhile, a rename say, may fall amid it, and then it is taken
 * again. They come to rest, as nobody gives them more to do.
 */
function copyAsItIs(from: string, to: string): void {
  for (;;) {
    const before = listed(from);
    try {
      cpSync(from, to, { recursive: true });
      if (listed(from) === before && listed(to, false) === listed(from, false)) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    rmSync(to, { recursive: true, force: true });
  }
}

/** Names and sizes, and the times of changes. */
function listed(path: string, hasTimes = true): string {
  const lines = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const stat = statSync(join(path, name), { throwIfNoEntry: false });
      return [name, stat?.isFile() ? stat.size : null, hasTimes ? stat?.ctimeMs : null].join(' ');
    });
  return lines.join('\n');
}

describe('totals that are written down', () => {
  it('lose and double no request, killed at any moment of it', async () => {
    const PROCESSES = 10;
    const OPERATIONS = 3;
    const stored: Stored = new Map();
    const images: { path: string; stored: Stored; isBeingWritten: boolean }[] = [];
    // A piece is one total, and there is always one to be written.
    const counts = await opened({ limits: { journalSegmentsMax: 1 }, pieceWork: 1 });
    counts.start(engineOf(stored));
    const told = new Map<number, number>();
    const messageOf = (process: number): CountsMessage => {
      const requests = told.get(process) ?? 0;
      return aMessage(
        `s${process}`,
        Array.from({ length: OPERATIONS }, (_, index) => aTotal(`op ${index}`, [requests])),
      );
    };
    for (let message = 1; message <= 400; message++) {
      const process = (message * 7) % PROCESSES;
      told.set(process, (told.get(process) ?? 0) + message);
      expect(await counts.take(messageOf(process), true)).toEqual({ kind: 'accepted' });
      if (message % 10 !== 0) continue;
      // What a killed process leaves: its files as they are, and whatever the store had taken by then.
      const path = join(directory, `image-${message}`);
      const isBeingWritten = existsSync(join(directory, 'counts/totals.json.temporary'));
      copyAsItIs(join(directory, 'counts'), path);
      images.push({ path, stored: new Map(stored), isBeingWritten });
    }
    await counts.close();
    await counts.drain(5_000);
    expect(images.filter(({ isBeingWritten }) => isBeingWritten).length).toBeGreaterThan(10);

    for (const image of images) {
      const next = await opened({ directory: image.path });
      next.start(engineOf(image.stored));
      for (let process = 0; process < PROCESSES; process++) {
        expect([image.path, await next.take(messageOf(process), true)]).toEqual([image.path, { kind: 'accepted' }]);
      }
      await next.close();
      await next.drain(5_000);
      expect([image.path, next.status.backlogSegments, next.status.quarantinedSegments]).toEqual([image.path, 0, []]);
      const rows = [...image.stored.values()].flat();
      const expected = [...told].map(([process, requests]) => [`s${process}`, requests * OPERATIONS]);
      for (const table of ['counted_1m', 'counted_1h']) {
        expect([image.path, requestsOf(rows, table)]).toEqual([image.path, Object.fromEntries(expected)]);
      }
    }
  });

  it('are written seldom: the journal holds what came since', async () => {
    const stored: Stored = new Map();
    const counts = await opened({ limits: { journalSegmentsMax: 3 } });
    counts.start(engineOf(stored));
    for (let round = 1; round <= 8; round++) {
      await counts.take(aMessage('shop', [aTotal('GET /', [round])]), true);
      await eventually(() => stored.size === round);
      await eventually(() => counts.status.backlogSegments === 0);
    }
    await eventually(async () => (await registry.metrics()).includes('snapshots_total{outcome="written"} 2'));
    await eventually(() => readdirSync(join(directory, 'counts/journal')).length === 2);
    // Killed here: the totals on the disk are those of the sixth message.
    const next = await opened();
    next.start(engineOf(stored));
    await next.take(aMessage('shop', [aTotal('GET /', [10])]), true);
    await next.close();
    await next.drain(5_000);
    expect([...stored.values()].map((rows) => requestsOf(rows)['shop'])).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 2]);
    // One that stops in order has them all in one file.
    expect(readdirSync(join(directory, 'counts')).toSorted()).toEqual([
      'inserts.json',
      'journal',
      'spool',
      'totals.json',
    ]);
  });

  it('that cannot be written lose nothing: it is tried again, and the journal stays', async () => {
    const stored: Stored = new Map();
    const inTheWay = join(directory, 'counts/totals.json/in the way');
    mkdirSync(inTheWay, { recursive: true });
    const counts = await opened({ limits: { journalSegmentsMax: 1 } });
    counts.start(engineOf(stored));
    for (let round = 1; round <= 3; round++) {
      await counts.take(aMessage('shop', [aTotal('GET /', [round])]), true);
      await eventually(() => stored.size === round && counts.status.backlogSegments === 0);
    }
    await eventually(async () => /snapshots_total\{outcome="failed"\} [1-9]/.test(await registry.metrics()));
    expect(readdirSync(join(directory, 'counts/journal'))).toHaveLength(3);
    rmSync(join(directory, 'counts/totals.json'), { recursive: true });
    await counts.take(aMessage('shop', [aTotal('GET /', [4])]), true);
    await eventually(() => readdirSync(join(directory, 'counts/journal')).length === 0);
    await counts.close();
    await counts.drain(5_000);
    expect([...stored.values()].map((rows) => requestsOf(rows)['shop'])).toEqual([1, 1, 1, 1]);
  });

  it('never hold everything else up, at the limit of totals', async () => {
    const PROCESSES = 500;
    const TOTALS = 100;
    const buckets = Array.from({ length: 20 }, (_, index) => index + 1);
    /**
     * The most that is made JSON of, or read as JSON, in one turn of the event loop: what takes the time, and no clock.
     */
    const measured = async (pieceWork?: number): Promise<number> => {
      const { stringify, parse } = JSON;
      let inTurn = 0;
      let most = 0;
      let isOver = false;
      const add = (characters: number): void => void (most = Math.max(most, (inTurn += characters)));
      const nextTurn = (): void => {
        inTurn = 0;
        if (!isOver) setImmediate(nextTurn);
      };
      const counts = await opened({
        directory: join(directory, `limit-${String(pieceWork)}`),
        limits: { journalSegmentsMax: 1, segmentAgeMs: 60_000 },
        ...(pieceWork !== undefined && { pieceWork }),
      });
      counts.start({ ...engineOf(new Map()), insertPlainFile: async () => {} });
      const tell = async (factor: number, processes: number): Promise<void> => {
        for (let process = 0; process < processes; process++) {
          const totals = Array.from({ length: TOTALS }, (_, index) =>
            aTotal(
              `GET /api/v1/things/${index}`,
              buckets.map((count) => count * factor),
            ),
          );
          expect(await counts.take(aMessage(`service-${process}`, totals), true)).toEqual({ kind: 'accepted' });
        }
      };
      await tell(1, PROCESSES);
      expect(await registry.metrics()).toContain('throughline_counts_totals 50000');
      JSON.stringify = ((...given: Parameters<typeof stringify>) => {
        const text = stringify(...given);
        add(text?.length ?? 0);
        return text;
      }) as typeof stringify;
      JSON.parse = ((...given: Parameters<typeof parse>) => {
        add(given[0].length);
        return parse(...given) as unknown;
      }) as typeof parse;
      try {
        nextTurn();
        // Its segments go into the store, and the totals are written, while it goes on telling.
        await tell(2, 100);
        await counts.close();
        await counts.drain(60_000);
      } finally {
        isOver = true;
        Object.assign(JSON, { stringify, parse });
      }
      expect(counts.status.backlogSegments).toBe(0);
      expect(await registry.metrics()).toMatch(/snapshots_total\{outcome="written"\} [1-9]/);
      return most;
    };
    const [whole, inPieces] = [await measured(Number.POSITIVE_INFINITY), await measured()];
    console.log(`characters of JSON in one turn: ${inPieces}; of totals that are written whole: ${whole}`);
    // The measure sees what it is for.
    expect(whole).toBeGreaterThan(8_000_000);
    expect(inPieces).toBeLessThan(500_000);
  });
});

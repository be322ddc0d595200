import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ByteBuffer } from '../columns/growable-buffers.ts';
import { RejectedSpans } from '../columns/rejected-spans.ts';
import { SpanBlock } from '../columns/span-block.ts';
import { aSpan, appendSpan } from '../columns/testing/append-span.ts';
import { writeNativeBlock } from '../columns/write-native-block.ts';
import { EngineError, type Engine, type PlainInserts, type SpanRecovery } from './engine.ts';
import { COUNTED_COLUMNS } from './rollups/counted-columns.ts';
import { sqlString } from './sql.ts';
import { eventually } from './testing/start-engine.ts';

/** What both kinds of engine call by these names. */
export interface ContractLimits {
  readonly concurrentQueries: number;
  readonly queuedQueriesMax: number;
  readonly resultBytesMax: number;
  readonly queryMemoryBytesMax: number;
}

export interface ContractEngine {
  readonly engine: Engine & SpanRecovery & PlainInserts;
  /** For files of the test. */
  readonly directory: string;
  /** Resolves when each server that answers queries has what was inserted before. */
  readonly settled?: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * What an insert is known again by. `token`: as the engine promises. `contents`: replicated tables of before 22.2 look
 * at the rows alone. `nothing`: other tables of before 22.2, of which a start warns; `insertMissingSpans` stands for it.
 */
export type KnownBy = 'token' | 'contents' | 'nothing';

const SLOW = 'SELECT 1, sleepEachRow(0.05) FROM numbers(1000) SETTINGS max_block_size = 1';
const ENDLESS = SLOW.replace('numbers(1000)', 'numbers(100000)');
const CANCELLED_MS_MAX = 30_000;

/**
 * What whoever uses an engine relies on: embedded, of one server or of a cluster. `open`: a started engine on an empty
 * store, or for all but the first on the same one.
 */
export function engineContract(
  name: string,
  open: (limits: Partial<ContractLimits>) => Promise<ContractEngine>,
  knownBy: KnownBy = 'token',
): void {
  describe(`${name}, as an engine`, () => {
    /** For what needs no limits of its own, and leaves it as it was. */
    let opened: ContractEngine;
    beforeAll(async () => {
      opened = await open({});
    });
    afterAll(async () => {
      await opened?.[Symbol.asyncDispose]();
    });

    test('answers rows in both formats, with any text in a literal', async () => {
      const hostile = `it's "a" \\ \`b\`\n\n; DROP DATABASE throughline; -- \0 ü 🦊 {x:String} ?`;
      const sql = `SELECT ${sqlString(hostile)} AS text, toUInt8(7) AS number`;
      expect(await rows(opened, sql)).toEqual([[hostile, 7]]);
      const native = Buffer.from(
        await opened.engine.query('SELECT toUInt8(7) AS n', { format: 'Native', timeoutMs: 60_000 }),
      );
      // One column, one row, its name, its type, its value; and no row at all.
      expect(native).toEqual(Buffer.from('\x01\x01\x01n\x05UInt8\x07', 'latin1'));
      expect(await rows(opened, 'SELECT 1 WHERE 0')).toEqual([]);
    });

    test('stores a file once by its token, and another file beside it', async () => {
      const [first, second] = [spansFile(opened, 1), spansFile(opened, 100_001)];
      const insert = (path: string, token: string): Promise<void> =>
        opened.engine.insertNativeFile('spans', path, token);
      await Promise.all([insert(first, 'first'), insert(second, 'second')]);
      expect(await spansIn(opened)).toEqual({ rows: 2 * SPANS_PER_FILE, spans: 2 * SPANS_PER_FILE });
      await insert(first, 'first');
      await insert(second, 'second');
      const files = knownBy === 'nothing' ? 4 : 2;
      expect(await spansIn(opened)).toEqual({ rows: files * SPANS_PER_FILE, spans: 2 * SPANS_PER_FILE });
      await insert(first, 'third');
      const again = knownBy === 'contents' ? 0 : 1;
      expect(await spansIn(opened)).toEqual({ rows: (files + again) * SPANS_PER_FILE, spans: 2 * SPANS_PER_FILE });
    });

    test('stores what is missing of a file in doubt: all of it, or nothing', async () => {
      const before = await spansIn(opened);
      const [stored, lost] = [spansFile(opened, 200_001), spansFile(opened, 300_001)];
      await opened.engine.insertNativeFile('spans', stored, 'stored');
      for (let attempt = 0; attempt < 2; attempt++) {
        await opened.engine.insertMissingSpans(stored, 'stored');
        await opened.engine.insertMissingSpans(lost, 'lost');
      }
      expect(await spansIn(opened)).toEqual({
        rows: before.rows + 2 * SPANS_PER_FILE,
        spans: before.spans + 2 * SPANS_PER_FILE,
      });
    });

    test('stores rows without an identity as often as they come, and knows when none of them comes any more', async () => {
      const path = join(opened.directory, 'counted.native');
      writeFileSync(path, await countedRow(opened));
      const counted = async (): Promise<unknown> => {
        await opened.settled?.();
        const sql = `SELECT toUInt32(count()), toUInt32(sum(requests)) FROM ${opened.engine.tables.counted_1m.read}`;
        return (await rows(opened, sql))[0];
      };
      for (let times = 1; times <= 3; times++) {
        await opened.engine.insertPlainFile('counted_1m', path, 'the same');
        await opened.engine.checkInsertEnded('the same');
        expect(await counted()).toEqual([expect.any(Number), 7 * times]);
      }
    });

    test('tells errors apart', async () => {
      await using limited = await open({ queryMemoryBytesMax: 64 * 1024 * 1024 });
      await expect(rows(limited, 'SELECT nothing')).rejects.toMatchObject({ clickhouseCode: 47 });
      await expect(rows(limited, 'SELECT (1')).rejects.toMatchObject({ clickhouseCode: 62 });
      const greedy = 'SELECT length(groupArray(number)) FROM numbers(100000000)';
      await expect(rows(limited, greedy)).rejects.toMatchObject({ code: 'too_large', clickhouseCode: 241 });
      await expect(limited.engine.command('DROP TABLE throughline.nothing')).rejects.toMatchObject({
        clickhouseCode: 60,
      });
      const path = join(limited.directory, 'garbage.native');
      writeFileSync(path, 'no Native at all');
      await expect(limited.engine.insertNativeFile('spans', path, 'garbage')).rejects.toBeInstanceOf(EngineError);
      expect(await rows(limited, 'SELECT 1')).toEqual([[1]]);
    });

    test('takes what came before an error for no answer', async () => {
      const late = 'SELECT number, throwIf(number = 1500000) FROM numbers(1900000) SETTINGS max_threads = 1';
      await expect(rows(opened, late)).rejects.toMatchObject({ clickhouseCode: 395 });
      expect(await rows(opened, 'SELECT 1')).toEqual([[1]]);
    });

    test('ends a query that takes too long, and answers the next ones with what is theirs', async () => {
      await using limited = await open({ concurrentQueries: 2, queuedQueriesMax: 1 });
      await expect(rows(limited, SLOW, 300)).rejects.toMatchObject({ code: 'timeout' });
      await expect(rows(limited, SLOW, 300)).rejects.toMatchObject({ code: 'timeout' });
      expect(await Promise.all([1, 2, 3].map((n) => rows(limited, `SELECT ${n}`)))).toEqual([[[1]], [[2]], [[3]]]);
    });

    test('lets a bounded number of queries wait', async () => {
      await using limited = await open({ concurrentQueries: 1, queuedQueriesMax: 1 });
      const slow = rows(limited, SLOW, 400).catch((error: unknown) => error);
      const queued = rows(limited, 'SELECT 1');
      await expect(rows(limited, 'SELECT 2')).rejects.toMatchObject({
        code: 'unavailable',
        message: 'query queue full (1)',
      });
      expect(await queued).toEqual([[1]]);
      expect(await slow).toMatchObject({ code: 'timeout' });
    });

    test('cancels what nobody waits for any more', async () => {
      const leaving = new AbortController();
      // Longer than anybody waits here for its end.
      const query = opened.engine.query(ENDLESS, { format: 'Native', timeoutMs: 3_600_000, signal: leaving.signal });
      const running = "SELECT count() FROM system.processes WHERE query LIKE concat('%sleep', 'EachRow(0.05)%')";
      const count = async (): Promise<number> => Number((await rows(opened, running))[0]?.[0]);
      const outcome = query.catch((error: unknown) => error);
      await eventually(async () => (await count()) > 0);
      leaving.abort(new Error('nobody waits'));
      expect(await outcome).toMatchObject({ message: 'nobody waits' });
      await eventually(async () => (await count()) === 0, CANCELLED_MS_MAX);
    });

    test('answers what is large whole, and what is too large not at all', async () => {
      await using limited = await open({ resultBytesMax: 64 * 1024 * 1024 });
      const lines = await limited.engine.query('SELECT number FROM numbers(2000000) ORDER BY number', {
        format: 'JSONCompactEachRow',
        timeoutMs: 60_000,
      });
      const numbers = Buffer.from(lines).toString('utf8').split('\n');
      expect(numbers).toHaveLength(2_000_001);
      expect(numbers.at(-2)).toBe('[1999999]');
      const tooLarge = 'SELECT concat(toString(range(300)), toString(number)) FROM numbers(100000)';
      await expect(rows(limited, tooLarge).then(() => 'answered')).rejects.toMatchObject({ code: 'too_large' });
      expect(await rows(limited, 'SELECT 1')).toEqual([[1]]);
    });

    test('is closed when it is closed', async () => {
      const closing = await open({});
      const query = rows(closing, SLOW, 60_000).catch((error: unknown) => error);
      expect(closing.engine.state).toEqual({ kind: 'ready' });
      await closing.engine.close();
      expect(closing.engine.state).toEqual({ kind: 'closed' });
      expect(await query).toMatchObject({ code: 'unavailable' });
      await expect(rows(closing, 'SELECT 1')).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('closed') as string,
      });
      await closing.engine.close();
      await closing[Symbol.asyncDispose]();
    });
  });
}

/** Throws what the engine rejects with. */
export async function rows({ engine }: ContractEngine, sql: string, timeoutMs = 30_000): Promise<unknown[][]> {
  const bytes = await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs });
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown[]);
}

/** Their rows, and how many of them are different. */
async function spansIn(opened: ContractEngine): Promise<{ readonly rows: number; readonly spans: number }> {
  await opened.settled?.();
  const sql = `SELECT toUInt32(count()), toUInt32(uniqExact(span_id)) FROM ${opened.engine.tables.spans.read}`;
  const [[all, different] = []] = await rows(opened, sql);
  return { rows: Number(all), spans: Number(different) };
}

const COUNTED: Readonly<Record<(typeof COUNTED_COLUMNS)[number][0], string>> = {
  time: '1795000020',
  service_name: "'counted'",
  operation: "'GET'",
  kind: '2',
  status: '0',
  bucket: '160',
  requests: '7',
  duration_sum_ns: '7e9',
};

/** One row of `counted_1m`, as a file has it. */
async function countedRow({ engine }: ContractEngine): Promise<Uint8Array> {
  const columns = COUNTED_COLUMNS.map(([column, type]) => `CAST(${COUNTED[column]} AS ${type}) AS ${column}`);
  return await engine.query(`SELECT ${columns.join(', ')}`, { format: 'Native', timeoutMs: 30_000 });
}

export const SPANS_PER_FILE = 10_000;

/** A segment as the spool has it: spans of as many traces over three days, with ids from `firstId` on. Returns its path. */
export function spansFile({ directory }: Pick<ContractEngine, 'directory'>, firstId: number): string {
  const path = join(directory, `${firstId}.native`);
  const block = new SpanBlock(firstId);
  const rejected = new RejectedSpans();
  for (let index = 0; index < SPANS_PER_FILE; index++) {
    const id = (firstId + index).toString(16).padStart(16, '0');
    const startNs = 1_795_000_000_000_000_000n + BigInt(index % 3) * 86_400_000_000_000n;
    // By the last four bytes, of which the first is the least, traces are on all shards.
    const shardedBy = Buffer.from(id.slice(-8), 'hex').swap32().toString('hex');
    appendSpan(block, rejected, aSpan({ traceId: shardedBy.padStart(32, '0'), spanId: id, startNs }));
  }
  const native = new ByteBuffer();
  writeNativeBlock(block, native, null, firstId);
  writeFileSync(path, native.content());
  return path;
}

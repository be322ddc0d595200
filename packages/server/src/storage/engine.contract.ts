import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EngineError, type Engine } from './engine.ts';
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
  readonly engine: Engine;
  /** For files of the test. */
  readonly directory: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const SLOW = 'SELECT 1, sleepEachRow(0.05) FROM numbers(1000) SETTINGS max_block_size = 1';

/** What whoever uses an engine relies on, embedded or over HTTP. `open`: a started engine on an empty store. */
export function engineContract(name: string, open: (limits: Partial<ContractLimits>) => Promise<ContractEngine>): void {
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
      const [first, second] = [await spansFile(opened, 1), await spansFile(opened, 100_001)];
      const insert = (path: string, token: string): Promise<void> =>
        opened.engine.insertNativeFile('spans', path, token);
      await Promise.all([insert(first, 'first'), insert(second, 'second')]);
      await insert(first, 'first');
      await insert(second, 'second');
      const ids = 'SELECT count(), uniqExact(span_id) FROM throughline.spans';
      expect(await rows(opened, ids)).toEqual([[2 * SPANS_PER_FILE, 2 * SPANS_PER_FILE]]);
      await insert(first, 'third');
      expect(await rows(opened, ids)).toEqual([[3 * SPANS_PER_FILE, 2 * SPANS_PER_FILE]]);
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
      const query = opened.engine.query(SLOW, { format: 'Native', timeoutMs: 60_000, signal: leaving.signal });
      const running = "SELECT count() FROM system.processes WHERE query LIKE concat('%sleep', 'EachRow(0.05)%')";
      const count = async (): Promise<number> => Number((await rows(opened, running))[0]?.[0]);
      const outcome = query.catch((error: unknown) => error);
      await eventually(async () => (await count()) > 0);
      leaving.abort(new Error('nobody waits'));
      expect(await outcome).toMatchObject({ message: 'nobody waits' });
      await eventually(async () => (await count()) === 0);
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
      const tooLarge = "SELECT concat(repeat('x', 1000), toString(number)) FROM numbers(100000)";
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

export const SPANS_PER_FILE = 10_000;

/** Spans over three days, with ids from `firstId` on. */
export async function spansFile(opened: ContractEngine, firstId: number): Promise<string> {
  const path = join(opened.directory, `${firstId}.native`);
  const sql = `SELECT reinterpretAsFixedString(${firstId} + number) AS span_id,
    toDateTime(1795000000 + number % 3 * 86400) AS start_s FROM numbers(${SPANS_PER_FILE})`;
  writeFileSync(path, await opened.engine.query(sql, { format: 'Native', timeoutMs: 30_000 }));
  return path;
}

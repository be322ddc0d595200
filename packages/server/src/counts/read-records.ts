import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { CountsRecord } from './totals.ts';

/** What is made of a segment at once, in buckets of totals: about 1 ms. */
const WORK_MAX = 1_000;

/**
 * The records of a segment, in their order. Whenever the caller has had some of them, everything else gets a turn.
 * Skips damaged lines, and logs them. Rejects where the file cannot be read.
 */
export async function* readRecords(path: string, log: Pick<Logger, 'error'>): AsyncGenerator<CountsRecord> {
  let work = 0;
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    if (line === '') continue;
    const record = parse(line);
    if (record instanceof Error) {
      log.error({ err: record, path }, 'skipping a damaged record of request metrics');
      continue;
    }
    yield record;
    work += record.added.reduce((sum, { counts }) => sum + 1 + counts.length, 1);
    if (work < WORK_MAX) continue;
    work = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function parse(line: string): CountsRecord | Error {
  try {
    return JSON.parse(line) as CountsRecord;
  } catch (error) {
    return error as SyntaxError;
  }
}

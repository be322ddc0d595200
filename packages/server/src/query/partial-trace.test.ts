import { describe, expect, it } from 'vitest';
import type { Engine, MissingShards } from '../storage/engine.ts';
import { clusterTables } from '../storage/cluster/cluster-tables.ts';
import { Headlines } from './headlines.ts';
import { QUERY_LIMITS } from './limits.ts';
import { ShardAwayError, type QueryContext } from './rows.ts';
import { findTraceRows } from './trace.ts';
import type { TraceReader } from './trace-reader.ts';

const [PRESENT, AWAY] = ['a'.repeat(32), 'b'.repeat(32)] as const;

const MISSING: MissingShards = {
  missingShards: 1,
  shards: 3,
  lacksTrace: (traceId) => Promise.resolve(traceId === AWAY),
};

/** A store that has a trace of one second where `spans` are given, and of which a shard is missing in each answer. */
function aContext(spans: number): QueryContext & { readonly marks: MissingShards[] } {
  const marks: MissingShards[] = [];
  const engine = {
    tables: clusterTables('main'),
    query: (sql: string, { onPartial }: Parameters<Engine['query']>[1]) => {
      onPartial?.(MISSING);
      const isTimes = sql.includes('trace_times');
      return Promise.resolve(Buffer.from(spans === 0 ? '' : isTimes ? '[1,7,8,0]\n' : `[${spans}]\n`));
    },
  } as unknown as Engine;
  return {
    engine,
    limits: QUERY_LIMITS,
    signal: new AbortController().signal,
    onPartial: (missing) => void marks.push(missing),
    marks,
  };
}

describe('a trace while a shard does not answer', () => {
  it('is whole, and not there where it is not there, as long as its own shard answers', async () => {
    const [found, none] = [aContext(3), aContext(0)];
    expect(await findTraceRows(found, PRESENT, 3)).toBe('as_known');
    expect(await findTraceRows(none, PRESENT)).toBeNull();
    expect([found.marks, none.marks]).toEqual([[], []]);
  });

  it('is neither there nor not where its own shard is the one', async () => {
    await expect(findTraceRows(aContext(0), AWAY)).rejects.toBeInstanceOf(ShardAwayError);
  });

  it('is marked where others have some of it', async () => {
    const context = aContext(3);
    expect(await findTraceRows(context, AWAY, 3)).toBe('as_known');
    expect(context.marks).toEqual([MISSING]);
  });

  it('leaves headlines unmarked that are not of it', async () => {
    const headlines = new Headlines(QUERY_LIMITS, {} as unknown as TraceReader);
    const [present, both] = [aContext(0), aContext(0)];
    expect(await headlines.compute(present, [PRESENT])).toEqual({});
    expect(await headlines.compute(both, [PRESENT, AWAY])).toEqual({});
    expect([present.marks, both.marks]).toEqual([[], [MISSING]]);
  });
});

import type { TraceSummary } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { NewTraces } from './new-traces.ts';

const trace = (traceId: string, spanCount: number, startMs = 1_000): TraceSummary => ({
  traceId,
  spanCount,
  startTimeUnixNano: `${startMs}000000`,
  rootService: 'web',
  rootOperation: 'GET /',
  hasRoot: true,
  durationNs: '1',
  extentNs: '1',
  errorCount: 0,
  services: [],
  headline: null,
});

function ids(known: NewTraces, ...page: readonly TraceSummary[]): string[] {
  return known.settled(page).map(({ traceId }) => traceId);
}

describe('new traces', () => {
  it('are those that have as many spans as in the poll before, each once', () => {
    const known = new NewTraces(1_000, 2_000);
    expect(ids(known, trace('a', 1))).toEqual([]);
    expect(ids(known, trace('a', 2))).toEqual([]);
    expect(ids(known, trace('a', 2))).toEqual(['a']);
    expect(ids(known, trace('a', 2))).toEqual([]);
    expect(ids(known, trace('a', 3))).toEqual([]);
    expect(ids(known, trace('a', 3))).toEqual([]);
  });

  it('come the oldest first', () => {
    const known = new NewTraces(1_000, 2_000);
    const page = [trace('b', 1, 2_000), trace('a', 1, 1_500)];
    ids(known, ...page);
    expect(ids(known, ...page)).toEqual(['a', 'b']);
  });

  it('are none that began before', () => {
    const known = new NewTraces(1_000, 2_000);
    for (const poll of [1, 2, 3]) expect(ids(known, trace('old', 1, 999)), `poll ${poll}`).toEqual([]);
  });

  it('are looked for from the start on, and not for ever', () => {
    const known = new NewTraces(1_000, 2_000);
    expect(known.fromMs(2_000)).toBe(1_000);
    expect(known.fromMs(1_000_000)).toBe(936_000);
    // Between two polls that are minutes apart none may come and go unseen.
    expect(new NewTraces(1_000, 300_000).fromMs(1_000_000)).toBe(340_000);
  });

  it('are returned as they were last seen, and once, where others have pushed them out of the page', () => {
    const known = new NewTraces(1_000, 2_000);
    expect(ids(known, trace('b', 2, 2_000), trace('a', 1))).toEqual([]);
    expect(ids(known, trace('c', 1, 3_000))).toEqual(['a', 'b']);
    expect(ids(known, trace('d', 1, 4_000), trace('c', 1, 3_000))).toEqual(['c']);
    expect(ids(known)).toEqual(['d']);
    expect(ids(known)).toEqual([]);
  });
});

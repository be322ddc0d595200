import { describe, expect, it } from 'vitest';
import { startEngine } from '../storage/testing/start-engine.ts';
import { asProblem } from './as-problem.ts';
import { QUERY_LIMITS } from '../query/limits.ts';
import { queryBytes } from '../query/rows.ts';

describe('a query that needs more memory than it may have', () => {
  it('is told what to narrow, and not to come again', async () => {
    await using store = await startEngine();
    const context = { engine: store.engine, limits: QUERY_LIMITS, signal: new AbortController().signal };
    const answer = queryBytes(context, 'SELECT groupArray(number) FROM numbers(200000000)', 'Native');
    const error = await answer.catch((problem: unknown) => problem);
    const problem = asProblem(error, 1_000);
    expect(problem).toMatchObject({ status: 422, code: 'query_too_large' });
    expect(problem.message).toContain('shorter time');
  });
});

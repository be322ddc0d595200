import { describe, expect, test } from 'vitest';
import { criticalPath } from './analysis/critical-path.ts';
import { followLinks } from './analysis/linked-traces.ts';
import { timeByPath } from './analysis/times.ts';
import { transits } from './analysis/transits.ts';
import { slackNs, whatIf } from './analysis/what-if.ts';
import type { TracesData } from './otlp.ts';
import { tellStory } from './story/tell-story.ts';
import { aTrace, type SpanPlan } from './testing/a-trace.ts';
import { traceFromOtlp } from './tree/trace.ts';

const COUNT = 100_000;

function aChain(): TracesData {
  let plan: SpanPlan = { service: 'app', name: 'leaf', from: COUNT, to: COUNT + 1, error: '' };
  for (let level = COUNT - 1; level > 0; level--) {
    const error = level % 2 === 0 ? { error: 'TimeoutError' } : {};
    plan = { service: `s${level % 7}`, name: 'link', from: level, to: 2 * COUNT - level, children: [plan], ...error };
  }
  return aTrace(plan);
}

function siblings(from: (index: number) => number, lengthMs: number, error = 'E'): TracesData {
  const children = Array.from({ length: COUNT - 1 }, (_, index): SpanPlan => {
    return { service: 'db', name: 'SELECT', kind: 'client', from: from(index), to: from(index) + lengthMs, error };
  });
  return aTrace({ service: 'app', name: 'root', kind: 'server', from: 0, to: COUNT, children, error: '' });
}

describe('a trace of 100,000 spans', () => {
  test.each<[string, () => TracesData]>([
    ['a chain', aChain],
    ['siblings one after another', () => siblings((index) => index, 1)],
    ['siblings at the same time', () => siblings(() => 1, 99_000)],
    ['siblings that all run into a timeout', () => siblings((index) => index, 1, 'TimeoutError')],
    ['siblings that outlive their parent', () => siblings((index) => index, COUNT)],
  ])('has a tree, a critical path and a story: %s', (name, build) => {
    const data = build();
    const readFrom = performance.now();
    const trace = traceFromOtlp(data);
    const toldFrom = performance.now();
    const story = tellStory(trace);
    const toldTo = performance.now();
    console.info(`${name}: tree ${(toldFrom - readFrom).toFixed()} ms, story ${(toldTo - toldFrom).toFixed()} ms`);

    expect(trace.spanCount).toBe(COUNT);
    expect(story.headline).not.toBe('');
    const sum = criticalPath(trace).reduce((total, { startNs, endNs }) => total + endNs - startNs, 0);
    const rootNs = trace.durationNs[trace.rootIndex];
    expect(sum).toBe(rootNs);
    expect(timeByPath(trace).reduce((total, { criticalNs }) => total + criticalNs, 0)).toBe(rootNs);
    expect(whatIf(trace, { spans: () => true, factor: 1 }).durationNs).toBe(rootNs);
    expect(slackNs(trace)[trace.rootIndex]).toBe(0);
    expect(transits(trace).length).toBeLessThan(COUNT);
    expect(followLinks([trace]).links).toEqual([]);
  });
});

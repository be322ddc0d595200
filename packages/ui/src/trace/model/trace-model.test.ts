import type { TraceResponse } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { findSpans } from './find-spans.ts';
import { overflowText } from './overflow.ts';
import { lateSelect } from './testing/late-select.ts';
import { buildTraceModel } from './trace-model.ts';

describe('the model of a trace', () => {
  const { trace, model } = buildTraceModel(lateSelect());

  it('counts spans, errors and levels, and reaches to the last end', () => {
    expect(model).toMatchObject({ spanCount: 4, errorCount: 2, depthMax: 3, extentNs: 5210e6, hasRoot: true });
  });

  it('gives the whole duration of the root to the critical path', () => {
    expect(model.criticalNs.reduce((sum, ns) => sum + ns, 0)).toBe(2020e6);
    expect(model.segments.span[0]).toBe(0);
    expect(model.segments.firstOfSpan.at(-1)).toBe(model.segments.span.length);
  });

  it('marks the span that went on after its caller had timed out, and no other', () => {
    expect([...model.overflows.keys()]).toEqual([3]);
    expect(model.overflows.get(3)).toEqual({ afterIndex: 1, overflowNs: 3200e6, stopped: 'timed out' });
  });

  it('says so in words', () => {
    const overflow = { afterIndex: 1, overflowNs: 3200e6 };
    expect(overflowText(model, { ...overflow, stopped: 'timed out' })).toMatch(/3\.2 s .*payment timed out$/);
    expect(overflowText(model, { ...overflow, stopped: 'cancelled' })).toMatch(/3\.2 s after payment cancelled$/);
    expect(overflowText(model, { ...overflow, stopped: null })).toMatch(/3\.2 s after payment POST /);
  });

  it('knows what it lacks', () => {
    const partial = { missingShards: 1, shards: 3 };
    expect(buildTraceModel({ ...lateSelect(), partial }).model).toMatchObject({ partial, spanCount: 4 });
    expect(model.partial).toBeUndefined();
  });

  it('crosses to the page as a copy', () => {
    expect(structuredClone(model)).toEqual(model);
  });

  it.each([
    ['select', [3]],
    ['FRAUD', [2, 3]],
    ['db.namespace=cards', [3]],
    ['no answer', [0, 1]],
    ['0000000000000002', [1]],
    ['nothing like it', []],
    ['  ', []],
  ])('finds %j', (text, spans) => {
    expect([...findSpans(trace, text)]).toEqual(spans);
  });

  it('shows what can be read of a trace with malformed parts, and says how many were omitted', () => {
    const data = JSON.stringify(lateSelect())
      .replace('"db.namespace"', '7')
      .replace('"SELECT cards"', '{"no":"name"}')
      .replace('"message":"no answer in time"', '"message":["no answer in time"]')
      .replace(
        '"spanId":"0000000000000004"',
        '"spanId":"0000000000000004","events":[null,{"timeUnixNano":"soon"}],"links":7',
      );
    const malformed = buildTraceModel(JSON.parse(data) as TraceResponse);
    expect(malformed.model).toMatchObject({ spanCount: 4, errorCount: 2 });
    expect(malformed.model.story.clauses.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^6 malformed parts /),
    );
    expect([...findSpans(malformed.trace, 'postgresql')]).toEqual([3]);
    expect([...findSpans(malformed.trace, 'no answer in time')]).toEqual([1]);
    expect(structuredClone(malformed.trace.source(3))).toEqual(malformed.trace.source(3));
  });

  it('is empty for a trace without spans', () => {
    expect(buildTraceModel({ resourceSpans: [] }).model).toMatchObject({ spanCount: 0, errorCount: 0, depthMax: 0 });
  });
});

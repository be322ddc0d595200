import { tellStory, traceFromOtlp } from '@throughline/trace';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCheckout } from '../../../trace/src/testing/a-checkout.ts';
import { tracesInText } from './traces-in-text.ts';

const checkout = aCheckout();
const other = JSON.parse(JSON.stringify(checkout).replaceAll('5b8efff7', '00000001')) as typeof checkout;
const TRACE_ID = '5b8efff798038103d269b633813fc60c';
const OTHER_ID = '0000000198038103d269b633813fc60c';

describe('OTLP JSON in a file', () => {
  it('is one document', () => {
    const { traces, unreadableLines } = tracesInText(JSON.stringify(checkout, null, 2));
    expect([...traces.keys()]).toEqual([TRACE_ID]);
    expect(unreadableLines).toBe(0);
    const told = tellStory(traceFromOtlp(traces.get(TRACE_ID)!));
    expect(told).toEqual(tellStory(traceFromOtlp(checkout)));
  });

  it('is a document a line, whose traces go through several of them', () => {
    const [first, ...rest] = checkout.resourceSpans;
    const lines = [{ resourceSpans: [first] }, other, { resourceLogs: [] }, { resourceSpans: rest }];
    const { traces } = tracesInText(`\ufeff${lines.map((line) => JSON.stringify(line)).join('\r\n')}\n\n`);
    expect([...traces.keys()]).toEqual([TRACE_ID, OTHER_ID]);
    expect(traceFromOtlp(traces.get(TRACE_ID)!)).toMatchObject({ spanCount: 8, foreignSpans: 0 });
  });

  it('may hold traces side by side in one scope', () => {
    const spans = [checkout, other].map((data) => data.resourceSpans[0]?.scopeSpans[0]?.spans[0]);
    const { traces } = tracesInText(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    expect([...traces.values()].map((data) => traceFromOtlp(data).spanCount)).toEqual([1, 1]);
  });

  it('counts lines that are no JSON, such as one that was cut off', () => {
    const text = `${JSON.stringify(checkout)}\n${JSON.stringify(other).slice(0, 100)}`;
    expect(tracesInText(text)).toMatchObject({ unreadableLines: 1, traces: { size: 1 } });
  });

  it('may be anything', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(tracesInText(text).traces.size).toBe(0);
      }),
    );
    for (const bad of [{ resourceSpans: [null, 1, { scopeSpans: [null, { spans: [null, 7, { traceId: 5 }] }] }] }]) {
      for (const data of tracesInText(JSON.stringify(bad)).traces.values()) traceFromOtlp(data);
    }
  });
});

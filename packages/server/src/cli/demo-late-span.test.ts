import type { Span, TracesData } from '@throughline/trace';
import { expect, test } from 'vitest';
import { hasLateStatement } from './demo-late-span.ts';

const root = aSpan('01', undefined, 2_000);
const check = aSpan('02', '01', 1_990);
const late = aSpan('03', '02', 5_000, [{ key: 'db.system.name', value: { stringValue: 'postgresql' } }]);

test('a trace is whole when the statement that outlives its root has come', () => {
  expect(hasLateStatement(aTrace(late, check, root))).toBe(true);
});

test('a trace is not whole while its root, a parent or the statement is missing', () => {
  expect(hasLateStatement(aTrace(late, check))).toBe(false);
  expect(hasLateStatement(aTrace(late, root))).toBe(false);
  expect(hasLateStatement(aTrace(check, root))).toBe(false);
});

test('a statement that ended in time is not the late one', () => {
  const quick = aSpan('04', '01', 1_000, late.attributes);
  expect(hasLateStatement(aTrace(root, quick))).toBe(false);
});

function aTrace(...spans: Span[]): TracesData {
  return { resourceSpans: spans.map((span) => ({ scopeSpans: [{ spans: [span] }] })) };
}

function aSpan(
  spanId: string,
  parentSpanId: string | undefined,
  endMs: number,
  attributes: Span['attributes'] = [],
): Span {
  return {
    traceId: 'aa',
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: 'work',
    startTimeUnixNano: '0',
    endTimeUnixNano: `${endMs}000000`,
    attributes,
  };
}

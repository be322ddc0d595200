import type { StoryCause } from '@throughline/trace';
import { expect, test } from 'vitest';
import { groupFailures } from './errors.ts';

const cause = (operation: string, reason: string): StoryCause => ({
  spanId: '00f067aa0ba902b7',
  spanIndex: 0,
  service: 'payment',
  operation,
  kind: 'error',
  confidence: 'stated',
  reason,
});

test('failures that began at one place for one reason are one group, the largest first', () => {
  const causes = [
    cause('POST /refund', 'closed'),
    cause('POST /pay', 'card 4711 declined'),
    null,
    cause('POST /pay', `card 12 declined`),
    cause('POST /pay', 'no network'),
  ];
  const traces = causes.map((_, at) => ({ traceId: String(at), startTimeUnixNano: String(100 - at) }));
  const stories = causes.map((one) => ({ summary: { cause: one } as never }));
  const groups = groupFailures([...traces, { traceId: 'deleted', startTimeUnixNano: '0' }], [...stories, null]);
  expect(
    groups.map(({ operation, reason, traces: of }) => [operation, reason, of.map(({ traceId }) => traceId)]),
  ).toEqual([
    ['POST /pay', 'card 4711 declined', ['1', '3']],
    ['POST /refund', 'closed', ['0']],
    ['POST /pay', 'no network', ['4']],
  ]);
});

import { describe, expect, it } from 'vitest';
import { newRecorded, TEST_SCOPE } from '../test-support/recorded.ts';
import { evalChild } from '../test-support/child.ts';
import type { Span } from '../span/span.ts';
import { createTestTracer } from '../testing.ts';

const start = ({ recorder }: ReturnType<typeof newRecorded>): Span =>
  recorder.start(TEST_SCOPE, 'x', undefined, undefined, undefined);

describe('live spans', () => {
  it('are bounded: above the limit a span is counted, not recorded, and has its identity all the same', () => {
    const recorded = newRecorded({ liveSpanLimit: 100 });
    const spans = Array.from({ length: 1_000_000 }, () => start(recorded));
    expect(spans.filter((span) => span.isRecording())).toHaveLength(100);
    expect(recorded.counters).toMatchObject({ live: 100, dropped: { limit: 999_900 } });
    expect(spans.at(-1)?.spanContext().spanId).toMatch(/^[0-9a-f]{16}$/);
    spans[0]?.end();
    expect(start(recorded).isRecording()).toBe(true);
  });

  it('are spoken of when the limit is reached, and again when there is room', () => {
    const lines: string[] = [];
    const { tracer } = createTestTracer({ limits: { liveSpanLimit: 8 }, log: (line) => lines.push(line) });
    const startMany = (count: number): Span[] => Array.from({ length: count }, () => tracer.startSpan('x'));
    for (let round = 0; round < 2; round++) {
      const spans = startMany(10);
      for (const span of spans.slice(0, 4)) span.end();
      spans.push(...startMany(9));
      for (const span of spans) span.end();
    }
    const full: unknown = expect.stringMatching(/ limit reached \(8 .*limits\.liveSpanLimit$/);
    expect(lines).toEqual([full, expect.stringMatching(/ down to \d: .* recorded again$/), full]);
  });

  it('give their places back when the application has forgotten them, and are reported in development', async () => {
    const child = evalChild(
      `import { Tracer } from './src/index.ts';
       const lines = [];
       const options = { register: false, flushOnExit: false, log: (line) => lines.push(line) };
       const tracer = new Tracer({ ...options, reportUnendedSpans: true });
       const quiet = new Tracer({ ...options, limits: { liveSpanLimit: 1000 } });
       const forget = () => { for (let i = 0; i < 50; i++) tracer.startSpan('forgotten'); };
       const forgetMany = () => { for (let i = 0; i < 1000; i++) quiet.startSpan('forgotten'); };
       const kept = tracer.startSpan('kept');
       forget();
       forgetMany();
       tracer.startSpan('ended').end();
       for (let i = 0; i < 100 && tracer.stats().unended < 50; i++) {
         globalThis.gc();
         await new Promise((resolve) => setTimeout(resolve, 10));
       }
       const stats = tracer.stats();
       console.log(JSON.stringify({ live: stats.live, unended: stats.unended, lines, quiet: quiet.stats().live }));
       kept.end();`,
      { NODE_OPTIONS: '--expose-gc' },
    );
    const { live, unended, lines, quiet } = JSON.parse(await child.line()) as Record<string, unknown>;
    expect([live, unended]).toEqual([1, 50]);
    // One of them; the eighth that started before any was watched is not known to be gone.
    expect(lines).toEqual([expect.stringMatching(/^span "forgotten" .*never ended.* at forget /)]);
    expect(quiet).toBe(125);
  });
});

it.each<[string, () => void]>([
  ['gives the sites as they are', () => void (Error.prepareStackTrace = (_, sites) => sites)],
  [
    'throws',
    () => {
      Error.prepareStackTrace = () => {
        throw new Error('formatter');
      };
    },
  ],
  ['cannot be asked for more frames', () => void Object.defineProperty(Error, 'stackTraceLimit', { writable: false })],
])('an application whose stack %s has its spans in development as well', (_, change) => {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const { tracer, spans } = createTestTracer({ reportUnendedSpans: true });
  try {
    change();
    tracer.startSpan('a').end();
  } finally {
    Reflect.deleteProperty(Error, 'prepareStackTrace');
    if (prepare !== undefined) Object.defineProperty(Error, 'prepareStackTrace', prepare);
    if (limit !== undefined) Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: true });
  }
  expect(spans().map(({ name }) => name)).toEqual(['a']);
});

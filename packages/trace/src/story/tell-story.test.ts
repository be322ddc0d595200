import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attributeText } from '../attributes.ts';
import { formatDuration } from '../format-duration.ts';
import type { TracesData } from '../otlp.ts';
import type { ClauseKind, StoryClause, StoryOptions, StorySummary } from './story.ts';
import { tellStory } from './tell-story.ts';
import { aCheckout, type CheckoutPlan } from '../testing/a-checkout.ts';
import { anException, at, aTrace, spansOf, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { type Trace, traceFromOtlp } from '../tree/trace.ts';

const storyOf = (data: TracesData, options?: StoryOptions) => tellStory(traceFromOtlp(data), options);
const headlineOf = (...plans: SpanPlan[]) => storyOf(aTrace(...plans)).headline;
const clausesOf = (data: TracesData, ...kinds: ClauseKind[]): StoryClause[] =>
  storyOf(data).clauses.filter(({ kind }) => kinds.includes(kind));
const textsOf = (data: TracesData, ...kinds: ClauseKind[]): string[] =>
  clausesOf(data, ...kinds).map(({ text }) => text);

const shop = (to: number, children: SpanPlan[], more: Partial<SpanPlan> = {}): SpanPlan => {
  return { service: 'shop', name: 'GET /list', kind: 'server', from: 0, to, children, ...more };
};
const work = (name: string, from: number, to: number, more: Partial<SpanPlan> = {}): SpanPlan => {
  return { service: 'shop', name, from, to, ...more };
};
const query = (from: number, to: number): SpanPlan => ({
  service: 'shop',
  name: 'SELECT items',
  kind: 'client',
  from,
  to,
  attributes: { 'db.system.name': 'postgresql', 'db.namespace': 'stock' },
});

describe('the story of a timeout', () => {
  test.each<[string, CheckoutPlan, StorySummary['outcome'], 'stated' | 'inferred']>([
    ['the root fails', {}, 'timed-out', 'stated'],
    ['checkout handles it', { fails: false }, 'recovered', 'stated'],
    ['checkout tries twice', { tries: 2 }, 'timed-out', 'stated'],
    ['the second try is handled', { tries: 2, fails: false }, 'recovered', 'stated'],
    ['another wait follows', { fails: false, reviewMs: 3000 }, 'recovered', 'stated'],
    ['nobody names a reason', { paymentError: '', paymentMessage: '' }, 'failed', 'inferred'],
  ])('names in its headline what was waited for, when %s', (_case, plan, outcome, confidence) => {
    const { headline, summary } = storyOf(aCheckout(plan));
    const cause = { service: 'fraud', operation: 'SELECT fraud_checks', kind: 'timeout', confidence };
    expect(summary).toMatchObject({ outcome, cause });
    expect(headline).toMatch(/^POST \/buy .*payment .*2 s.*fraud SELECT fraud_checks/);
  });

  test('tells the rest in clauses', () => {
    const { clauses } = storyOf(aCheckout({ fails: false }));
    const kinds = clauses.map(({ kind }) => kind).filter((kind) => kind !== 'step');
    expect(kinds).toEqual(['total', 'stopped-waiting', 'kept-running', 'handled']);
  });

  test('puts both tries in one clause', () => {
    expect(clausesOf(aCheckout({ tries: 2 }), 'stopped-waiting', 'kept-running', 'surfaced')).toMatchObject([
      { kind: 'stopped-waiting', spanCount: 2 },
      { kind: 'kept-running', spanCount: 2, durationNs: '3200000000' },
      { kind: 'surfaced', spanCount: 1 },
    ]);
  });

  test('names the callee by its address when it has sent no spans', () => {
    const data = aCheckout({ fraudIsTraced: false });
    expect(storyOf(data).headline).toContain('127.0.0.1:4003 POST');
    expect(textsOf(data, 'stopped-waiting')).toEqual([expect.stringContaining('127.0.0.1:4003 POST')]);
  });

  test('does not say that a server kept running when it only took a moment to notice', () => {
    const check: SpanPlan = { service: 'fraud', name: 'POST /check', kind: 'server', from: 5, to: 2012 };
    const call = work('POST', 0, 2001, { kind: 'client', error: 'TimeoutError', children: [check] });
    const data = aTrace(shop(2010, [call]));
    expect(storyOf(data).summary).toMatchObject({ outcome: 'recovered', cause: { kind: 'timeout' } });
    expect(textsOf(data, 'kept-running')).toEqual([]);
  });

  test('tells the reason that is given besides, where one is', () => {
    const lost = aCheckout({ paymentError: 'ECONNRESET', paymentMessage: 'socket hang up' });
    expect(textsOf(lost, 'stopped-waiting')).toEqual([expect.stringMatching(/: socket hang up \(ECONNRESET\)$/)]);
    const message = 'fraud check timed out, pool has 0 of 10 free';
    const spoken = aCheckout({ paymentError: '', paymentMessage: message });
    expect(textsOf(spoken, 'stopped-waiting')).toEqual([expect.stringMatching(new RegExp(`: ${message}$`))]);
  });

  test('carries the origins as JSON', () => {
    expect(storyOf(aCheckout({ fails: false })).errorOrigins).toEqual([
      {
        spanId: '0000000000000008',
        spanIndex: 7,
        kind: 'timeout',
        confidence: 'stated',
        waiterSpanId: '0000000000000006',
        waiterIndex: 5,
        overflowNs: '3200000000',
        handled: true,
        inBackground: false,
        handledBySpanId: '0000000000000003',
        handledByIndex: 2,
        surfacedSpanId: '0000000000000004',
        surfacedIndex: 3,
        type: 'TimeoutError',
        message: expect.stringContaining('aborted') as string,
      },
    ]);
  });
});

describe('the story of an error', () => {
  const charge = work('charge', 20, 90, {
    service: 'payment',
    error: 'CardError',
    events: [anException(89, 'CardError', 'card declined')],
  });

  test('says in its headline where and why', () => {
    const data = aTrace(shop(120, [charge], { error: '500' }));
    expect(storyOf(data).headline).toMatch(/^GET \/list .*card declined.*payment charge/);
    expect(textsOf(data, 'error', 'surfaced')).toEqual([
      expect.stringMatching(/^payment charge .*70 ms: card declined \(CardError\)$/),
      expect.stringMatching(/ shop GET \/list .*120 ms$/),
    ]);
  });

  test('takes the status message where there is no exception', () => {
    const message = 'out of stock';
    expect(headlineOf(shop(120, [], { error: '', message }))).toMatch(new RegExp(`^GET /list .*: ${message}$`));
    expect(headlineOf(shop(120, [], { error: '' }))).toBe('GET /list failed');
  });

  test("tells the root's own reason rather than an earlier failure that was got over", () => {
    const flag = work('GET flag', 2, 5, { kind: 'client', error: '404' });
    const data = aTrace(shop(1337, [flag, query(10, 1300)], { error: '', message: 'assertion failed' }));
    expect(storyOf(data).headline).toMatch(/: assertion failed$/);
    expect(textsOf(data, 'error')).toEqual([
      expect.stringMatching(/^shop GET \/list .*: assertion failed$/),
      expect.stringMatching(/^shop GET flag .*: 404$/),
    ]);
    expect(clausesOf(data, 'handled', 'surfaced').map(({ kind }) => kind)).toEqual(['surfaced', 'handled']);
  });

  test('prefers the error that the root failed with to a timeout that was handled', () => {
    const slow = work('GET /stock', 0, 1000, { kind: 'client', error: 'TimeoutError' });
    const guarded = work('stock or none', 0, 1000, { children: [slow] });
    const data = aTrace(shop(1120, [guarded, { ...charge, from: 1020, to: 1090 }], { error: '500' }));
    expect(storyOf(data).summary).toMatchObject({ outcome: 'failed', cause: { operation: 'charge', kind: 'error' } });
    expect(storyOf(data).headline).toContain('card declined');
  });

  test('mentions a failure that was handled', () => {
    expect(storyOf(aTrace(shop(120, [charge]))).summary).toMatchObject({ outcome: 'recovered' });
    expect(headlineOf(shop(120, [charge]))).toMatch(/: card declined \(payment charge\)$/);
  });

  test('counts the attempts of a retry, and names the pauses between them', () => {
    const tries = [20, 40, 60].map((from) => ({ ...charge, from, to: from + 10 }));
    expect(headlineOf(shop(120, tries))).toMatch(/3 attempts.* charge \(card declined\).*20 ms pauses/);
    expect(headlineOf(shop(120, tries, { error: '500' }))).toMatch(/3 attempts.* charge \(card declined\)/);
  });

  test('counts failures that did not matter where they are many, and names none of them', () => {
    const odd = Array.from({ length: 30 }, (_, index) =>
      work(`job ${'abc'[index % 3]}${index}`, 10 + index, 11 + index, { error: `Error${index}` }),
    );
    const headline = headlineOf(shop(120, [...odd, query(50, 118)]));
    expect(headline).toMatch(/57%.* shop SELECT items; 30 failures/);
    expect(headline).not.toContain('job');
  });

  test('sums up what would be too long to tell', () => {
    const failing = Array.from({ length: 30 }, (_, index) => {
      return work(`job ${index}`, 10 + index, 11 + index, { error: `Error${index}` });
    });
    const texts = textsOf(aTrace(shop(120, failing, { error: '500' })), 'error');
    expect(texts).toHaveLength(6);
    expect(texts.at(-1)).toMatch(/^25 other spans/);
  });
});

describe('the story of a slow trace', () => {
  test('counts the calls of a loop', () => {
    const calls = Array.from({ length: 120 }, (_, index) => query(10 + index * 10, 19 + index * 10));
    const data = aTrace(shop(1300, calls));
    const { headline, summary } = storyOf(data);
    expect(summary).toMatchObject({ outcome: 'slow', patterns: [{ kind: 'n+1', spanCount: 120, width: 1 }] });
    expect(headline).toMatch(/ N\+1, 120 .*shop SELECT items .*83%/);
    expect(clausesOf(data, 'repeated')).toMatchObject([{ spanCount: 120, durationNs: '1080000000' }]);
  });

  test('takes like calls at the same time for no loop', () => {
    const calls = Array.from({ length: 120 }, (_, index) => query(10 + index, 910 + index));
    const data = aTrace(shop(1300, calls));
    expect(storyOf(data).summary.patterns).toMatchObject([{ kind: 'fan-out', spanCount: 120, width: 120 }]);
    expect(textsOf(data, 'repeated')).toEqual([expect.stringMatching(/^120 × .* 120 at a time .*900 ms/)]);
  });

  test('names what took most of the time', () => {
    expect(headlineOf(shop(100, [query(10, 90)]))).toMatch(/80% of 100 ms .*shop SELECT items$/);
    expect(headlineOf(shop(100, [work('render', 80, 95)]))).toMatch(/85% of 100 ms self time .*shop GET \/list$/);
  });

  test('names the way between two services when the time passed there', () => {
    const price: SpanPlan = { service: 'price', name: 'GET /price', kind: 'server', from: 90, to: 94 };
    const call: SpanPlan = { service: 'shop', name: 'GET', kind: 'client', from: 5, to: 95, children: [price] };
    expect(headlineOf(shop(100, [call]))).toMatch(/86% of 100 ms .*transit shop → price$/);
  });

  test('says nothing where nothing stands out', () => {
    const children = [work('a', 0, 40, { service: 'auth' }), work('b', 40, 75, { service: 'cart' }), query(75, 95)];
    expect(headlineOf(shop(100, children))).toBe('');
  });

  test('tells of time in which a span had no child', () => {
    expect(clausesOf(aTrace(shop(100, [work('render', 80, 95)])), 'gap')).toMatchObject([
      { durationNs: '85000000', spanIndexes: [0] },
    ]);
  });

  test('tells of no such time where children overlap', () => {
    const data = aTrace(shop(1000, [work('a', 0, 900), work('b', 800, 1000)]));
    expect(textsOf(data, 'gap')).toEqual([]);
    expect(storyOf(data).headline).toBe('');
  });

  test('tells of no such time where a consumer works for a producer', () => {
    const process: SpanPlan = { service: 'mail', name: 'process', kind: 'consumer', from: 5, to: 95 };
    const send = work('send', 0, 100, { kind: 'producer', children: [process] });
    expect(textsOf(aTrace(shop(100, [send])), 'gap')).toEqual([]);
  });

  test('never says that no child ran while one did', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const trace = traceFromOtlp(aTrace(plan));
        for (const { kind, spanIds, durationNs } of tellStory(trace).clauses) {
          if (kind !== 'gap') continue;
          const free = spanIds.reduce((sum, spanId) => sum + timeWithoutChild(trace, trace.find(spanId)), 0);
          expect(Number(durationNs)).toBeLessThanOrEqual(free);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('sums up the smallest of many steps', () => {
    const children = Array.from({ length: 12 }, (_, index) => {
      return work('job', index * 10, index * 10 + 9 - index / 2, { service: `service ${index}` });
    });
    const steps = textsOf(aTrace(shop(120, children)), 'step');
    expect(steps).toHaveLength(8);
    expect(steps.at(-1)).toMatch(/ in 6 smaller steps$/);
  });
});

describe('the story of an incomplete trace', () => {
  test('says that the root has not been received', () => {
    const data = aTrace({ ...shop(100, [query(10, 90)]), parentSpanId: '00000000000000ff' });
    const story = storyOf(data);
    expect(story.headline).toMatch(/^GET \/list \(root span missing\): 80%/);
    expect(story.hasRoot).toBe(false);
    expect(textsOf(data, 'missing')).toEqual([expect.stringMatching(/^1 span .*missing parent$/)]);
  });

  test('says that there is only one span', () => {
    expect(headlineOf(shop(100, []))).toBe('');
  });

  test('says that there is none', () => {
    const story = storyOf({ resourceSpans: [] });
    expect(story).toMatchObject({ clauses: [], rootSpanId: '', rootIndex: -1, spanCount: 0 });
    expect(story.headline).toMatch(/^No span /);
  });

  test('is about the longest root, and tells of another one, in its headline when that failed', () => {
    const first = shop(1, [], { error: '500' });
    const session = shop(5000, [query(10, 4900)], { service: 'pay', name: 'session', from: 2 });
    expect(headlineOf(first, session)).toMatch(/^session slow: 98% .*; second root .*GET \/list failed$/);
    expect(headlineOf(shop(1, []), session)).not.toContain('second root');
    expect(textsOf(aTrace(shop(1, []), session), 'other-root')).toEqual([
      expect.stringMatching(/^second root .*shop GET \/list \(1 ms\)$/),
    ]);
    const many = Array.from({ length: 9 }, (_, index) => shop(40 + index, [], { from: index }));
    const texts = textsOf(aTrace(session, ...many), 'other-root');
    expect([texts.length, texts.at(-1)]).toEqual([4, expect.stringMatching(/^6 more root spans .*40 ms$/)]);
  });

  test('says that only some of the spans were read', () => {
    const story = storyOf(aTrace(shop(100, [query(10, 90)])), { spansInTrace: 250_000 });
    expect(story).toMatchObject({ truncated: true, spansInTrace: 250_000, spanCount: 2 });
    expect(story.headline).toContain('first 2 of 250,000 spans');
    const text: unknown = expect.stringContaining('first 2 of 250,000 spans');
    expect(story.clauses.at(-1)).toMatchObject({ kind: 'missing', text });
    const rootless = aTrace({ ...shop(100, [query(10, 90)]), parentSpanId: '00000000000000ff' });
    expect(storyOf(rootless, { spansInTrace: 9 }).headline).toMatch(/^GET \/list: first 2 of 9 spans$/);
    expect(storyOf(rootless, { spansInTrace: 2 })).toMatchObject({ truncated: false, spansInTrace: 2 });
  });

  test('copes with a root without duration', () => {
    expect(headlineOf(shop(0, [query(1, 2)]))).toBe('');
  });

  test('says by how much a clock was corrected', () => {
    expect(textsOf(aCheckout({ fraudClockMs: -1000 }), 'clock')).toEqual([
      expect.stringMatching(/ fraud: .*992 ms behind/),
    ]);
  });

  test('says by how much a clock ran ahead, and tells the time as it was', () => {
    const pay: SpanPlan = { service: 'pay', name: 'POST /pay', kind: 'server', from: 3020, to: 3980 };
    const select: SpanPlan = { ...query(3030, 3970), service: 'pay' };
    const call = work('POST', 10, 990, { kind: 'client', children: [{ ...pay, children: [select] }] });
    expect(headlineOf(shop(1000, [call]))).toMatch(/94% of 1 s .*pay SELECT items$/);
    expect(textsOf(aTrace(shop(1000, [call])), 'clock')).toEqual([expect.stringMatching(/ pay: .*2\.99 s ahead/)]);
  });
});

describe('every story', () => {
  const traces: [string, TracesData][] = [
    ['timeout', aCheckout()],
    ['handled', aCheckout({ fails: false, tries: 2, reviewMs: 3000 })],
    ['untraced', aCheckout({ fraudIsTraced: false })],
    ['skewed', aCheckout({ fraudClockMs: -50, fraudError: '499' })],
    [
      'loop',
      aTrace(
        shop(
          1300,
          Array.from({ length: 99 }, (_, index) => query(10 + index * 10, 19 + index * 10)),
        ),
      ),
    ],
    ['error', aTrace(shop(120, [work('charge', 20, 90, { error: 'CardError' })], { error: '500' }))],
    ['spread', aTrace(shop(100, [work('a', 0, 40, { service: 'auth' }), work('b', 40, 75, { service: 'cart' })]))],
  ];

  test.each(traces)('has steps and segments that add up to the total: %s', (_name, data) => {
    const story = storyOf(data);
    expect(sumOf(story.clauses.filter(({ kind }) => kind === 'step'))).toBe(BigInt(story.durationNs));
    expect(sumOf(story.criticalPath)).toBe(BigInt(story.durationNs));
    expect(story.clauses[0]).toMatchObject({ kind: 'total', durationNs: story.durationNs });
  });

  test.each(traces)('names spans that exist, survives JSON, and fits its line: %s', (_name, data) => {
    const story = storyOf(data);
    const trace = traceFromOtlp(data);
    for (const clause of story.clauses) {
      expect(clause.spanIds.length).toBeGreaterThan(0);
      expect(clause.spanIds.map((spanId) => trace.find(spanId))).toEqual(clause.spanIndexes);
      expect(clause.durationNs).toMatch(/^\d+$/);
    }
    expect(JSON.parse(JSON.stringify(story))).toEqual(story);
    expect(story.headline.length).toBeLessThanOrEqual(90);
  });

  test.each(traces)('stays the same, with the new names, when everything is renamed: %s', (_name, data) => {
    const renamed = rename(data);
    const story = storyOf(data);
    const other = storyOf(renamed.data);
    expect(other.headline).toBe(renamed.text(story.headline));
    expect(other.clauses.map(({ text }) => text)).toEqual(story.clauses.map(({ text }) => renamed.text(text)));
    expect(other.clauses.map(({ spanIds }) => spanIds)).toEqual(story.clauses.map(({ spanIds }) => spanIds));
    expect(other.criticalPath).toEqual(story.criticalPath);
  });

  test('has all of this for any tree', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const trace = traceFromOtlp(aTrace(plan));
        const story = tellStory(trace);
        expect(sumOf(story.clauses.filter(({ kind }) => kind === 'step'))).toBe(BigInt(story.durationNs));
        expect(story.headline.length).toBeLessThanOrEqual(90);
        for (const { spanIds, durationNs } of story.clauses) {
          expect(spanIds.length).toBeGreaterThan(0);
          expect(durationNs).toMatch(/^\d+$/);
        }
      }),
    );
  });

  test('cuts names only as far as its headline needs it', () => {
    const name = `GET /${'very/'.repeat(20)}long`;
    const headline = headlineOf(shop(100, [{ ...query(10, 90), name, service: `${name} service` }], { name }));
    expect(headline.length).toBeLessThanOrEqual(90);
    expect(headline).toContain(': 80% of 100 ms in GET /very/');
    expect(headline).toContain('…');
  });

  test('tells the same with long names as with short ones, and breaks nothing off', () => {
    for (const name of ['a', 'ab cd ef', 'x'.repeat(45), 'w '.repeat(60)]) {
      const headline = headlineOf(allNamed(name));
      expect(headline.length).toBeLessThanOrEqual(90);
      expect(headline).toMatch(/ timed out: .* waited 3 s for .*, which ran on 800 ms$/);
    }
  });

  test('holds the same clauses for any tree, whatever the lengths of the names', () => {
    const long = (plan: SpanPlan): SpanPlan => ({
      ...plan,
      service: plan.service.repeat(50),
      name: plan.name.repeat(50),
      children: plan.children?.map(long) ?? [],
    });
    fc.assert(
      fc.property(anyTree, (plan) => {
        const short = headlineOf(plan);
        const headline = headlineOf(long(plan));
        expect(headline.length).toBeLessThanOrEqual(90);
        expect(shape(headline)).toBe(shape(short));
      }),
      { numRuns: 500 },
    );
  });

  test('cuts a text between two words', () => {
    const message = 'the order could not be placed '.repeat(8);
    expect(headlineOf(shop(120, [], { error: '', message }))).toMatch(/ (the|order|could|not|be|placed)…$/);
  });

  test('is one line of plain text, whatever a name holds', () => {
    const headline = headlineOf(shop(100, [query(10, 90)], { name: 'c\u202ed\u2028\ud800 <b>\u001b[31m\ne' }));
    expect(headline).toMatch(/^c d <b> \[31m e: 80%/);
  });

  test('keeps within its bounds, and counts what it omits', () => {
    const calls = Array.from({ length: 120 }, (_, index) => ({
      ...query(10 + index * 10, 19 + index * 10),
      error: 'E',
    }));
    const options = { criticalSegmentsMax: 5, errorOriginsMax: 3, clauseSpanIdsMax: 7 };
    const story = storyOf(aTrace(shop(1300, calls)), options);
    expect(story.criticalPath).toHaveLength(5);
    expect(story.omittedCriticalSegments).toBe(236);
    expect(story.errorOrigins).toHaveLength(3);
    expect(story.omittedErrorOrigins).toBe(117);
    const error = story.clauses.find(({ kind }) => kind === 'error');
    expect(error?.spanIds).toHaveLength(7);
    expect(error?.spanCount).toBe(120);
  });
});

/** In nanoseconds, whole milliseconds counted one by one. */
function timeWithoutChild(trace: Trace, span: number): number {
  const bounds = (index: number): [number, number] => {
    return [at(trace.startNs, index), at(trace.startNs, index) + at(trace.durationNs, index)];
  };
  const children: [number, number][] = [];
  for (let child = span + 1; child < span + at(trace.subtreeSize, span); child += at(trace.subtreeSize, child)) {
    children.push(bounds(child));
  }
  const [from, to] = bounds(span);
  const cuts = [from, to, ...children.flat()].filter((cut) => cut >= from && cut <= to).toSorted((a, b) => a - b);
  return cuts.slice(1).reduce((free, cut, index) => {
    const start = at(cuts, index);
    return children.some(([first, end]) => first < cut && end > start) ? free : free + cut - start;
  }, 0);
}

/** A trace with a timeout and a longer wait, whose names are all made of this one. */
function allNamed(name: string): SpanPlan {
  const late: SpanPlan = { service: `${name}2`, name, kind: 'server', from: 6110, to: 9900 };
  const call = work(name, 6100, 9100, { service: name, kind: 'client', error: 'TimeoutError', children: [late] });
  const slow = work(`${name} slow`, 10, 6000, { service: name });
  return { ...shop(10_000, [slow, call], { error: '504' }), service: name, name };
}

/** A headline without the names of `anyTree`. */
function shape(headline: string): string {
  return headline.replaceAll(/(Card|Timeout)Error|(Card|Timeo)\w*…|([abcxy])\3*…?/g, '');
}

function sumOf(items: readonly { readonly durationNs: string }[]): bigint {
  return items.reduce((total, { durationNs }) => total + BigInt(durationNs), 0n);
}

/** New names for all services, operations and databases, whose order is the reverse of the old ones'. */
function rename(data: TracesData): { data: TracesData; text: (text: string) => string } {
  const copy = structuredClone(data);
  const spans = spansOf(copy);
  const named = [...copy.resourceSpans.map(({ resource }) => resource), ...spans]
    .flatMap((holder) => holder?.attributes ?? [])
    .filter(({ key }) => key === 'service.name' || key === 'db.namespace');
  const names = new Set([...named.map(({ value }) => attributeText(value)), ...spans.map(({ name }) => name)]);
  const sorted = [...names].toSorted();
  const next = new Map(sorted.map((name, index) => [name, `n${String(sorted.length - index).padStart(2, '0')}`]));
  const newName = (name: string): string => next.get(name) ?? name;
  for (const { value } of named) value.stringValue = newName(attributeText(value));
  for (const span of spans) span.name = newName(span.name);
  // The longest first, so that `POST` does not eat the head of `POST /buy`.
  const longestFirst = sorted.toSorted((a, b) => b.length - a.length);
  const pattern = longestFirst.map((name) => `(?<![\\w/])${name.replace(/[/*.]/g, '\\$&')}(?![\\w/])`).join('|');
  return { data: copy, text: (text) => text.replace(new RegExp(pattern, 'g'), newName) };
}

test("a clause's label is its text without the time that it begins with", () => {
  const labelled = fc.sample(anyTree, { numRuns: 200, seed: 12 }).flatMap((plan) => storyOf(aTrace(plan)).clauses);
  for (const { kind, text, label, durationNs } of labelled) {
    const isTimeFirst = kind === 'step' || kind === 'gap';
    expect(text).toBe(isTimeFirst ? `${formatDuration(durationNs)} ${label}` : label);
  }
  expect(labelled.some(({ kind }) => kind === 'step')).toBe(true);
});

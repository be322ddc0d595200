import { expect, test } from 'vitest';
import type { TracesData } from '../otlp.ts';
import { aCheckout } from '../testing/a-checkout.ts';
import { anException, aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import type { StoryOptions } from './story.ts';
import { tellStory } from './tell-story.ts';

const shop = (to: number, children: SpanPlan[], more: Partial<SpanPlan> = {}): SpanPlan => {
  return { service: 'shop', name: 'GET /list', kind: 'server', from: 0, to, children, ...more };
};
const work = (name: string, from: number, to: number, more: Partial<SpanPlan> = {}): SpanPlan => {
  return { service: 'shop', name, from, to, ...more };
};
const query = (from: number, to: number): SpanPlan =>
  work('SELECT items', from, to, {
    kind: 'client',
    attributes: { 'db.system.name': 'postgresql', 'db.namespace': 'stock' },
  });
const charge = (from: number): SpanPlan =>
  work('charge', from, from + 10, {
    service: 'payment',
    error: 'CardError',
    events: [anException(from + 9, 'CardError', 'card declined')],
  });
const times = (count: number, span: (index: number) => SpanPlan): SpanPlan[] =>
  Array.from({ length: count }, (_, index) => span(index));

const price: SpanPlan = { service: 'price', name: 'GET /price', kind: 'server', from: 90, to: 94 };
const payAhead: SpanPlan = { service: 'pay', name: 'POST /pay', kind: 'server', from: 3020, to: 3980 };
const rootless = shop(100, [query(10, 90)], { parentSpanId: '00000000000000ff' });
const session = shop(5000, [query(10, 4900)], { service: 'pay', name: 'session', from: 2 });

/** What happened, and the trace that shows it. */
const STORIES: readonly (readonly [what: string, data: TracesData, options?: StoryOptions])[] = [
  ['a timeout that the root fails with', aCheckout()],
  ['a timeout that a caller handles', aCheckout({ fails: false })],
  ['two attempts that time out', aCheckout({ tries: 2 })],
  ['two attempts that time out, handled', aCheckout({ tries: 2, fails: false })],
  ['a timeout that is handled before another wait', aCheckout({ fails: false, reviewMs: 3000 })],
  ['a timeout of which nobody names the reason', aCheckout({ paymentError: '', paymentMessage: '' })],
  ['a timeout of a callee without spans', aCheckout({ fraudIsTraced: false })],
  ['a lost connection', aCheckout({ paymentError: 'ECONNRESET', paymentMessage: 'socket hang up' })],
  ['an error with a message', aTrace(shop(120, [charge(20)], { error: '500' }))],
  ['an error that is handled', aTrace(shop(120, [charge(20)]))],
  ['an error of the root alone', aTrace(shop(120, [], { error: '', message: 'out of stock' }))],
  ['an error without a reason', aTrace(shop(120, [], { error: '' }))],
  [
    'an error of the root after one that was handled',
    aTrace(
      shop(1337, [work('GET flag', 2, 5, { kind: 'client', error: '404' }), query(10, 1300)], {
        error: '',
        message: 'assertion failed',
      }),
    ),
  ],
  ['three attempts, handled', aTrace(shop(120, [20, 40, 60].map(charge)))],
  ['three attempts that fail', aTrace(shop(120, [20, 40, 60].map(charge), { error: '500' }))],
  ['a failure that did not matter', aTrace(shop(120, [work('job', 10, 11, { error: 'Error1' }), query(50, 118)]))],
  [
    'six failures that did not matter',
    aTrace(
      shop(120, [
        ...times(6, (index) => work(`job ${index}`, 10 + index, 11 + index, { error: `Error${index}` })),
        query(50, 118),
      ]),
    ),
  ],
  [
    'many failures that did not matter',
    aTrace(
      shop(120, [
        ...times(30, (index) => work(`job ${index}`, 10 + index, 11 + index, { error: `Error${index}` })),
        query(50, 118),
      ]),
    ),
  ],
  [
    'many like calls, one by one',
    aTrace(
      shop(
        1300,
        times(120, (index) => query(10 + index * 10, 19 + index * 10)),
      ),
    ),
  ],
  [
    'many like calls at once',
    aTrace(
      shop(
        1300,
        times(120, (index) => query(10 + index, 910 + index)),
      ),
    ),
  ],
  [
    'more than a thousand like calls',
    aTrace(
      shop(
        13_000,
        times(1200, (index) => query(10 + index * 10, 19 + index * 10)),
      ),
    ),
  ],
  ['a query that took most of the time', aTrace(shop(100, [query(10, 90)]))],
  ['a service that took most of the time itself', aTrace(shop(100, [work('render', 80, 95)]))],
  ['time between two services', aTrace(shop(100, [work('GET', 5, 95, { kind: 'client', children: [price] })]))],
  ['a missing root', aTrace(rootless)],
  ['no span', { resourceSpans: [] }],
  ['another root that failed', aTrace(shop(1, [], { error: '500' }), session)],
  ['many roots', aTrace(session, ...times(9, (index) => shop(40 + index, [], { from: index })))],
  ['more spans than were read', aTrace(shop(100, [query(10, 90)])), { spansInTrace: 250_000 }],
  ['a clock that is behind', aCheckout({ fraudClockMs: -1000 })],
  ['a clock that is ahead', aTrace(shop(1000, [work('POST', 10, 990, { kind: 'client', children: [payAhead] })]))],
];

test('the stories read as in stories.golden.txt', async () => {
  const texts = STORIES.map(([what, data, options]) => {
    const { headline, clauses } = tellStory(traceFromOtlp(data), options);
    return [`# ${what}`, headline, ...clauses.map(({ text }) => `- ${text}`)].filter((line) => line !== '').join('\n');
  });
  await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot('stories.golden.txt');
});

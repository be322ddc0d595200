import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorOrigins } from './error-origins.ts';
import { aCheckout, type CheckoutPlan } from '../testing/a-checkout.ts';
import { anException, at, aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';

const server = (service: string, from: number, to: number, more: Partial<SpanPlan> = {}): SpanPlan => {
  return { service, name: `${service} server`, kind: 'server', from, to, ...more };
};
const client = (service: string, from: number, to: number, more: Partial<SpanPlan> = {}): SpanPlan => {
  return { service, name: `${service} client`, kind: 'client', from, to, ...more };
};

/** The origins with names in place of indices. */
const originsOf = (...plans: SpanPlan[]) => describeOrigins(aTrace(...plans));

function describeOrigins(data: Parameters<typeof traceFromOtlp>[0]) {
  const trace = traceFromOtlp(data);
  const name = (index: number): string | undefined => trace.names[index];
  return errorOrigins(trace).map((origin) => ({
    kind: origin.kind,
    span: name(origin.spanIndex),
    waiter: name(origin.waiterIndex),
    overflowMs: origin.overflowNs / 1e6,
    surfaced: name(origin.surfacedIndex),
    handledBy: name(origin.handledByIndex),
  }));
}

const plainError = { kind: 'error', waiter: undefined, overflowMs: 0 };

describe('a plain error', () => {
  test('begins in the deepest errored span and surfaces where its errored ancestors end', () => {
    const charge: SpanPlan = { service: 'pay', name: 'charge', from: 20, to: 30, error: 'CardError' };
    const pay = server('pay', 10, 40, { error: '500', children: [charge] });
    expect(originsOf(server('web', 0, 50, { error: '500', children: [pay] }))).toEqual([
      { ...plainError, span: 'charge', surfaced: 'web server', handledBy: undefined },
    ]);
  });

  test('is handled by the first ancestor that did not fail', () => {
    const charge: SpanPlan = { service: 'pay', name: 'charge', from: 20, to: 30, error: 'CardError' };
    const pay = server('pay', 10, 40, { error: '500', children: [charge] });
    expect(originsOf(server('web', 0, 50, { children: [pay] }))).toEqual([
      { ...plainError, span: 'charge', surfaced: 'pay server', handledBy: 'web server' },
    ]);
  });

  test('is got over by an ancestor that fails much later for a reason of its own', () => {
    const flag = client('shop', 2, 5, { error: '404', attributes: { 'http.response.status_code': 404 } });
    const select = client('orders', 10, 1300);
    const origins = originsOf(
      server('shop', 0, 1337, { error: '', message: 'assertion failed', children: [flag, select] }),
    );
    expect(origins).toEqual([
      { ...plainError, span: 'shop server', surfaced: 'shop server', handledBy: undefined },
      { ...plainError, span: 'shop client', surfaced: 'shop client', handledBy: 'shop server' },
    ]);
  });

  test.each<[string, Partial<SpanPlan>]>([
    ['has only the status of its answer', { error: '500', attributes: { 'http.response.status_code': 500 } }],
    ['quotes the failure', { error: 'CartError', message: 'no cart: card declined' }],
    ['says nothing', { error: '' }],
    ['says what any failure could', { error: '', message: 'internal error' }],
  ])('comes through an ancestor that goes on but %s', (_case, says) => {
    const charge = client('pay', 2, 5, { error: 'CardError', message: 'card declined' });
    expect(originsOf(server('shop', 0, 100, { ...says, children: [charge] }))).toEqual([
      { ...plainError, span: 'pay client', surfaced: 'shop server', handledBy: undefined },
    ]);
  });

  test('comes through an ancestor that gives it a name of its own at once', () => {
    const charge = client('pay', 2, 95, { error: 'ECONNREFUSED', message: 'connect ECONNREFUSED' });
    const plan = server('shop', 0, 100, { error: 'PaymentError', message: 'cannot pay', children: [charge] });
    expect(originsOf(plan)).toMatchObject([{ span: 'pay client', surfaced: 'shop server' }]);
  });

  test('has several origins when several children failed', () => {
    const failing = ['x', 'y'].map((name, index): SpanPlan => {
      return { service: 'a', name, from: 10 + index * 10, to: 15 + index * 10, error: 'E1' };
    });
    const origins = originsOf(server('web', 0, 50, { error: '500', children: failing }));
    expect(origins.map(({ span }) => span)).toEqual(['x', 'y']);
  });

  test('stays one when the failing span leaves healthy work behind', () => {
    const audit: SpanPlan = { service: 'pay', name: 'audit', from: 12, to: 900 };
    const declined = server('pay', 10, 40, {
      error: '500',
      events: [anException(39, 'CardError', 'card declined')],
      children: [audit],
    });
    expect(originsOf(declined)).toMatchObject([{ kind: 'error', span: 'pay server' }]);
  });

  test('stays one when the clock of a failing callee runs ahead', () => {
    const callee = server('pay', 13, 43, { error: '500' });
    const call = client('web', 10, 40, {
      error: '500',
      attributes: { 'http.response.status_code': 500 },
      children: [callee],
    });
    expect(originsOf(server('web', 0, 50, { error: '500', children: [call] }))).toMatchObject([
      { kind: 'error', span: 'pay server', surfaced: 'web server' },
    ]);
  });

  test('comes through a server that answered 4xx, whose status is unset', () => {
    const code = { 'http.response.status_code': 402 };
    const charge: SpanPlan = { service: 'pay', name: 'charge', from: 30, to: 40, error: 'CardError' };
    const pay = server('pay', 20, 50, { attributes: code, children: [charge] });
    const call = client('shop', 10, 60, { error: '402', attributes: code, children: [pay] });
    expect(originsOf(server('shop', 0, 70, { attributes: code, children: [call] }))).toEqual([
      { ...plainError, span: 'charge', surfaced: 'shop server', handledBy: undefined },
    ]);
    expect(originsOf(server('shop', 0, 70, { children: [call] }))).toEqual([
      { ...plainError, span: 'charge', surfaced: 'shop client', handledBy: 'shop server' },
    ]);
  });

  test('begins in the server that answered 4xx when nothing below it failed', () => {
    const code = { 'http.response.status_code': 404 };
    const call = client('shop', 10, 60, {
      error: '404',
      attributes: code,
      children: [server('stock', 20, 50, { attributes: code })],
    });
    expect(originsOf(server('shop', 0, 70, { children: [call] }))).toMatchObject([
      { span: 'stock server', surfaced: 'shop client', handledBy: 'shop server' },
    ]);
  });

  test('of a consumer is not put on its producer', () => {
    const consumer: SpanPlan = { service: 'mail', name: 'process', kind: 'consumer', from: 20, to: 90, error: 'E1' };
    const send: SpanPlan = { service: 'web', name: 'send', kind: 'producer', from: 10, to: 12, children: [consumer] };
    expect(originsOf(server('web', 0, 50, { children: [send] }))).toEqual([
      { ...plainError, span: 'process', surfaced: 'process', handledBy: undefined },
    ]);
  });
});

describe('a timeout', () => {
  const expected = { kind: 'timeout', span: 'SELECT fraud_checks', waiter: 'POST', overflowMs: 3200 };

  test.each<[string, CheckoutPlan]>([
    ['the caller says TimeoutError', {}],
    ['the caller says ETIMEDOUT', { paymentError: 'ETIMEDOUT' }],
    ['the caller says ABORT_ERR', { paymentError: 'ABORT_ERR' }],
    ['the caller says DEADLINE_EXCEEDED', { paymentError: 'DEADLINE_EXCEEDED' }],
    ['the caller says nothing', { paymentError: '', paymentMessage: '' }],
    ['the caller says that the connection broke', { paymentError: 'ECONNRESET', paymentMessage: 'socket hang up' }],
    ['the callee has noticed the closed connection', { fraudError: 'ABORT_ERR' }],
    ['the callee answers 499', { fraudError: '499' }],
    ['the late call fails in the end', { selectError: '57014' }],
    ['everything below fails in the end', { selectError: '57014', fraudError: 'ECONNRESET' }],
    ['the failure is handled', { fails: false }],
    ['another wait follows', { fails: false, reviewMs: 3000 }],
  ])('blames what was still running, when %s', (_case, plan) => {
    expect(describeOrigins(aCheckout(plan))).toEqual([
      {
        ...expected,
        surfaced: plan.fails === false ? 'POST' : 'POST /buy',
        handledBy: plan.fails === false ? 'POST /checkout' : undefined,
      },
    ]);
  });

  test('has an origin for each try', () => {
    expect(describeOrigins(aCheckout({ tries: 2 }))).toMatchObject([expected, expected]);
  });

  test('blames the caller itself when nothing below it has been received', () => {
    expect(describeOrigins(aCheckout({ fraudIsTraced: false }))).toMatchObject([
      { kind: 'timeout', span: 'POST', waiter: 'POST', overflowMs: 0 },
    ]);
  });

  test('names the client as the one who gave up when its server notices a little earlier by its clock', () => {
    const select = client('fraud', 20, 5000);
    const fraud = server('fraud', 15, 2009, { error: 'aborted', children: [select] });
    const call = client('pay', 10, 2010, { error: 'TimeoutError', children: [fraud] });
    expect(originsOf(server('pay', 0, 2020, { error: '504', children: [call] }))).toMatchObject([
      { kind: 'timeout', span: 'fraud client', waiter: 'pay client', overflowMs: 2990 },
    ]);
  });

  test('is inferred of a call that says nothing while its callee is still at work', () => {
    const call = client('pay', 10, 3012, { error: '', children: [server('fraud', 15, 3811)] });
    expect(originsOf(call)).toMatchObject([{ kind: 'timeout', span: 'fraud server', waiter: 'pay client' }]);
    expect(errorOrigins(traceFromOtlp(aTrace(call)))).toMatchObject([{ confidence: 'inferred' }]);
  });

  test('is none for a round duration alone, which is only reported as round', () => {
    const call = client('pay', 10, 3012, { error: '', children: [server('fraud', 15, 3011)] });
    expect(errorOrigins(traceFromOtlp(aTrace(call)))).toMatchObject([
      { kind: 'error', confidence: 'inferred', nearRoundNs: 3e9 },
    ]);
    const odd = client('pay', 10, 2712, { error: '', children: [server('fraud', 15, 2711)] });
    expect(errorOrigins(traceFromOtlp(aTrace(odd)))).toMatchObject([
      { kind: 'error', confidence: 'inferred', nearRoundNs: 0 },
    ]);
  });

  test('is none when a round duration comes with another reason', () => {
    const call = client('pay', 10, 3012, { error: 'CardError', children: [server('fraud', 15, 3011)] });
    expect(originsOf(call)).toMatchObject([{ kind: 'error', span: 'pay client' }]);
  });

  test('stops at the span whose children were each too short to be what was waited for', () => {
    const selects = Array.from({ length: 20 }, (_, index) => client('fraud', 20 + index * 100, 115 + index * 100));
    const fraud = server('fraud', 15, 2300, { children: selects });
    const call = client('pay', 10, 2010, { error: 'TimeoutError', children: [fraud] });
    expect(originsOf(call)).toMatchObject([{ kind: 'timeout', span: 'fraud server', overflowMs: 290 }]);
  });

  test('is blamed on the call that overran it, not on an earlier failure that was got over', () => {
    const failed = client('stock', 10, 20, { error: 'ECONNREFUSED' });
    const slow = client('pay', 30, 9000);
    const origins = originsOf(server('shop', 0, 5000, { error: 'TimeoutError', children: [failed, slow] }));
    expect(origins).toContainEqual({
      kind: 'timeout',
      span: 'pay client',
      waiter: 'shop server',
      overflowMs: 4000,
      surfaced: 'shop server',
      handledBy: undefined,
    });
  });

  test.each<[string, SpanPlan]>([
    ['a round wait that ends with a message', client('shop', 20, 520, { error: '', message: 'card declined' })],
    ['a refused connection', client('shop', 2, 502, { error: '', message: 'connect ECONNREFUSED 10.0.0.1:443' })],
    ['a bug in a server after a round time', server('shop', 0, 501, { error: '', message: 'x is not a function' })],
    ['a round time of a server without a word', server('shop', 0, 500, { error: '' })],
    [
      'a caller that names its reason while a child goes on',
      server('shop', 0, 100, { error: '', message: 'bad input', children: [client('shop', 1, 400)] }),
    ],
    [
      'a call that names its reason while its callee goes on',
      client('shop', 0, 137, { error: 'OutOfStock', children: [server('inventory', 1, 400)] }),
    ],
    [
      'a conflict of transactions by its gRPC status',
      client('shop', 0, 500, { error: 'ABORTED', attributes: { 'rpc.response.status_code': 'ABORTED' } }),
    ],
    [
      'a transaction that was aborted',
      client('shop', 0, 500, { error: 'com.shop.TransactionAbortedException', message: 'deadlock detected' }),
    ],
    ['a cancelled order', server('shop', 0, 77, { error: '', message: 'order was cancelled by the customer' })],
    ['an order that was cancelled, by type', client('shop', 0, 500, { error: 'OrderCancelledException' })],
  ])('is none in %s', (_case, plan) => {
    expect(originsOf(plan)).toMatchObject([{ kind: 'error', span: plan.name }]);
  });

  test.each<Partial<SpanPlan>>([
    { error: 'TimeoutError' },
    { error: 'java.net.SocketTimeoutException' },
    { error: 'ETIMEDOUT' },
    { error: '', message: 'Request timed out' },
    { error: '', message: 'context deadline exceeded' },
    { error: 'Error', message: 'timeout of 700ms exceeded' },
    { error: '', events: [anException(700, 'Error', 'connect ETIMEDOUT 10.0.0.1:443')] },
  ])('is known by what the span says: %o', (says) => {
    expect(originsOf(client('pay', 10, 710, says))).toMatchObject([{ kind: 'timeout' }]);
  });

  test.each<Partial<SpanPlan>>([
    { error: 'AbortError' },
    { error: 'ABORT_ERR' },
    { error: 'CanceledError' },
    { error: 'System.Threading.Tasks.TaskCanceledException' },
    { error: '', message: 'This operation was aborted' },
  ])('is not known by a cancellation, of which nobody says why: %o', (says) => {
    expect(originsOf(client('pay', 10, 710, says))).toMatchObject([{ kind: 'cancelled', waiter: 'pay client' }]);
  });

  test('is that of the server that answered 504, and never of the client that got the answer', () => {
    const code = { 'http.response.status_code': 504 };
    const pay = server('pay', 13, 707, { error: '504', attributes: code });
    const call = client('web', 10, 710, { error: '504', attributes: code, children: [pay] });
    expect(originsOf(call)).toMatchObject([{ kind: 'timeout', span: 'pay server', waiter: 'pay server' }]);
    expect(originsOf({ ...call, children: [] })).toMatchObject([{ kind: 'error', span: 'web client' }]);
  });

  test('is known by a child that goes on when a server fails without a word', () => {
    const plan = server('shop', 0, 137, { error: '', message: 'Error', children: [client('shop', 1, 400)] });
    expect(originsOf(plan)).toMatchObject([{ kind: 'timeout', span: 'shop client', overflowMs: 263 }]);
  });

  test.each([
    ['rpc.grpc.status_code', 4],
    ['rpc.response.status_code', 'DEADLINE_EXCEEDED'],
  ])('is known by %s %s', (key, value) => {
    const call = client('pay', 10, 710, { error: '', attributes: { [key]: value } });
    expect(originsOf(call)).toMatchObject([{ kind: 'timeout' }]);
  });
});

test('a healthy trace has no origins', () => {
  expect(originsOf(server('web', 0, 2000, { children: [client('web', 10, 5000)] }))).toEqual([]);
});

test('every errored trace has an origin, and every origin lies below where it surfaces', () => {
  fc.assert(
    fc.property(anyTree, (plan) => {
      const trace = traceFromOtlp(aTrace({ ...plan, error: plan.error ?? '' }));
      const origins = errorOrigins(trace);
      expect(origins.length).toBeGreaterThan(0);
      expect(new Set(origins.map(({ spanIndex }) => spanIndex)).size).toBe(origins.length);
      for (const { spanIndex, surfacedIndex } of origins) {
        expect(spanIndex).toBeGreaterThanOrEqual(surfacedIndex);
        expect(spanIndex).toBeLessThan(surfacedIndex + at(trace.subtreeSize, surfacedIndex));
      }
    }),
  );
});

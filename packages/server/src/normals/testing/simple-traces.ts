import { idOf } from '../../query/testing/plain-search.ts';
import { aStoredSpan, type StoredSpan } from '../../query/testing/test-store.ts';

const SECOND_NS = 1_000_000_000n;
const MS_NS = 1_000_000n;

/** One trace of a shop: what the spans of it are is plain from these. */
export interface Purchase {
  readonly number: number;
  /** Seconds since the epoch. */
  readonly startS: number;
  readonly paymentMs: number;
  readonly hasFailed: boolean;
  /** For how many traces it stands: 1, 2 or 4. */
  readonly weight: number;
}

/** web calls payment in 10 ms more than payment takes, of which 2 ms are a statement; web itself takes 10 ms more. */
export function spansOf({ number, startS, paymentMs, hasFailed, weight }: Purchase): StoredSpan[] {
  const startNs = BigInt(startS) * SECOND_NS;
  // Of an odd number, so that the hash of the ID decides and not its digits.
  const base = {
    traceId: idOf(number * 7_919 + 1),
    statusCode: hasFailed ? 2 : 0,
    traceState: weight === 1 ? '' : `ot=th:${weight === 2 ? '8' : 'c'}`,
  };
  const span = (id: number, parent: number, service: string, name: string, kind: number, from: number, ms: number) =>
    aStoredSpan({
      ...base,
      spanId: idOf(id, 16),
      parentSpanId: idOf(parent, 16),
      service,
      name,
      kind,
      startNs: startNs + BigInt(from) * MS_NS,
      durationNs: BigInt(ms) * MS_NS,
      resource: {
        'service.name': service,
        ...(service === 'payment' && { 'service.version': '1.4.2', 'service.instance.id': `pay-${number % 2}` }),
      },
      ...(kind === 3 &&
        service === 'payment' && { attributes: { 'db.system.name': 'mysql', 'db.namespace': 'orders' } }),
    });
  return [
    span(1, 0, 'web', 'POST /buy', 2, 0, paymentMs + 20),
    span(2, 1, 'web', 'POST', 3, 5, paymentMs + 10),
    span(3, 2, 'payment', 'POST /pay', 2, 8, paymentMs),
    span(4, 3, 'payment', 'INSERT', 3, 9, 2),
  ];
}

/** As many in each of some minutes. */
export function purchases(fromS: number, minutes: number, perMinute: number, firstNumber = 0): Purchase[] {
  return Array.from({ length: minutes * perMinute }, (_, at) => ({
    number: firstNumber + at,
    startS: fromS + Math.floor(at / perMinute) * 60 + Math.floor(((at % perMinute) * 60) / perMinute),
    paymentMs: 10 + ((at * 37) % 101),
    hasFailed: at % 10 === 0,
    weight: [1, 1, 2, 4][at % 4] ?? 1,
  }));
}

/** A request of web that sends a message, which a worker takes out of the queue so many seconds later. */
export function messageOf(number: number, startS: number, waitS: number): StoredSpan[] {
  const startNs = BigInt(startS) * SECOND_NS;
  const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders' };
  const span = (id: number, service: string, name: string, kind: number, fromNs: bigint) =>
    aStoredSpan({
      traceId: idOf(number * 7_919 + 1),
      spanId: idOf(id, 16),
      parentSpanId: idOf(id - 1, 16),
      service,
      name,
      kind,
      startNs: startNs + fromNs,
      durationNs: 5n * MS_NS,
      resource: { 'service.name': service },
      ...(kind > 3 && { attributes }),
    });
  return [
    span(1, 'web', 'POST /order', 2, 0n),
    span(2, 'web', 'send orders', 4, MS_NS),
    span(3, 'worker', 'process orders', 5, BigInt(waitS) * SECOND_NS),
  ];
}

/** A request that takes long, and calls payment every so many seconds; its root may never come. */
export function longTraceOf(
  number: number,
  startS: number,
  { calls, everyS, hasRoot }: { readonly calls: number; readonly everyS: number; readonly hasRoot: boolean },
): StoredSpan[] {
  const base = { traceId: idOf(number * 7_919 + 1), kind: 2 };
  const startNs = BigInt(startS) * SECOND_NS;
  const lengthNs = BigInt(calls * everyS) * SECOND_NS;
  const root = { ...base, spanId: idOf(1, 16), service: 'batch', name: 'run', startNs, durationNs: lengthNs };
  const called = Array.from({ length: calls }, (_, at) =>
    aStoredSpan({
      ...base,
      spanId: idOf(at + 2, 16),
      parentSpanId: idOf(1, 16),
      service: 'ledger',
      name: 'POST /book',
      startNs: startNs + BigInt(at * everyS) * SECOND_NS + MS_NS,
      durationNs: MS_NS,
    }),
  );
  return hasRoot ? [aStoredSpan(root), ...called] : called;
}

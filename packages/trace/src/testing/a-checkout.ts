import type { TracesData } from '../otlp.ts';
import { aTrace, type SpanPlan } from './a-trace.ts';

export interface CheckoutPlan {
  /** How often checkout asks payment; each time runs into the timeout. */
  readonly tries?: number;
  /** Whether checkout fails when payment does; otherwise it answers all the same. */
  readonly fails?: boolean;
  /** A second call that checkout makes after payment has failed. */
  readonly reviewMs?: number;
  /** How far the clock of fraud runs ahead. */
  readonly fraudClockMs?: number;
  /** How the span of fraud's server says that its client has gone; not at all by default. */
  readonly fraudError?: string;
  /** An error that the late SELECT itself ends with. */
  readonly selectError?: string;
  /** What payment's call says; `TimeoutError` by default. */
  readonly paymentError?: string;
  /** The status message of that call. */
  readonly paymentMessage?: string;
  /** Whether the spans of fraud have been received. */
  readonly fraudIsTraced?: boolean;
}

/**
 * A purchase that waits for fraud's database: payment gives up its call to fraud after 2 s, and the SELECT there ends
 * 3.2 s after that.
 */
export function aCheckout(plan: CheckoutPlan = {}): TracesData {
  const { tries = 1, fails = true, reviewMs = 0 } = plan;
  const triesEnd = 30 + tries * 2050;
  const end = triesEnd + reviewMs;
  const calls = Array.from({ length: tries }, (_, index) => aPaymentCall(30 + index * 2050, plan));
  const review: SpanPlan[] =
    reviewMs === 0 ? [] : [{ service: 'checkout', name: 'manual review', from: triesEnd, to: end }];
  const failed = fails ? { error: '504' } : {};
  return aTrace({
    service: 'web',
    name: 'POST /buy',
    kind: 'server',
    from: 0,
    to: end + 20,
    ...failed,
    children: [
      {
        service: 'web',
        name: 'POST',
        kind: 'client',
        from: 10,
        to: end + 11,
        ...failed,
        attributes: { 'server.address': '127.0.0.1', 'server.port': 4001 },
        children: [
          {
            service: 'checkout',
            name: 'POST /checkout',
            kind: 'server',
            from: 14,
            to: end + 8,
            ...failed,
            children: [...calls, ...review],
          },
        ],
      },
    ],
  });
}

/** Takes 2,035 ms, of which payment waits 2,002 ms for fraud. */
function aPaymentCall(from: number, plan: CheckoutPlan): SpanPlan {
  const stoppedMs = from + 2018;
  const clock = plan.fraudClockMs ?? 0;
  const select: SpanPlan = {
    service: 'fraud',
    name: 'SELECT fraud_checks',
    kind: 'client',
    from: from + 26 + clock,
    to: stoppedMs + 3200 + clock,
    ...(plan.selectError !== undefined && { error: plan.selectError }),
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': 'fraud',
      'server.address': '127.0.0.1',
      'server.port': 5432,
    },
  };
  const fraud: SpanPlan = {
    service: 'fraud',
    name: 'POST /check',
    kind: 'server',
    from: from + 24 + clock,
    to: stoppedMs + 1 + clock,
    ...(plan.fraudError !== undefined && { error: plan.fraudError }),
    children: [select],
  };
  return {
    service: 'checkout',
    name: 'POST',
    kind: 'client',
    from,
    to: from + 2035,
    error: '504',
    children: [
      {
        service: 'payment',
        name: 'POST /pay',
        kind: 'server',
        from: from + 5,
        to: from + 2030,
        error: '504',
        children: [
          {
            service: 'payment',
            name: 'POST',
            kind: 'client',
            from: from + 16,
            to: stoppedMs,
            error: plan.paymentError ?? 'TimeoutError',
            message: plan.paymentMessage ?? 'The operation was aborted due to timeout',
            attributes: { 'server.address': '127.0.0.1', 'server.port': 4003 },
            children: plan.fraudIsTraced === false ? [] : [fraud],
          },
        ],
      },
    ],
  };
}

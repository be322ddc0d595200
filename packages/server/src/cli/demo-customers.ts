import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { DemoError } from './demo-error.ts';
import type { DemoProcesses } from './demo-processes.ts';
import { SHOP_DIRECTORY, shopEnvironment } from './demo-shop.ts';

export interface Customers {
  /** Of the first order for which payment gave up on the fraud check; rejects with a DemoError when there was none. */
  readonly slowTraceId: Promise<string>;
  /** Resolves when the last one has been answered. */
  readonly served: Promise<void>;
}

/** Sends the shop a bounded number of orders. */
export function sendCustomers(processes: DemoProcesses, shopUrl: string, loadSeconds: number): Customers {
  const counts = new Map<string, number>();
  const answers = new EventEmitter<{ slow: [traceId: string] }>();
  const firstSlow = once(answers, 'slow').then(([traceId]: string[]) => traceId ?? '');
  const env = { ...shopEnvironment(), WEB_URL: shopUrl, LOAD_SECONDS: String(loadSeconds) };
  const served = processes.run({ name: 'load', path: join(SHOP_DIRECTORY, 'load.js'), env }, (line) => {
    const { outcome, traceId } = line;
    counts.set(String(outcome), (counts.get(String(outcome)) ?? 0) + 1);
    // Checkout leaves a payment open when payment has given up on the fraud check.
    if (outcome === 'pending' && typeof traceId === 'string') answers.emit('slow', traceId);
  });
  const slowTraceId = Promise.race([firstSlow, noneWasSlow(served, counts)]);
  // Whoever awaits it hears of it; when the demo has ended for another reason, nobody does.
  slowTraceId.catch(() => {});
  return { slowTraceId, served };
}

async function noneWasSlow(served: Promise<void>, counts: ReadonlyMap<string, number>): Promise<never> {
  await served;
  const summary = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  throw new DemoError(
    'no_slow_trace',
    `no order was slow enough for payment to time out: ${summary || 'there were none'}`,
  );
}

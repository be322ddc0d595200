// @ts-check
/**
 * Customers for the shop: a bounded number of orders, `ORDERS_PER_SECOND` for `LOAD_SECONDS`, then it ends. What is
 * bought follows from the order's number alone, so that every run asks the same. Prints a line of JSON for each answer.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { endWithParent, postJson, setting } from './service.js';

const WEB_URL = setting('WEB_URL');
const LOAD_SECONDS = Number(process.env.LOAD_SECONDS ?? 15);
const ORDERS_PER_SECOND = 4;
/** The third order is the first dear one. */
const ORDERS_MIN = 3;
const ORDERS_IN_FLIGHT_MAX = 16;
const BUY_TIMEOUT_MS = 60_000;
/**
 * A dear order needs the slow check of about five seconds: one in six seconds, so that they seldom wait for each other.
 */
const DEAR_EVERY = 24;
const SUSPICIOUS_EVERY = 11;

endWithParent(async () => {});

/** @type {Set<Promise<void>>} */
const inFlight = new Set();
const orderCount = Math.max(ORDERS_MIN, Math.round(LOAD_SECONDS * ORDERS_PER_SECOND));
const started = performance.now();
for (let index = 0; index < orderCount; index++) {
  await delay(Math.max(0, (index * 1_000) / ORDERS_PER_SECOND - (performance.now() - started)));
  if (inFlight.size >= ORDERS_IN_FLIGHT_MAX) await Promise.race(inFlight);
  const order = buy(index).finally(() => inFlight.delete(order));
  inFlight.add(order);
}
await Promise.all(inFlight);
if (process.connected) process.disconnect();

/** @param {number} index */
async function buy(index) {
  const dear = index % DEAR_EVERY === 2;
  const request = {
    product: dear ? 'watch' : index % 3 === 0 ? 'lens' : 'socks',
    tier: index % 4 === 0 ? 'gold' : 'standard',
    card: !dear && index % SUSPICIOUS_EVERY === 7 ? '0002' : index % 2 === 0 ? '4242' : '1881',
  };
  try {
    const { body } = await postJson(`${WEB_URL}/buy`, request, BUY_TIMEOUT_MS);
    const { orderId, outcome = 'failed', tookMs, traceId } = body;
    console.log(JSON.stringify({ orderId, outcome, tookMs, traceId }));
  } catch (error) {
    console.log(JSON.stringify({ outcome: 'failed', error: String(error) }));
  }
}

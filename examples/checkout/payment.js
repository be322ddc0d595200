// @ts-check
/** Charges a card, after asking whether the order looks like fraud. It waits two seconds for the answer, no longer. */
import { instrumentHttp } from '@throughline/sdk/http';
import { Tracer } from '@throughline/sdk';
import { postJson, routeOf, serve, setting } from './service.js';

const FRAUD_URL = setting('FRAUD_URL');
const FRAUD_TIMEOUT_MS = Number(process.env.FRAUD_TIMEOUT_MS ?? 2_000);

/** @type {import('./service.js').Routes} */
const routes = { 'POST /pay': pay };
const tracer = new Tracer({ service: 'payment' });
instrumentHttp(tracer, { route: routeOf(routes) });
serve('payment', tracer, routes);

class CardDeclinedError extends Error {
  name = 'CardDeclinedError';
}

/** @type {import('./service.js').Handler} */
async function pay(order) {
  tracer.activeSpan()?.setAttributes({ 'order.id': order.orderId, 'payment.amount_cents': order.amountCents });
  try {
    const fraud = await postJson(`${FRAUD_URL}/check`, order, FRAUD_TIMEOUT_MS);
    if (fraud.status !== 200) return { status: 502, body: { error: `the fraud check answered ${fraud.status}` } };
    const receipt = tracer.span('charge card', { attributes: { 'card.last4': order.card } }, () =>
      charge(order, fraud.body.verdict),
    );
    return { status: 200, body: { outcome: 'paid', receipt } };
  } catch (error) {
    // An ordinary answer: asking for the money worked, and there is none.
    if (error instanceof CardDeclinedError)
      return { status: 200, body: { outcome: 'declined', reason: error.message } };
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return { status: 504, body: { error: `no answer from the fraud check after ${FRAUD_TIMEOUT_MS} ms` } };
    }
    throw error;
  }
}

/**
 * @param {{ orderId: string, card: string }} order
 * @param {string} verdict
 * @returns {string} the receipt's number
 */
function charge(order, verdict) {
  if (verdict === 'suspicious') throw new CardDeclinedError(`card ending ${order.card} has too many chargebacks`);
  return `receipt-${order.orderId}`;
}

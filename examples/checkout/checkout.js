// @ts-check
/** Takes an order: reserves the goods, asks for the money, and copes when the money does not come. */
import { instrumentHttp } from '@throughline/sdk/http';
import { Tracer } from '@throughline/sdk';
import { postJson, routeOf, serve, setting } from './service.js';

const PAYMENT_URL = setting('PAYMENT_URL');
const PAYMENT_TIMEOUT_MS = 20_000;
const STOCK_AT_START = 10_000;

/** @type {Map<string, number>} */
const stock = new Map();

/** @type {import('./service.js').Routes} */
const routes = { 'POST /checkout': checkout };
const tracer = new Tracer({ service: 'checkout' });
instrumentHttp(tracer, { route: routeOf(routes) });
serve('checkout', tracer, routes);

/** @type {import('./service.js').Handler} */
async function checkout(order) {
  const span = tracer.activeSpan();
  span?.setAttributes({ 'order.id': order.orderId, 'order.product': order.product });
  const left = change(order.product, -1);
  span?.addEvent('goods reserved', { 'stock.left': left });

  const { status, body } = await postJson(`${PAYMENT_URL}/pay`, order, PAYMENT_TIMEOUT_MS);
  if (body.outcome === 'paid')
    return { status: 200, body: { outcome: 'paid', message: 'Thank you. It is on its way.' } };
  if (body.outcome === 'declined') {
    change(order.product, 1);
    span?.addEvent('goods released', { reason: body.reason });
    return { status: 200, body: { outcome: 'declined', message: `The payment was declined: ${body.reason}.` } };
  }
  // The goods stay reserved: the customer need not know that a service behind us was too slow.
  span?.addEvent('payment left open', { 'payment.status': status, reason: body.error });
  return { status: 202, body: { outcome: 'pending', message: 'We have your order and confirm the payment by mail.' } };
}

/**
 * @param {string} product
 * @param {number} by
 * @returns {number} what is left
 */
function change(product, by) {
  const left = (stock.get(product) ?? STOCK_AT_START) + by;
  stock.set(product, left);
  return left;
}

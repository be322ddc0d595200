// @ts-check
/** The shop window: a page with a Buy button. */
import { readFile } from 'node:fs/promises';
import { instrumentHttp } from '@throughline/sdk/http';
import { Tracer } from '@throughline/sdk';
import { HttpError, postJson, routeOf, serve, setting } from './service.js';

const CHECKOUT_URL = setting('CHECKOUT_URL');
const UI_URL = process.env.THROUGHLINE_UI_URL ?? 'http://127.0.0.1:4319';
const CHECKOUT_TIMEOUT_MS = 30_000;

/** @type {Readonly<Record<string, number>>} */
const PRICES_CENTS = { socks: 1_200, lens: 28_900, watch: 74_900 };
const TIERS = ['standard', 'gold'];

const page = await readFile(new URL('./page.html', import.meta.url), 'utf8');
let orderCount = 0;

/** @type {import('./service.js').Routes} */
const routes = {
  'GET /': () => ({ status: 200, body: page, type: 'text/html; charset=utf-8' }),
  'POST /buy': buy,
};
const tracer = new Tracer({ service: 'web' });
instrumentHttp(tracer, { route: routeOf(routes) });
serve('web', tracer, routes);

/** @type {import('./service.js').Handler} */
async function buy(request) {
  const started = performance.now();
  const amountCents = priceOf(request?.product);
  const tier = TIERS.includes(request.tier) ? request.tier : 'standard';
  const card = /^\d{4}$/.test(request.card) ? request.card : '4242';
  const orderId = `order-${String(++orderCount).padStart(4, '0')}`;
  const span = tracer.activeSpan();
  span?.setAttributes({ 'order.id': orderId, 'order.amount_cents': amountCents, 'customer.tier': tier });

  const order = { orderId, product: request.product, amountCents, tier, card };
  const answer = await postJson(`${CHECKOUT_URL}/checkout`, order, CHECKOUT_TIMEOUT_MS);
  const traceId = span?.spanContext().traceId;
  return {
    status: answer.status,
    body: {
      ...answer.body,
      orderId,
      tookMs: Math.round(performance.now() - started),
      traceId,
      traceUrl: `${UI_URL}/trace/${traceId}`,
    },
  };
}

/** @param {unknown} product */
function priceOf(product) {
  const cents = typeof product === 'string' && Object.hasOwn(PRICES_CENTS, product) ? PRICES_CENTS[product] : undefined;
  if (cents === undefined) throw new HttpError(400, `product is one of ${Object.keys(PRICES_CENTS).join(', ')}`);
  return cents;
}

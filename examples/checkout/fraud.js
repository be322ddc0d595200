// @ts-check
/**
 * Says whether an order looks like fraud, from what its database knows: the card's record for every order, and for dear
 * orders the whole history as well. The second question is the slow one, and nobody cancels it when the caller is gone.
 */
import { SpanKind } from '@opentelemetry/api';
import { instrumentHttp } from '@throughline/sdk/http';
import { Tracer } from '@throughline/sdk';
import { Pool } from 'pg';
import { CARD_RECORD, SPLIT_PURCHASES } from './queries.js';
import { routeOf, serve, setting } from './service.js';

const CARDS_URL = new URL(setting('FRAUD_DB_URL'));
const HISTORY_URL = new URL(setting('FRAUD_HISTORY_DB_URL'));
const CHARGEBACKS_MAX = 2;
/** From here on an order is compared with the whole history. */
const DEAR_CENTS = 50_000;

const cards = connect(CARDS_URL);
const history = connect(HISTORY_URL);

/** @type {import('./service.js').Routes} */
const routes = { 'POST /check': check };
const tracer = new Tracer({ service: 'fraud' });
instrumentHttp(tracer, { route: routeOf(routes) });
// Connect before the first order does, so that no order's time holds the time of connecting.
await Promise.all([cards.query('SELECT 1'), history.query('SELECT 1')]);
serve('fraud', tracer, routes);

/** @type {import('./service.js').Handler} */
async function check(order) {
  const span = tracer.activeSpan();
  span?.setAttributes({ 'order.id': order.orderId, 'order.amount_cents': order.amountCents });
  const [card] = await query(cards, CARDS_URL, CARD_RECORD, [order.card]);
  const dear = order.amountCents >= DEAR_CENTS;
  span?.addEvent('card record read', { chargebacks: card?.chargebacks ?? 0, 'history.needed': dear });
  if (dear) await query(history, HISTORY_URL, SPLIT_PURCHASES, [order.amountCents]);
  return { status: 200, body: { verdict: card?.chargebacks > CHARGEBACKS_MAX ? 'suspicious' : 'clear' } };
}

/**
 * Runs one statement within a client span after OpenTelemetry's conventions for databases. The span ends when the
 * database has answered, even when the request that asked has long been given up.
 *
 * @param {Pool} pool
 * @param {URL} url
 * @param {import('./queries.js').Query} statement
 * @param {unknown[]} values
 */
function query(pool, url, statement, values) {
  const attributes = {
    'db.system.name': 'postgresql',
    'db.namespace': url.pathname.slice(1),
    'db.operation.name': statement.operation,
    'db.collection.name': statement.collection,
    'db.query.text': statement.text,
    'server.address': url.hostname,
    'server.port': Number(url.port),
  };
  const name = `${statement.operation} ${statement.collection}`;
  return tracer.span(name, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    const { rows } = await pool.query(statement.text, values);
    span.setAttribute('db.response.returned_rows', rows.length);
    return rows;
  });
}

/**
 * One connection, not many: PGlite takes the messages of all its connections in turn, so that two statements with
 * parameters, each of them several messages, would mix.
 *
 * @param {URL} url
 */
function connect(url) {
  const pool = new Pool({ connectionString: url.href, max: 1 });
  // An idle connection that breaks is opened again by the next query; without a listener it would end the process.
  pool.on('error', (error) => console.error(`fraud: ${url.host}: ${error.message}`));
  return pool;
}

import type { Topology } from '../topology.ts';
import {
  api,
  broker,
  cache,
  cached,
  call,
  database,
  inside,
  locked,
  maybe,
  parallel,
  publish,
  query,
  repeat,
  service,
  work,
} from '../topology.ts';

/** Eleven services of a shop, and a payment provider. */
export const onlineShop: Topology = {
  name: 'online-shop',
  ratePerSecond: 5,
  entries: [
    { service: 'frontend', operation: 'GET /', weight: 30 },
    { service: 'frontend', operation: 'GET /product/{id}', weight: 34 },
    { service: 'frontend', operation: 'GET /cart', weight: 14 },
    { service: 'frontend', operation: 'POST /cart', weight: 12 },
    { service: 'frontend', operation: 'POST /cart/checkout', weight: 10 },
  ],
  services: {
    frontend: service(
      {
        'GET /': [
          work(3),
          parallel(
            call('catalog', 'shop.Catalog/ListProducts'),
            call('currency', 'shop.Currency/ListCurrencies', { timeoutMs: 1000, retries: 1 }),
            call('cart', 'shop.Cart/GetCart'),
          ),
          call('ads', 'shop.Ads/GetAds', { optional: true, timeoutMs: 300 }),
          inside('render home', work(5)),
        ],
        'GET /product/{id}': {
          steps: [
            work(2),
            call('catalog', 'shop.Catalog/GetProduct'),
            parallel(
              call('currency', 'shop.Currency/Convert', { timeoutMs: 1000, retries: 1 }),
              call('recommendation', 'shop.Recommendation/List', { optional: true, timeoutMs: 1500 }),
              call('cart', 'shop.Cart/GetCart'),
            ),
            inside('render product', work(4)),
          ],
          notFoundRate: 0.02,
        },
        'GET /cart': [
          work(2),
          call('cart', 'shop.Cart/GetCart'),
          repeat(1, 3, call('catalog', 'shop.Catalog/GetProduct')),
          call('shipping', 'shop.Shipping/GetQuote'),
          inside('render cart', work(3)),
        ],
        'POST /cart': [work(2), call('catalog', 'shop.Catalog/GetProduct'), call('cart', 'shop.Cart/AddItem')],
        'POST /cart/checkout': {
          steps: [work(3), call('checkout', 'shop.Checkout/PlaceOrder', { timeoutMs: 8000 }), work(2)],
          errorRate: 0.004,
        },
      },
      { language: 'nodejs', instances: 3, workers: 48 },
    ),
    catalog: service(
      {
        'shop.Catalog/ListProducts': [work(1), query('catalog-db', 'SELECT products', 9), work(2)],
        'shop.Catalog/GetProduct': [
          cached('catalog-cache', 'GET product', 0.85, [query('catalog-db', 'SELECT product', 4)]),
          work(1),
        ],
      },
      { protocol: 'grpc', instances: 3 },
    ),
    cart: service(
      {
        'shop.Cart/GetCart': [work(1), query('cart-redis', 'HGETALL cart', 1.2)],
        'shop.Cart/AddItem': [work(1), query('cart-redis', 'HSET cart', 1.5)],
        'shop.Cart/EmptyCart': [query('cart-redis', 'DEL cart', 1)],
      },
      { language: 'dotnet', protocol: 'grpc' },
    ),
    currency: service(
      { 'shop.Currency/ListCurrencies': [work(0.8)], 'shop.Currency/Convert': [work(1.2)] },
      { language: 'nodejs', protocol: 'grpc', workers: 32 },
    ),
    ads: service({ 'shop.Ads/GetAds': [work(2), maybe(0.5, work(3))] }, { language: 'java', protocol: 'grpc' }),
    recommendation: service(
      // Always the slowest of the product page.
      { 'shop.Recommendation/List': [work(60), call('catalog', 'shop.Catalog/ListProducts'), work(8)] },
      { language: 'python', protocol: 'grpc', clientSpans: false },
    ),
    checkout: service(
      {
        'shop.Checkout/PlaceOrder': [
          work(2),
          call('cart', 'shop.Cart/GetCart'),
          repeat(
            1,
            4,
            call('catalog', 'shop.Catalog/GetProduct'),
            call('currency', 'shop.Currency/Convert', { timeoutMs: 1000, retries: 1 }),
          ),
          call('stock', 'shop.Stock/Reserve', { timeoutMs: 3000, retries: 1 }),
          parallel(
            call('shipping', 'shop.Shipping/GetQuote'),
            call('currency', 'shop.Currency/Convert', { timeoutMs: 1000 }),
          ),
          call('payment', 'shop.Payment/Charge', { timeoutMs: 5000 }),
          call('shipping', 'shop.Shipping/Ship', { timeoutMs: 3000 }),
          publish('orders'),
          call('cart', 'shop.Cart/EmptyCart', { optional: true }),
        ],
      },
      { protocol: 'grpc', instances: 3 },
    ),
    payment: service(
      { 'shop.Payment/Charge': [work(2), query('api.pay-provider.example', 'POST /v1/charges', 220), work(1)] },
      { language: 'nodejs', protocol: 'grpc', workers: 32 },
    ),
    stock: service(
      {
        'shop.Stock/Reserve': [
          work(1),
          locked(
            'stock-rows',
            query('stock-db', 'SELECT stock FOR UPDATE', 3),
            query('stock-db', 'UPDATE stock', 4),
            work(1),
          ),
        ],
        'reconcile stock': [
          query('stock-db', 'SELECT reservations', 120),
          locked('stock-rows', query('stock-db', 'SELECT stock FOR UPDATE', 3), query('stock-db', 'UPDATE stock', 4)),
        ],
      },
      { language: 'java', protocol: 'grpc', workers: 6 },
    ),
    shipping: service(
      {
        'shop.Shipping/GetQuote': [work(2), query('carrier-rates', 'POST /rates', 12)],
        'shop.Shipping/Ship': [work(4), query('carrier-rates', 'POST /shipments', 25)],
      },
      { protocol: 'grpc', language: 'go' },
    ),
    email: service(
      { 'process orders': [work(12), inside('render confirmation', work(20)), query('smtp-relay', 'POST /send', 90)] },
      { language: 'python' },
    ),
  },
  peers: {
    'catalog-db': database('postgresql'),
    'catalog-cache': cache(),
    'cart-redis': database('redis', 64),
    'stock-db': database('mysql'),
    'api.pay-provider.example': api(),
    'carrier-rates': { type: 'silent-service', system: '', capacity: 32 },
    'smtp-relay': api(),
    kafka: broker('kafka'),
  },
  topics: {
    orders: { broker: 'kafka', service: 'email', operation: 'process orders', trace: 'linked', consumers: 2 },
  },
  jobs: [{ service: 'stock', operation: 'reconcile stock', everySeconds: 15 }],
};

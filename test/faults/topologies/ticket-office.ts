import type { ServicePlan, Step, Topology } from '../topology.ts';
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

/** A small service in front of tables of its own, such as the stations or the prices. */
function register(
  name: string,
  read: readonly Step[],
  more: Readonly<Record<string, readonly Step[]>> = {},
): ServicePlan {
  return service({ [`GET /${name}/{id}`]: [work(1.5), ...read], ...more }, { language: 'java', workers: 12 });
}

/** Thirty-five services that sell tickets of trains: long chains of calls, databases everywhere. */
export const ticketOffice: Topology = {
  name: 'ticket-office',
  ratePerSecond: 3,
  entries: [
    { service: 'gateway', operation: 'POST /travel/query', weight: 40 },
    { service: 'gateway', operation: 'POST /travel-plan/cheapest', weight: 8 },
    { service: 'gateway', operation: 'POST /preserve', weight: 18 },
    { service: 'gateway', operation: 'GET /orders', weight: 16 },
    { service: 'gateway', operation: 'POST /pay', weight: 10 },
    { service: 'gateway', operation: 'POST /cancel', weight: 5 },
    { service: 'gateway', operation: 'POST /users/login', weight: 12 },
    { service: 'gateway', operation: 'GET /news', weight: 6 },
  ],
  services: {
    gateway: service(
      {
        'POST /travel/query': [work(2), call('travel', 'POST /travel/trips', { timeoutMs: 10_000 })],
        'POST /travel-plan/cheapest': [work(2), call('travel-plan', 'POST /plan/cheapest', { timeoutMs: 15_000 })],
        'POST /preserve': [
          work(2),
          call('auth', 'GET /auth/verify'),
          call('preserve', 'POST /preserve', { timeoutMs: 15_000 }),
        ],
        'GET /orders': [work(2), call('auth', 'GET /auth/verify'), call('order', 'GET /order/refresh')],
        'POST /pay': [work(2), call('auth', 'GET /auth/verify'), call('inside-payment', 'POST /inside-pay')],
        'POST /cancel': [work(2), call('auth', 'GET /auth/verify'), call('cancel', 'POST /cancel')],
        'POST /users/login': { steps: [work(2), call('auth', 'POST /auth/login')], notFoundRate: 0.01 },
        'GET /news': [work(1), call('news', 'GET /news')],
      },
      { language: 'java', instances: 3, workers: 48 },
    ),
    auth: service(
      {
        'GET /auth/verify': [
          work(2),
          cached('session-cache', 'GET session', 0.9, [query('auth-db', 'SELECT tokens', 4)]),
        ],
        'POST /auth/login': [
          call('verification-code', 'GET /verification-code/{id}'),
          query('auth-db', 'SELECT users', 5),
          inside('hash password', work(70)),
        ],
      },
      { language: 'java', workers: 16 },
    ),
    'verification-code': register('verification-code', [work(3)]),
    user: register('users', [query('user-db', 'SELECT users', 4)]),
    travel: service(
      {
        'POST /travel/trips': [
          work(3),
          query('travel-db', 'SELECT trips', 12),
          parallel(call('ticket-info', 'POST /ticket-info'), call('order', 'POST /order/sold-tickets')),
          repeat(1, 2, call('seat', 'POST /seat/left'), call('basic', 'POST /basic/travel')),
          work(4),
        ],
        'GET /travel/trip/{id}': [work(2), query('travel-db', 'SELECT trip', 5)],
      },
      { language: 'java', instances: 3, workers: 12 },
    ),
    'travel-plan': service(
      {
        'POST /plan/cheapest': [
          work(4),
          call('route-plan', 'POST /route-plan/cheapest', { timeoutMs: 10_000 }),
          call('seat', 'POST /seat/left'),
          call('train', 'GET /trains/{id}'),
        ],
      },
      { language: 'java' },
    ),
    'route-plan': service(
      {
        // Always slow: it tries combinations.
        'POST /route-plan/cheapest': [
          work(180),
          call('route', 'GET /routes/{id}'),
          call('travel', 'POST /travel/trips', { timeoutMs: 8000 }),
        ],
      },
      { language: 'java' },
    ),
    'ticket-info': service(
      { 'POST /ticket-info': [work(1), call('basic', 'POST /basic/travel')] },
      { language: 'java' },
    ),
    basic: service(
      {
        'POST /basic/travel': [
          work(2),
          call('station', 'GET /stations/{id}'),
          parallel(call('train', 'GET /trains/{id}'), call('route', 'GET /routes/{id}')),
          call('price', 'GET /prices/{id}'),
        ],
      },
      { language: 'java', instances: 3, workers: 12 },
    ),
    station: register('stations', [
      cached('station-cache', 'GET station', 0.95, [query('station-db', 'SELECT stations', 5)]),
    ]),
    train: register('trains', [query('train-db', 'SELECT trains', 3)]),
    route: register('routes', [query('route-db', 'SELECT routes', 4)]),
    price: register('prices', [query('price-db', 'SELECT prices', 3)]),
    config: register('configs', [query('config-db', 'SELECT configs', 2)]),
    seat: service(
      {
        'POST /seat/left': [work(2), call('config', 'GET /configs/{id}'), query('seat-db', 'SELECT seats', 6)],
        'POST /seat/assign': [
          work(2),
          locked('seat-rows', query('seat-db', 'SELECT seats FOR UPDATE', 4), query('seat-db', 'UPDATE seats', 5)),
        ],
      },
      { language: 'java', workers: 12 },
    ),
    preserve: service(
      {
        'POST /preserve': [
          work(3),
          call('security', 'GET /security/{id}'),
          call('contacts', 'GET /contacts/{id}'),
          call('travel', 'GET /travel/trip/{id}'),
          call('basic', 'POST /basic/travel'),
          call('seat', 'POST /seat/assign', { timeoutMs: 3000, retries: 1 }),
          call('order', 'POST /order', { timeoutMs: 3000 }),
          maybe(0.4, call('assurance', 'POST /assurances')),
          maybe(0.3, call('food', 'GET /food/{id}')),
          maybe(0.3, call('consign', 'POST /consigns')),
          call('user', 'GET /users/{id}'),
          publish('mails'),
        ],
      },
      { language: 'java', workers: 12 },
    ),
    security: register('security', [
      query('security-db', 'SELECT security_configs', 3),
      call('order', 'GET /order/count', { timeoutMs: 2000 }),
    ]),
    contacts: register('contacts', [query('contacts-db', 'SELECT contacts', 4)]),
    order: service(
      {
        'GET /order/refresh': [work(2), query('order-db', 'SELECT orders', 8), call('station', 'GET /stations/{id}')],
        'GET /order/count': [query('order-db', 'SELECT count orders', 5)],
        'POST /order/sold-tickets': [query('order-db', 'SELECT sold', 9)],
        'POST /order': [work(2), query('order-db', 'INSERT orders', 6)],
        'POST /order/pay': [work(1), query('order-db', 'UPDATE orders', 5)],
      },
      { language: 'java', instances: 3, workers: 12 },
    ),
    assurance: service(
      { 'POST /assurances': [work(1), query('assurance-db', 'INSERT assurances', 4)] },
      { language: 'java' },
    ),
    food: register('food', [query('food-db', 'SELECT food', 5), call('station-food', 'GET /station-food/{id}')]),
    'station-food': register('station-food', [query('food-db', 'SELECT station_food', 4)]),
    consign: service(
      {
        'POST /consigns': [
          work(1),
          call('consign-price', 'GET /consign-prices/{id}'),
          query('consign-db', 'INSERT consigns', 4),
        ],
      },
      { language: 'java' },
    ),
    'consign-price': register('consign-prices', [work(1)]),
    'inside-payment': service(
      {
        'POST /inside-pay': [
          work(2),
          query('payment-db', 'SELECT balances', 4),
          maybe(0.6, call('payment', 'POST /payment', { timeoutMs: 4000 })),
          call('order', 'POST /order/pay', { timeoutMs: 2000, retries: 1 }),
        ],
        'POST /drawback': [work(1), query('payment-db', 'UPDATE balances', 5)],
      },
      { language: 'java' },
    ),
    payment: service(
      {
        'POST /payment': [
          work(2),
          query('bank.example', 'POST /transfers', 140),
          query('payment-db', 'INSERT payments', 5),
        ],
      },
      { language: 'go' },
    ),
    cancel: service(
      {
        'POST /cancel': [
          work(2),
          call('order', 'GET /order/refresh'),
          call('inside-payment', 'POST /drawback'),
          call('user', 'GET /users/{id}'),
          publish('mails'),
        ],
      },
      { language: 'java' },
    ),
    news: service({ 'GET /news': [work(1)] }, { language: 'go' }),
    'ticket-door': service({ 'open doors': [work(2), query('order-db', 'SELECT due', 10)] }, { language: 'python' }),
    notification: service(
      { 'process mails': [work(10), call('template', 'GET /templates/{id}'), query('smtp-relay', 'POST /send', 80)] },
      { language: 'java' },
    ),
    template: register('templates', [work(2)]),
    voucher: service({ 'print vouchers': [query('order-db', 'SELECT paid', 14), work(20)] }, { language: 'python' }),
    execute: service(
      { 'execute trips': [work(2), call('order', 'GET /order/count'), query('travel-db', 'UPDATE trips', 6)] },
      { language: 'java' },
    ),
    'admin-report': service(
      { 'daily report': [query('order-db', 'SELECT revenue', 600), work(40), call('travel', 'GET /travel/trip/{id}')] },
      { language: 'python', clientSpans: false },
    ),
    'delivery-audit': service(
      { 'audit deliveries': [query('consign-db', 'SELECT deliveries', 9)] },
      { language: 'go' },
    ),
  },
  peers: {
    ...Object.fromEntries(
      [
        'auth',
        'user',
        'travel',
        'station',
        'train',
        'route',
        'price',
        'config',
        'seat',
        'security',
        'contacts',
        'order',
      ]
        .concat(['assurance', 'food', 'consign', 'payment'])
        .map((name) => [`${name}-db`, database('mysql')]),
    ),
    'session-cache': cache(),
    'station-cache': cache(),
    'bank.example': api(),
    'smtp-relay': api(),
    rabbitmq: broker('rabbitmq'),
  },
  topics: {
    mails: { broker: 'rabbitmq', service: 'notification', operation: 'process mails', trace: 'same', consumers: 2 },
  },
  jobs: [
    { service: 'ticket-door', operation: 'open doors', everySeconds: 10 },
    { service: 'voucher', operation: 'print vouchers', everySeconds: 12 },
    { service: 'execute', operation: 'execute trips', everySeconds: 15 },
    { service: 'admin-report', operation: 'daily report', everySeconds: 45 },
    { service: 'delivery-audit', operation: 'audit deliveries', everySeconds: 20 },
  ],
};

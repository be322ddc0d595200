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
  silentService,
  work,
} from '../topology.ts';

/** A bank: a balance sheet asks many at once, a payment is checked by many in turn. */
export const bank: Topology = {
  name: 'bank',
  ratePerSecond: 4,
  entries: [
    { service: 'mobile-gateway', operation: 'GET /overview', weight: 45 },
    { service: 'mobile-gateway', operation: 'GET /accounts/{id}/transactions', weight: 20 },
    { service: 'mobile-gateway', operation: 'POST /payments', weight: 20 },
    { service: 'mobile-gateway', operation: 'POST /login', weight: 15 },
  ],
  services: {
    'mobile-gateway': service(
      {
        'GET /overview': [
          work(2),
          call('identity', 'bank.Identity/Check'),
          call('overview', 'GET /overview/{customer}', { timeoutMs: 6000 }),
        ],
        'GET /accounts/{id}/transactions': [
          work(2),
          call('identity', 'bank.Identity/Check'),
          call('transactions', 'GET /transactions'),
        ],
        'POST /payments': [
          work(2),
          call('identity', 'bank.Identity/Check'),
          call('payments', 'POST /payments', { timeoutMs: 8000 }),
        ],
        'POST /login': { steps: [work(2), call('identity', 'bank.Identity/Login')], notFoundRate: 0.01 },
      },
      { language: 'nodejs', instances: 3, workers: 64 },
    ),
    identity: service(
      {
        'bank.Identity/Check': [
          cached('identity-cache', 'GET session', 0.92, [query('identity-db', 'SELECT sessions', 4)]),
        ],
        'bank.Identity/Login': [query('identity-db', 'SELECT credentials', 5), inside('verify password', work(90))],
      },
      { protocol: 'grpc', language: 'go', instances: 3 },
    ),
    overview: service(
      {
        'GET /overview/{customer}': [
          work(2),
          parallel(
            call('accounts', 'GET /accounts'),
            call('cards', 'GET /cards'),
            call('loans', 'GET /loans', { optional: true, timeoutMs: 2500 }),
            call('portfolio', 'GET /portfolio', { optional: true, timeoutMs: 2500 }),
            call('offers', 'GET /offers', { optional: true, timeoutMs: 400 }),
          ),
          inside('assemble overview', work(4)),
        ],
      },
      { language: 'java', workers: 24 },
    ),
    accounts: service(
      {
        'GET /accounts': [
          work(2),
          query('core-db', 'SELECT accounts', 9),
          repeat(1, 3, query('core-db', 'SELECT balance', 3)),
        ],
        'POST /accounts/debit': [
          work(2),
          locked(
            'ledger-rows',
            query('core-db', 'SELECT account FOR UPDATE', 4),
            query('core-db', 'UPDATE account', 5),
          ),
        ],
        'book interest': [
          query('core-db', 'SELECT interest', 60),
          locked(
            'ledger-rows',
            query('core-db', 'SELECT account FOR UPDATE', 4),
            query('core-db', 'UPDATE account', 5),
          ),
        ],
      },
      { language: 'java', instances: 3, workers: 10 },
    ),
    cards: service(
      { 'GET /cards': [work(2), query('card-processor', 'GET /cards', 45)] },
      { language: 'java', workers: 10 },
    ),
    loans: service({ 'GET /loans': [work(2), query('loans-db', 'SELECT loans', 11)] }, { language: 'dotnet' }),
    portfolio: service(
      {
        'GET /portfolio': [
          work(4),
          query('portfolio-db', 'SELECT positions', 12),
          call('quotes', 'bank.Quotes/Get'),
          work(10),
        ],
      },
      { language: 'dotnet' },
    ),
    quotes: service(
      {
        'bank.Quotes/Get': [
          cached('quotes-cache', 'MGET quotes', 0.8, [query('market-data.example', 'GET /v2/quotes', 110)]),
        ],
      },
      { protocol: 'grpc', language: 'go' },
    ),
    offers: service({ 'GET /offers': [work(6)] }, { language: 'python', querySpans: false }),
    transactions: service(
      {
        'GET /transactions': [work(2), query('transactions-db', 'SELECT transactions', 22), work(3)],
        'POST /transactions': [query('transactions-db', 'INSERT transactions', 6)],
      },
      { language: 'java', instances: 3, workers: 10 },
    ),
    payments: service(
      {
        'POST /payments': [
          work(3),
          call('fraud', 'POST /score', { timeoutMs: 2500, retries: 1 }),
          call('limits', 'bank.Limits/Check'),
          call('accounts', 'POST /accounts/debit', { timeoutMs: 4000 }),
          call('transactions', 'POST /transactions'),
          maybe(0.5, query('sepa-gateway', 'POST /credit-transfers', 170)),
          publish('payments'),
        ],
      },
      { language: 'java', instances: 3, workers: 12 },
    ),
    fraud: service(
      { 'POST /score': [work(5), query('fraud-db', 'SELECT history', 14), inside('model', work(28))] },
      { language: 'python', workers: 6 },
    ),
    limits: service(
      { 'bank.Limits/Check': [work(1), query('limits-db', 'SELECT limits', 3)] },
      { protocol: 'grpc', language: 'go', clientSpans: false, querySpans: false },
    ),
    ledger: service(
      {
        'process payments': [work(3), query('ledger-db', 'INSERT entries', 7), call('statements', 'POST /statements')],
      },
      { language: 'java' },
    ),
    statements: service(
      { 'POST /statements': [work(4), query('statements-db', 'INSERT lines', 5)] },
      { language: 'java' },
    ),
  },
  peers: {
    'identity-cache': cache(),
    'quotes-cache': cache(),
    'identity-db': database('postgresql'),
    'core-db': database('oracle.db', 16),
    'loans-db': database('microsoft.sql_server'),
    'portfolio-db': database('microsoft.sql_server'),
    'transactions-db': database('postgresql'),
    'fraud-db': database('postgresql'),
    'limits-db': database('postgresql'),
    'ledger-db': database('postgresql'),
    'statements-db': database('postgresql'),
    'card-processor': silentService(),
    'sepa-gateway': api(),
    'market-data.example': api(),
    rabbitmq: broker('rabbitmq'),
  },
  topics: {
    payments: { broker: 'rabbitmq', service: 'ledger', operation: 'process payments', trace: 'same', consumers: 2 },
  },
  jobs: [{ service: 'accounts', operation: 'book interest', everySeconds: 12 }],
};

import type { Topology } from '../topology.ts';
import {
  api,
  cache,
  cached,
  call,
  database,
  inside,
  maybe,
  parallel,
  query,
  repeat,
  service,
  work,
} from '../topology.ts';

/** Three services of a small team. */
export const notesApp: Topology = {
  name: 'notes-app',
  ratePerSecond: 5,
  entries: [
    { service: 'web', operation: 'GET /notes', weight: 50 },
    { service: 'web', operation: 'GET /notes/{id}', weight: 25 },
    { service: 'web', operation: 'POST /notes', weight: 15 },
    { service: 'web', operation: 'GET /search', weight: 10 },
  ],
  services: {
    web: service(
      {
        'GET /notes': [
          work(3),
          parallel(call('api', 'GET /api/notes'), call('api', 'GET /api/me')),
          inside('render list', work(6)),
        ],
        'GET /notes/{id}': { steps: [work(2), call('api', 'GET /api/notes/{id}'), work(3)], notFoundRate: 0.02 },
        'POST /notes': [work(2), call('api', 'POST /api/notes', { timeoutMs: 3000 })],
        'GET /search': [work(2), call('search', 'GET /search', { timeoutMs: 4000, optional: true }), work(4)],
      },
      { language: 'nodejs', workers: 48 },
    ),
    api: service(
      {
        'GET /api/notes': [
          work(2),
          query('notes-db', 'SELECT notes', 8),
          repeat(1, 3, query('notes-db', 'SELECT tags', 2)),
        ],
        'GET /api/me': [cached('sessions', 'GET session', 0.9, [query('notes-db', 'SELECT users', 3)])],
        'GET /api/notes/{id}': [
          work(1),
          query('notes-db', 'SELECT note', 3),
          query('notes-db', 'SELECT attachments', 4),
        ],
        'POST /api/notes': [
          work(2),
          query('notes-db', 'INSERT notes', 6),
          call('search', 'PUT /index/{id}', { timeoutMs: 2000, retries: 1 }),
          maybe(0.2, query('push.example', 'POST /push', 70, { optional: true })),
        ],
      },
      { language: 'python', instances: 3, workers: 6 },
    ),
    search: service(
      {
        'GET /search': [work(5), query('search-index', 'search notes', 90), work(3)],
        'PUT /index/{id}': [work(3), query('search-index', 'index notes', 15)],
      },
      { language: 'java' },
    ),
  },
  peers: {
    'notes-db': database('postgresql'),
    sessions: cache(),
    'search-index': database('opensearch'),
    'push.example': api(),
  },
  topics: {},
  jobs: [],
};

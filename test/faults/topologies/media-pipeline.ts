import type { Topology } from '../topology.ts';
import {
  api,
  broker,
  cache,
  cached,
  call,
  database,
  inside,
  maybe,
  parallel,
  publish,
  query,
  repeat,
  service,
  silentService,
  work,
} from '../topology.ts';

/** Videos are uploaded, pass through queues, and are watched. */
export const mediaPipeline: Topology = {
  name: 'media-pipeline',
  ratePerSecond: 4,
  entries: [
    { service: 'edge', operation: 'GET /feed', weight: 35 },
    { service: 'edge', operation: 'GET /watch/{id}', weight: 35 },
    { service: 'edge', operation: 'POST /upload', weight: 18 },
    { service: 'edge', operation: 'POST /comments', weight: 12 },
  ],
  services: {
    edge: service(
      {
        'GET /feed': [work(1), call('feed', 'media.Feed/Get', { timeoutMs: 3000 })],
        'GET /watch/{id}': {
          steps: [
            work(1),
            parallel(
              call('playback', 'media.Playback/Start', { timeoutMs: 3000, retries: 1 }),
              call('comments', 'media.Comments/List', { optional: true, timeoutMs: 800 }),
            ),
          ],
          notFoundRate: 0.03,
        },
        'POST /upload': [work(4), call('upload', 'media.Upload/Put', { timeoutMs: 8000 })],
        'POST /comments': [work(1), call('comments', 'media.Comments/Add')],
      },
      { language: 'go', instances: 3, workers: 48 },
    ),
    feed: service(
      {
        'media.Feed/Get': [
          work(2),
          cached('feed-cache', 'GET feed', 0.7, [
            call('ranking', 'media.Ranking/Rank', { timeoutMs: 2000 }),
            query('feed-db', 'SELECT feed_items', 14),
          ]),
          repeat(2, 5, call('metadata', 'media.Metadata/Get')),
        ],
      },
      { protocol: 'grpc', language: 'java', instances: 3 },
    ),
    ranking: service(
      { 'media.Ranking/Rank': [work(20), query('feature-store', 'POST /features', 8), inside('score', work(35))] },
      { protocol: 'grpc', language: 'python', clientSpans: false },
    ),
    metadata: service(
      {
        'media.Metadata/Get': [
          cached('metadata-cache', 'GET video', 0.9, [query('media-db', 'SELECT videos', 5)]),
          work(0.5),
        ],
      },
      { protocol: 'grpc', instances: 3 },
    ),
    playback: service(
      {
        'media.Playback/Start': [
          work(2),
          call('metadata', 'media.Metadata/Get'),
          call('rights', 'media.Rights/Check', { timeoutMs: 1500, retries: 1 }),
          query('cdn.example', 'POST /tokens', 30),
        ],
      },
      { protocol: 'grpc', language: 'nodejs', workers: 32 },
    ),
    rights: service(
      { 'media.Rights/Check': [work(2), query('rights-db', 'SELECT rights', 6)] },
      { protocol: 'grpc', language: 'java' },
    ),
    comments: service(
      {
        'media.Comments/List': [work(1), query('comments-db', 'find comments', 7)],
        'media.Comments/Add': [work(1), query('comments-db', 'insert comments', 5), publish('moderation')],
      },
      { protocol: 'grpc', language: 'nodejs', workers: 32 },
    ),
    moderation: service(
      { 'process moderation': [work(30), maybe(0.05, query('comments-db', 'update comments', 5))] },
      { language: 'python' },
    ),
    upload: service(
      {
        'media.Upload/Put': [
          work(6),
          query('object-store', 'PUT /bucket/{key}', 160),
          query('media-db', 'INSERT videos', 6),
          publish('uploads'),
        ],
      },
      { protocol: 'grpc', language: 'go' },
    ),
    transcoder: service(
      {
        // Always the slowest of all.
        'process uploads': [
          query('object-store', 'GET /bucket/{key}', 120),
          inside('transcode', work(900)),
          query('object-store', 'PUT /bucket/{key}', 160),
          publish('transcoded'),
        ],
      },
      { language: 'go', instances: 4, workers: 8 },
    ),
    publisher: service(
      {
        'process transcoded': [
          work(3),
          call('metadata', 'media.Metadata/Get'),
          query('media-db', 'UPDATE videos', 6),
          call('notifier', 'POST /notify', { optional: true, timeoutMs: 2000 }),
        ],
      },
      { language: 'java' },
    ),
    notifier: service(
      { 'POST /notify': [work(2), query('push.example', 'POST /push', 60)] },
      { language: 'nodejs', workers: 32 },
    ),
  },
  peers: {
    'feed-cache': cache(),
    'metadata-cache': cache(),
    'feed-db': database('cassandra'),
    'media-db': database('postgresql'),
    'rights-db': database('postgresql'),
    'comments-db': database('mongodb'),
    'feature-store': silentService(),
    'object-store': silentService(),
    'cdn.example': api(),
    'push.example': api(),
    kafka: broker('kafka'),
  },
  topics: {
    uploads: { broker: 'kafka', service: 'transcoder', operation: 'process uploads', trace: 'linked', consumers: 2 },
    transcoded: { broker: 'kafka', service: 'publisher', operation: 'process transcoded', trace: 'same', consumers: 2 },
    moderation: {
      broker: 'kafka',
      service: 'moderation',
      operation: 'process moderation',
      trace: 'same',
      consumers: 2,
    },
  },
  jobs: [],
};

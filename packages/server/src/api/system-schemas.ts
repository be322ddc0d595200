import { Type } from '@sinclair/typebox';
import { closed, count, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { partial } from './partial-schema.ts';

const storeNode = named(
  'StoreNode',
  closed(
    {
      node: Type.String({ description: '`host:port`, as in `--store`.' }),
      shard: nullable(count(), 'Its number in the cluster; null without one, or before the server has said it.'),
      replica: nullable(
        Type.String(),
        'Its macro `replica`; null without a cluster, or before the server has said it.',
      ),
      version: nullable(Type.String(), 'Of ClickHouse, as the server has said it last; null before.'),
      state: oneOf(['unknown', 'up', 'down']),
      since: Type.String({ description: 'When it came into this state, such as `2026-11-30T16:04:05.678Z`.' }),
      troubles: Type.Array(
        closed({
          code: Type.String({ description: 'Stable, as at `/readyz`.' }),
          message: Type.String({ description: 'The last error, or what is wrong.' }),
          since: Type.String({ description: 'When it began.' }),
        }),
      ),
    },
    'A ClickHouse server of `--store`. One that is not `up` is asked behind all others.',
  ),
);

const storeCollector = named(
  'StoreCollector',
  closed(
    {
      collector: Type.String({ description: 'Its id, which stays that of its data directory.' }),
      description: Type.String({ description: 'Host, version, process and data directory.' }),
      isUp: Type.Boolean({ description: 'Whether it may be storing now.' }),
      seen: Type.String({
        description:
          'Its last sign of life, such as `2026-11-30T16:04:05.000Z`. Of one that is not up: when it left, or `cluster.leaseMs` after it was last heard of.',
      }),
      isLeader: Type.Boolean({ description: 'Whether it runs the jobs of the store for all collectors.' }),
      isSelf: Type.Boolean({ description: 'Whether it is the one that answers.' }),
    },
    'A collector that stores into the same cluster.',
  ),
);

const systemStore = named(
  'SystemStore',
  closed(
    {
      kind: oneOf(['embedded', 'clickhouse']),
      state: oneOf(['starting', 'ready', 'down', 'closed']),
      engineVersion: nullable(Type.String(), 'Of ClickHouse; null while the store is unavailable, as for the others.'),
      spanCount: nullable(count(), 'Stored spans.'),
      diskBytes: nullable(count(), 'Of all tables.'),
      firstDay: nullable(
        Type.String(),
        'The first UTC day of which spans are stored, such as `2026-11-23`; null while there are none.',
      ),
      lastDay: nullable(Type.String(), 'The last one.'),
      partial,
      nodes: Type.Array(storeNode, { description: 'The servers; none where the store is embedded.' }),
      collectors: Type.Array(storeCollector, {
        description:
          'The collectors of the last day, as of the last sign of life of this one, with this one first; none without `--store-cluster`.',
      }),
    },
    'Where the collector stores spans: its embedded ClickHouse, or servers.',
  ),
);

const systemIngest = named(
  'SystemIngest',
  closed(
    {
      spansPerSecond: Type.Number({ description: 'Over the last minute.' }),
      acceptedSpans: count(),
      rejectedSpans: Type.Array(closed({ reason: Type.String(), spans: count() }), {
        description:
          'Spans that were rejected, by reason, the most frequent one first; reasons without any are omitted.',
      }),
      spoolBytes: count({ description: 'The backlog: acknowledged, and not in the store yet.' }),
      spoolAgeSeconds: Type.Number({ description: 'Age of the oldest in the backlog.' }),
    },
    'What the collector receives.',
  ),
);

export const systemSchema = named(
  'SystemResponse',
  closed(
    {
      version: Type.String(),
      uptimeSeconds: count(),
      store: systemStore,
      ingest: systemIngest,
      retention: closed({
        maxAgeDays: count({ description: 'Days that spans are kept.' }),
        maxDiskShare: Type.Number({ description: 'The share of the disk above which the oldest days are deleted.' }),
      }),
      limitsReached: Type.Array(closed({ limit: Type.String(), times: count() }), {
        description: 'How often each limit was hit, by the key of its setting; those that never were are omitted.',
      }),
      problems: Type.Array(Type.String(), {
        description: 'What keeps the collector from working, or needs attention; a sentence each, as at `/readyz`.',
      }),
    },
    'State of the collector. Counts are since it started.',
  ),
);

export const endpointsSchema = named(
  'EndpointsResponse',
  closed(
    { otlpGrpcPort: nullable(count(), 'Null where it does not listen.'), otlpHttpPort: count() },
    'Ports on which this collector accepts spans, on the host of this API.',
  ),
);

export const aliveSchema = named('Liveness', closed({ status: oneOf(['alive']) }, 'That the process runs.'));

const finding = named(
  'ReadinessFinding',
  closed(
    { code: Type.String({ description: 'Stable, lower case with underscores.' }), message: Type.String() },
    'Something that is wrong with the collector.',
  ),
);

export const readySchema = named(
  'Readiness',
  closed(
    {
      ready: Type.Boolean({ description: 'Whether there are no problems.' }),
      problems: Type.Array(finding, { description: 'Each keeps the collector from its work.' }),
      warnings: Type.Array(finding, { description: 'Each needs attention while work goes on.' }),
    },
    'Whether spans are accepted and queries answered, and what is wrong.',
  ),
);

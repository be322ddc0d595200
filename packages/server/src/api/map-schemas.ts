import { Type } from '@sinclair/typebox';
import { closed, count, decimal, described, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { estimate } from './estimate-schema.ts';
import { partial } from './partial-schema.ts';

const node = named(
  'MapNode',
  closed(
    {
      id: Type.String({ description: 'Of its kind and name; edges lead from one to another.' }),
      kind: described(
        oneOf(['service', 'silent', 'database', 'queue', 'external', 'clients']),
        '`service`: sends spans · `silent`: a service that sends none, named by its callers · `database` · `queue` · ' +
          '`external`: known by its address only · `clients`: whoever sends requests and no spans.',
      ),
      name: Type.String({ description: '"" for `clients`, and for calls that do not say where they go.' }),
      requestsPerSecond: nullable(Type.Number(), 'Requests that it gets, of all callers; null for `clients`.'),
      errorRate: nullable(
        Type.Number({ minimum: 0, maximum: 1 }),
        'Share of these with an error, of the caller or of itself; null where there are none.',
      ),
    },
    'A service, or what services call.',
  ),
);

const edge = named(
  'MapEdge',
  closed(
    {
      from: Type.String({ description: 'ID of the node that calls.' }),
      to: Type.String({ description: 'ID of the node that is called.' }),
      callsPerSecond: Type.Number({ minimum: 0 }),
      errorRate: Type.Number({ minimum: 0, maximum: 1 }),
      p50Ns: nullable(
        Type.Number(),
        'How long half of the calls keep their caller waiting, in nanoseconds; of messages from a queue, how long they wait there. Off by 2% at most.',
      ),
      p95Ns: nullable(Type.Number(), 'Of 95% of the calls; null where fewer than 40 were measured.'),
      p99Ns: nullable(Type.Number(), 'Of 99%; null where fewer than 200 were measured.'),
      sampledCalls: count({ description: 'Calls that were measured.' }),
      estimate,
    },
    'Calls from one node to another.',
  ),
);

export const mapSchema = named(
  'MapResponse',
  closed(
    {
      fromUnixNano: decimal('Begin of the ten minutes in which the range begins.'),
      toUnixNano: decimal('End of the ten minutes in which it ends.'),
      measuredSeconds: count({ description: 'How much of that time has been measured; rates are calls by this.' }),
      measuredUntilUnixNano: nullable(
        Type.String({ pattern: String.raw`^\d+$` }),
        'Up to when; null where nothing of it has been measured.',
      ),
      storedSpanCount: count({ description: 'Spans of that time.' }),
      readSpanCount: count({
        description:
          'Spans that were measured: those of the traces that began in that time, of all of them or of a sample by trace ID.',
      }),
      share: Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'The least share of the traces that a minute was measured from; 1 where no sample was taken.',
      }),
      nodes: Type.Array(node),
      edges: Type.Array(edge, { description: 'The most frequent first.' }),
      truncated: Type.Boolean({ description: 'Whether there are more edges.' }),
      partial,
    },
    'Who calls whom, how often, with what success and how fast.',
  ),
);

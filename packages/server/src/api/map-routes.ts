import { endsOf, serviceMap } from '@throughline/trace/insight';
import type { MapResponse } from '@throughline/trace/client';
import { anyText, integer, time } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import { readEdges } from '../normals/read-edges.ts';
import { estimateOf } from '../query/estimate.ts';
import { mapSchema } from './map-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';

export interface MapRoutesOptions {
  readonly answers: StoreAnswers;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const HOUR_NS = 3_600_000_000_000n;
const SECOND_NS = 1_000_000_000n;
/** Of longer ranges there are more cells than a statement can name. */
const RANGE_MAX_NS = 31n * 24n * HOUR_NS;
const DEPTH_DEFAULT = 2;
const DEPTH_MAX = 32;
const EDGES_DEFAULT = 500;
const EDGES_MAX = 5_000;

/** Who calls whom. */
export function mapRoutes({ answers, now }: MapRoutesOptions): Route[] {
  return [
    route({
      path: '/api/v1/map',
      operationId: 'getMap',
      summary:
        'Which services call which, and which databases, queues and hosts, with calls a second, errors and latencies; ' +
        'measured by ten minutes, about two minutes after the spans',
      parameters: {
        from: time('Begin of the range; an hour before `to` when it is not given'),
        to: time('End of the range, at most 31 days later; now when it is not given'),
        service: anyText('Only what this service calls, directly or not, and what calls it'),
        depth: integer(
          { least: 1, most: DEPTH_MAX, defaultValue: DEPTH_DEFAULT },
          'With `service`: calls that follow each other, in each direction, up to so many',
        ),
        limit: integer(
          { least: 1, most: EDGES_MAX, defaultValue: EDGES_DEFAULT },
          'Maximum number of edges in the response, the most frequent ones',
        ),
      },
      answers: { description: 'The map', schema: mapSchema, headers: PARTIAL_HEADERS },
      usesStore: true,
      answer: ({ query: { from, to, service, depth, limit }, signal }) => {
        const end = to ?? BigInt(now()) * 1_000_000n;
        const window = { fromUnixNano: from ?? (end > HOUR_NS ? end - HOUR_NS : 0n), toUnixNano: end };
        expectRange(window);
        return answers.json(signal, async (context): Promise<MapResponse> => {
          const read = await readEdges(context, window);
          const options = { seconds: read.seconds, service, depth, edgesMax: limit };
          // Latencies are most of what there is to read: only those of what is shown are.
          const bare = read.edges.map((edge) => ({ ...edge, latencies: [] }));
          const shown = new Set(serviceMap(bare, options).edges.map(keyOf));
          const [chosen, others] = [true, false].map((isShown) =>
            bare.filter((edge) => shown.has(keyOf(endsOf(edge))) === isShown),
          );
          const timed = await read.withLatencies(chosen ?? []);
          const { nodes, edges, isTruncated } = serviceMap([...timed, ...(others ?? [])], options);
          const measuredUntil = read.measuredUntil === null ? null : String(BigInt(read.measuredUntil) * SECOND_NS);
          return {
            fromUnixNano: String(BigInt(read.from) * SECOND_NS),
            toUnixNano: String(BigInt(read.to) * SECOND_NS),
            measuredSeconds: read.seconds,
            measuredUntilUnixNano: measuredUntil,
            storedSpanCount: read.storedSpans,
            readSpanCount: read.takenSpans,
            share: read.share,
            nodes: [...nodes],
            edges: edges.map(({ weighed, ...edge }) => ({ ...edge, estimate: estimateOf(weighed) })),
            truncated: isTruncated || read.isTruncated,
          };
        });
      },
    }),
  ];
}

function keyOf({ from, to }: { readonly from: string; readonly to: string }): string {
  return `${from}\0${to}`;
}

function expectRange({
  fromUnixNano,
  toUnixNano,
}: {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}): void {
  if (fromUnixNano >= toUnixNano) throw new Problem(400, 'invalid_parameter', 'from is not before to');
  if (toUnixNano - fromUnixNano > RANGE_MAX_NS) {
    throw new Problem(400, 'invalid_parameter', 'the range is longer than 31 days; expected a shorter one');
  }
}

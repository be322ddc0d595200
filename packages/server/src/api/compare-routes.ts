import { parseTraceId, TRACE_ID_ACCEPTED } from '@throughline/trace/client';
import type { ComparisonResponse, SimilarTracesResponse } from '@throughline/trace/client';
import { Counter, type Registry } from 'prom-client';
import { integer, optional, time, type Parameter } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import { findLikeTraces, findRoot, type LikeTraces, type RootOfTrace } from '../query/like-traces.ts';
import type { QueryContext, TimeRange } from '../query/rows.ts';
import { TYPICAL_TRACES_MIN } from '../query/several-traces.ts';
import { findTraceRows, type TraceRows } from '../query/trace.ts';
import type { TraceReader } from '../query/trace-reader.ts';
import { comparisonSchema, similarTracesSchema } from './trace-analysis-schemas.ts';
import { readTraceId, traceNotFound, tracePath, traceProblems } from './trace-path.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';
import { before } from './time-windows.ts';

export interface CompareRoutesOptions {
  readonly answers: StoreAnswers;
  readonly traceReader: TraceReader;
  readonly registry: Registry;
}

const DAY_NS = 86_400_000_000_000n;
const LAST_NS = 2n ** 63n - 1n;
/** As `throughline diff` shows. */
const ROWS_DEFAULT = 60;
const ROWS_MAX = 1_000;
const SIMILAR_DEFAULT = 10;
const SIMILAR_MAX = 100;

/** One trace beside others. */
export function compareRoutes({ answers, traceReader, registry }: CompareRoutesOptions): Route[] {
  const leftOut = new Counter({
    name: 'throughline_like_traces_left_out_total',
    help: 'Traces that a trace was not compared with, because all of them together have too many spans or bytes',
    registers: [registry],
  });
  const findLike = async (
    context: QueryContext,
    traceId: string,
    root: RootOfTrace,
    range: TimeRange,
  ): Promise<LikeTraces> => {
    const like = await findLikeTraces(context, traceId, root, range);
    leftOut.inc(like.leftOutCount);
    return like;
  };
  return [
    route({
      path: '/api/v1/traces/{traceId}/compare',
      operationId: 'compareTraces',
      summary:
        'Compares a trace (B) with another one (A), or with the typical one of the same root in the 24 hours before it, ' +
        'path by path',
      pathParameters: tracePath,
      parameters: {
        with: comparedWith,
        rows: integer(
          { least: 1, most: ROWS_MAX, defaultValue: ROWS_DEFAULT },
          'Maximum number of rows in Markdown; JSON has them all',
        ),
      },
      answers: { description: 'What differs, path by path', schema: comparisonSchema, headers: PARTIAL_HEADERS },
      problems: {
        404:
          'trace_not_found: no span of one of the traces is stored; root_not_found, too_few_traces: nothing is typical, ' +
          'because the trace has no root, or because too few others have such a root',
      },
      report: 'The same as `throughline diff --md` prints it',
      usesStore: true,
      answer: ({ path, query, form, signal }) => {
        const traceId = readTraceId(path['traceId']);
        const other = query.with;
        if (other === traceId) {
          throw new Problem(400, 'invalid_parameter', 'parameter with: got the same trace, expected another one');
        }
        const find = async (context: QueryContext): Promise<ComparisonResponse> => {
          if (other !== TYPICAL) {
            const [b, a] = await Promise.all([rowsOf(context, traceId), rowsOf(context, other)]);
            return { ...(await traceReader.askOfSeveral(context, { query: 'compare', a, b })), typical: null };
          }
          const trace = await rowsOf(context, traceId);
          const root = await rootOf(context, traceId);
          const range = {
            fromUnixNano: before(root.startUnixNano, DAY_NS),
            toUnixNano: before(root.startUnixNano, 1n),
          };
          const { foundCount, answers: others, weights } = await findLike(context, traceId, root, range);
          const { comparison, comparedCount } = await traceReader.askOfSeveral(context, {
            query: 'typical',
            trace,
            others,
            weights,
          });
          if (comparison === null) throw tooFewTraces(root, comparedCount);
          const typical = { ...describe(root, range), foundCount, comparedCount };
          return { ...comparison, typical };
        };
        if (form === 'json') return answers.json(signal, find);
        return answers.markdown(signal, async (context, warnings) => {
          const idOfA = other === TYPICAL ? (await find(context)).traceIdA : other;
          const [b, a] = await Promise.all([rowsOf(context, traceId), rowsOf(context, idOfA)]);
          return traceReader.askOfSeveral(context, {
            query: 'comparison-markdown',
            a,
            b,
            rowsMax: query.rows,
            warnings: warnings(),
          });
        });
      },
    }),
    route({
      path: '/api/v1/traces/{traceId}/similar',
      operationId: 'findSimilarTraces',
      summary:
        'Traces whose root does the same, by how like they are to a trace: what they call, and where their time went',
      pathParameters: tracePath,
      parameters: {
        from: time('Begin of the range in which they start; 24 hours before the trace when it is not given'),
        to: time('End of the range; 24 hours after the trace when it is not given'),
        limit: integer(
          { least: 1, most: SIMILAR_MAX, defaultValue: SIMILAR_DEFAULT },
          'Maximum number of traces in the response',
        ),
      },
      answers: { description: 'The most similar first', schema: similarTracesSchema, headers: PARTIAL_HEADERS },
      problems: {
        404: `${traceProblems[404]}; root_not_found: no span without a parent of it is stored`,
      },
      usesStore: true,
      answer: ({ path, query: { from, to, limit }, signal }) => {
        const traceId = readTraceId(path['traceId']);
        return answers.json(signal, async (context): Promise<SimilarTracesResponse> => {
          const trace = await rowsOf(context, traceId);
          const root = await rootOf(context, traceId);
          const range = {
            fromUnixNano: from ?? before(root.startUnixNano, DAY_NS),
            toUnixNano: to ?? after(root.startUnixNano),
          };
          if (range.fromUnixNano > range.toUnixNano) {
            throw new Problem(400, 'invalid_parameter', 'parameter from: it is after to; expected a range');
          }
          const { foundCount, answers: others } = await findLike(context, traceId, root, range);
          const { traces, comparedCount } = await traceReader.askOfSeveral(context, {
            query: 'similar',
            trace,
            others,
            limit,
          });
          return { traceId, ...describe(root, range), foundCount, comparedCount, traces: [...traces] };
        });
      },
    }),
  ];
}

const TYPICAL = 'typical';

const comparedWith: Parameter<string> = {
  ...optional(
    {
      accepted: `${TYPICAL}, or ${TRACE_ID_ACCEPTED}`,
      description: `The trace to compare with: its ID, or \`${TYPICAL}\``,
      schema: { type: 'string' },
    },
    () => null,
  ),
  required: true,
  read: ([given = '']) => (given === TYPICAL ? given : (parseTraceId(given) ?? undefined)),
};

async function rowsOf(context: QueryContext, traceId: string): Promise<TraceRows> {
  const rows = await findTraceRows(context, traceId);
  if (rows === null) throw traceNotFound(traceId);
  return rows;
}

async function rootOf(context: QueryContext, traceId: string): Promise<RootOfTrace> {
  const root = await findRoot(context, traceId);
  if (root !== null) return root;
  throw new Problem(404, 'root_not_found', `no span without a parent of trace ${traceId} is stored`);
}

function describe({ service, operation }: RootOfTrace, { fromUnixNano, toUnixNano }: ClosedRange) {
  return { service, operation, fromUnixNano: String(fromUnixNano), toUnixNano: String(toUnixNano) };
}

interface ClosedRange {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}

function tooFewTraces({ service, operation }: RootOfTrace, comparedCount: number): Problem {
  const root = JSON.stringify(`${service} ${operation}`.slice(0, 200));
  return new Problem(
    404,
    'too_few_traces',
    `${comparedCount} other traces of ${root} are in the 24 hours before it; at least ${TYPICAL_TRACES_MIN} show what ` +
      'is typical: compare it with a trace that you choose',
  );
}

function after(unixNano: bigint): bigint {
  return unixNano < LAST_NS - DAY_NS ? unixNano + DAY_NS : LAST_NS;
}

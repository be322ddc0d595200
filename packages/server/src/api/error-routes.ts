import type { ErrorsResponse } from '@throughline/trace/client';
import type { ErrorGroup } from '@throughline/trace/insight';
import { anyText, integer, optional, time } from '../http/parameters.ts';
import { route, type Route } from '../http/route.ts';
import type { ErrorFinder } from '../insight/error-finder.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import { errorsSchema } from './error-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';
import { before, HOUR_NS, windowOf } from './time-windows.ts';

export interface ErrorRoutesOptions {
  readonly answers: StoreAnswers;
  readonly errors: ErrorFinder;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const GROUPS_DEFAULT = 50;
const GROUPS_MAX = 500;

/** What fails, by where and why. */
export function errorRoutes({ answers, errors, now }: ErrorRoutesOptions): Route[] {
  return [
    route({
      path: '/api/v1/errors',
      operationId: 'listErrors',
      summary:
        'Failures by where and why they began, the most frequent first, with which of them are new, go on, are back or ' +
        'gone',
      parameters: {
        from: time('Begin of the range; an hour before `to` when it is not given'),
        to: time('End of the range; now when it is not given'),
        service: anyText('Only failures that began in this service'),
        limit: integer(
          { least: 1, most: GROUPS_MAX, defaultValue: GROUPS_DEFAULT },
          'Maximum number of groups in a page',
        ),
        cursor: optional(
          {
            accepted: 'the nextCursor of an earlier page, unchanged',
            description: 'Continues after an earlier page, in the same range',
            schema: { type: 'string' },
          },
          decodeCursor,
        ),
      },
      answers: { description: 'A page of groups', schema: errorsSchema, headers: PARTIAL_HEADERS },
      usesStore: true,
      answer: ({ query: { from, to, service, limit, cursor }, signal }) => {
        const end = to ?? BigInt(now()) * 1_000_000n;
        const window = cursor?.window ?? windowOf('from', from ?? before(end, HOUR_NS), 'to', end);
        const skip = cursor?.skip ?? 0;
        return answers.json(signal, async (context): Promise<ErrorsResponse> => {
          const found = await errors.find(context, { window, service, skip, limit });
          const next = skip + found.groups.length;
          return {
            fromUnixNano: String(window.fromUnixNano),
            toUnixNano: String(window.toUnixNano),
            lookedBackToUnixNano: String(found.lookedBackToUnixNano),
            failedSpanCount: found.failedSpanCount,
            readSpanCount: found.readSpanCount,
            share: found.share,
            groups: found.groups.map(describe),
            groupCount: found.groupCount,
            nextCursor: next < found.groupCount ? encodeCursor({ window, skip: next }) : null,
          };
        });
      },
    }),
  ];
}

function describe({ firstUnixNano, lastUnixNano, trend, versions, samples, ...group }: ErrorGroup) {
  return {
    ...group,
    firstUnixNano: String(firstUnixNano),
    lastUnixNano: String(lastUnixNano),
    trend: [...trend],
    versions: [...versions],
    samples: samples.map(({ traceId, spanId, startUnixNano }) => ({
      traceId,
      spanId,
      startTimeUnixNano: String(startUnixNano),
    })),
  };
}

interface Cursor {
  readonly window: TimeWindow;
  readonly skip: number;
}

/** Opaque text that needs no escaping in a URL. */
function encodeCursor({ window: { fromUnixNano, toUnixNano }, skip }: Cursor): string {
  return Buffer.from(`${fromUnixNano}:${toUnixNano}:${skip}`).toString('base64url');
}

/** Undefined when it is not one of ours. */
function decodeCursor(cursor: string): Cursor | undefined {
  if (!/^[\w-]{1,100}$/.test(cursor)) return undefined;
  const parts = /^(\d{1,19}):(\d{1,19}):(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  const [fromUnixNano, toUnixNano] = [BigInt(parts?.[1] ?? 0), BigInt(parts?.[2] ?? 0)];
  if (parts === null || fromUnixNano >= toUnixNano || toUnixNano >= 2n ** 63n) return undefined;
  return { window: { fromUnixNano, toUnixNano }, skip: Number(parts[3]) };
}

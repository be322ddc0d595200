import type { Static } from '@sinclair/typebox';
import { parseTag, type ApartResponse } from '@throughline/trace/client';
import { jsonBody } from '../http/json-body.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import type { ApartFinder } from '../insight/apart-finder.ts';
import type { Selection } from '../insight/apart-sql.ts';
import { apartRequestSchema, apartSchema } from './apart-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';
import { windowOf } from './time-windows.ts';

export interface ApartRoutesOptions {
  readonly answers: StoreAnswers;
  readonly apart: ApartFinder;
  /** Of a request's body. */
  readonly bytesMax: number;
}

const ATTRIBUTES_DEFAULT = 10;

/** What some spans have that others have not. */
export function apartRoutes({ answers, apart, bytesMax }: ApartRoutesOptions): Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/attributes/apart',
      operationId: 'findAttributesApart',
      summary:
        'Which attributes set a selection of spans apart from others, such as those that fail from those that do not',
      body: jsonBody(apartRequestSchema, { bytesMax, limit: 'insight.requestBytesMax', code: 'invalid_selection' }),
      answers: { description: 'The attributes, the clearest first', schema: apartSchema, headers: PARTIAL_HEADERS },
      problems: {
        413: `body_too_large: more than ${bytesMax} bytes`,
        415: 'unsupported_content_type, unsupported_encoding: the body is not JSON, or compressed',
      },
      usesStore: true,
      answer: ({ body, signal }) => {
        const [from, to] = [BigInt(body.window.fromUnixNano), BigInt(body.window.toUnixNano)];
        const window = windowOf('window.fromUnixNano', from, 'window.toUnixNano', to);
        const selection = selectionOf('selection', body.selection);
        const others = body.others === undefined ? null : selectionOf('others', body.others);
        if (others === null && isWhole(selection)) {
          throw new Problem(
            400,
            'invalid_selection',
            'selection: it has all spans of its service and operation; expected status, minDurationMs, maxDurationMs or ' +
              'tags in it, or others to hold it against',
          );
        }
        return answers.json(signal, async (context): Promise<ApartResponse> => {
          const found = await apart.find(context, {
            window,
            selection,
            others,
            limit: body.limit ?? ATTRIBUTES_DEFAULT,
          });
          return {
            fromUnixNano: String(window.fromUnixNano),
            toUnixNano: String(window.toUnixNano),
            selected: { spanCount: found.selectedSpanCount, readCount: found.selectedCount },
            others: { spanCount: found.otherSpanCount, readCount: found.otherCount },
            text: found.text,
            attributes: [...found.attributes],
          };
        });
      },
    }),
  ];
}

type GivenSelection = Static<typeof apartRequestSchema>['selection'];

function selectionOf(name: string, given: GivenSelection): Selection {
  const { service = null, operation = null, status = null, minDurationMs, maxDurationMs, tags = [] } = given;
  return {
    service,
    operation,
    status,
    minDurationNs: minDurationMs === undefined ? null : nanosecondsOf(minDurationMs),
    maxDurationNs: maxDurationMs === undefined ? null : nanosecondsOf(maxDurationMs),
    tags: tags.map((text, at) => {
      const tag = parseTag(text);
      if (tag !== null) return tag;
      const shown = JSON.stringify(text.slice(0, 100));
      throw new Problem(400, 'invalid_selection', `${name}.tags[${at}]: got ${shown}, expected key=value`);
    }),
  };
}

function isWhole({ status, minDurationNs, maxDurationNs, tags }: Selection): boolean {
  return status === null && minDurationNs === null && maxDurationNs === null && tags.length === 0;
}

function nanosecondsOf(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1e6));
}

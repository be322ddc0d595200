import type { ChangesResponse, ExplainResponse } from '@throughline/trace/client';
import { jsonBody } from '../http/json-body.ts';
import { anyText, integer, time } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import type { WindowComparer } from '../insight/window-comparer.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import type { QueryContext } from '../query/rows.ts';
import { changesMarkdown, explainMarkdown } from '../terminal/write-changes.ts';
import { changesSchema, explainRequestSchema, explanationSchema } from './insight-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';
import { before, HOUR_NS, windowOf } from './time-windows.ts';

export interface InsightRoutesOptions {
  readonly answers: StoreAnswers;
  readonly windows: WindowComparer;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of a request's body. */
  readonly bytesMax: number;
}

const BASELINE_NS = 24n * HOUR_NS;
const CHANGES_DEFAULT = 50;
const CHANGES_MAX = 1_000;

/** What many traces mean together. */
export function insightRoutes({ answers, windows, now, bytesMax }: InsightRoutesOptions): Route[] {
  return [
    route({
      path: '/api/v1/changes',
      operationId: 'listChanges',
      summary:
        'What has changed in a range of time against the 24 hours before it, or against a baseline that is given: ' +
        'operations that are slower or fail more often, that are new or gone, new versions; and the likeliest cause',
      parameters: {
        from: time('Begin of the range; an hour before `to` when it is not given'),
        to: time('End of the range; now when it is not given'),
        baselineFrom: time('Begin of the baseline; 24 hours before its end when it is not given'),
        baselineTo: time('End of the baseline; the begin of the range when it is not given'),
        service: anyText('Only changes of this service'),
        limit: integer(
          { least: 1, most: CHANGES_MAX, defaultValue: CHANGES_DEFAULT },
          'Maximum number of changes in the response',
        ),
      },
      answers: { description: 'The changes, and the suspects', schema: changesSchema, headers: PARTIAL_HEADERS },
      report: 'The same as `throughline changes --md` prints it',
      usesStore: true,
      answer: ({ query: { from, to, baselineFrom, baselineTo, service, limit }, form, signal }) => {
        const end = to ?? BigInt(now()) * 1_000_000n;
        const range = windowOf('from', from ?? before(end, HOUR_NS), 'to', end);
        const baselineEnd = baselineTo ?? range.fromUnixNano;
        const baselineBegin = baselineFrom ?? before(baselineEnd, BASELINE_NS);
        const baseline = windowOf('baselineFrom', baselineBegin, 'baselineTo', baselineEnd);
        expectApart(baseline, range);
        const find = async (context: QueryContext): Promise<ChangesResponse> => {
          const { explanation, changes } = await windows.compare(context, baseline, range);
          const wanted = service === null ? changes : changes.filter((change) => change.service === service);
          return {
            fromUnixNano: String(range.fromUnixNano),
            toUnixNano: String(range.toUnixNano),
            baselineFromUnixNano: String(baseline.fromUnixNano),
            baselineToUnixNano: String(baseline.toUnixNano),
            changes: wanted.slice(0, limit),
            truncated: wanted.length > limit,
            ...explanation,
          };
        };
        return answers.report(form, signal, find, (found, warnings) =>
          changesMarkdown({ ...found, warnings: [...found.warnings, ...warnings] }, service),
        );
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/incidents/explain',
      operationId: 'explainIncident',
      summary:
        'Compares an incident with a time when all was well, and names the services that are the likeliest cause',
      body: jsonBody(explainRequestSchema, { bytesMax, limit: 'insight.requestBytesMax', code: 'invalid_windows' }),
      answers: {
        description: 'The conclusion, with the suspects',
        schema: explanationSchema,
        headers: PARTIAL_HEADERS,
      },
      problems: {
        413: `body_too_large: more than ${bytesMax} bytes`,
        415: 'unsupported_content_type, unsupported_encoding: the body is not JSON, or compressed',
      },
      report: 'The same as `throughline explain --md` prints it',
      usesStore: true,
      answer: ({ body, form, signal }) => {
        const [baseline, incident] = (['baseline', 'incident'] as const).map((name) => {
          const { fromUnixNano, toUnixNano } = body[name];
          return windowOf(`${name}.fromUnixNano`, BigInt(fromUnixNano), `${name}.toUnixNano`, BigInt(toUnixNano));
        }) as [TimeWindow, TimeWindow];
        expectApart(baseline, incident);
        return answers.report(
          form,
          signal,
          async (context): Promise<ExplainResponse> => (await windows.compare(context, baseline, incident)).explanation,
          (found, warnings) =>
            explainMarkdown(
              { ...found, warnings: [...found.warnings, ...warnings] },
              writtenWindow(baseline),
              writtenWindow(incident),
            ),
        );
      },
    }),
  ];
}

function writtenWindow({ fromUnixNano, toUnixNano }: TimeWindow) {
  return { fromUnixNano: String(fromUnixNano), toUnixNano: String(toUnixNano) };
}

function expectApart(baseline: TimeWindow, incident: TimeWindow): void {
  if (baseline.fromUnixNano >= incident.toUnixNano || incident.fromUnixNano >= baseline.toUnixNano) return;
  throw new Problem(400, 'invalid_windows', 'the baseline and the incident overlap; expected windows apart');
}

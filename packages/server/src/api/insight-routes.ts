import type { ExplainResponse } from '@throughline/trace/client';
import { jsonBody } from '../http/json-body.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import type { IncidentReader } from '../insight/incident-reader.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import { explainRequestSchema, explanationSchema } from './insight-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';

/** The last moment that a signed number of 64 bits holds, as spans have it. */
const LAST_UNIX_NANO = 2n ** 63n - 1n;

/** What many traces mean together. */
export function insightRoutes(answers: StoreAnswers, incidents: IncidentReader, bytesMax: number): Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/incidents/explain',
      operationId: 'explainIncident',
      summary:
        'Compares an incident with a time when all was well, and names the services that are the likeliest cause',
      body: jsonBody(explainRequestSchema, {
        bytesMax,
        limit: 'insight.requestBytesMax',
        code: 'invalid_windows',
      }),
      answers: {
        description: 'The conclusion, with the suspects',
        schema: explanationSchema,
        headers: PARTIAL_HEADERS,
      },
      problems: {
        413: `body_too_large: more than ${bytesMax} bytes`,
        415: 'unsupported_content_type, unsupported_encoding: the body is not JSON, or compressed',
      },
      usesStore: true,
      answer: ({ body, signal }) => {
        const baseline = windowOf('baseline', body.baseline);
        const incident = windowOf('incident', body.incident);
        if (baseline.fromUnixNano < incident.toUnixNano && incident.fromUnixNano < baseline.toUnixNano) {
          throw new Problem(400, 'invalid_windows', 'baseline and incident overlap; expected windows apart');
        }
        return answers.json(signal, (context): Promise<ExplainResponse> =>
          incidents.explain(context, baseline, incident),
        );
      },
    }),
  ];
}

function windowOf(
  name: string,
  given: { readonly fromUnixNano: string | number; readonly toUnixNano: string | number },
): TimeWindow {
  const fromUnixNano = BigInt(given.fromUnixNano);
  const toUnixNano = BigInt(given.toUnixNano);
  if (toUnixNano > LAST_UNIX_NANO) {
    throw new Problem(400, 'invalid_windows', `${name}.toUnixNano is after the year 2262; expected nanoseconds`);
  }
  if (fromUnixNano >= toUnixNano) {
    throw new Problem(400, 'invalid_windows', `${name}.fromUnixNano is not before ${name}.toUnixNano`);
  }
  return { fromUnixNano, toUnixNano };
}

import { ApiClient, type ApartRequest, type ApartResponse } from '../../packages/trace/dist/client/index.js';
import type { Collector } from './collector.ts';
import { eventually } from './processes.ts';
import { postJson, spanIdOf, traceIdOf } from './traces.ts';

/** A whole hour that is over, so that no question's answer depends on the moment. */
export const HOUR_MS = Math.floor(Date.now() / 3_600_000 - 2) * 3_600_000;
export const TRACES = 40;
export const LONG_TRACE = traceIdOf('trace-7');

const value = (text: string) => ({ stringValue: text });

const spansOf = (service: 'web' | 'db', from: number, to: number) =>
  Array.from({ length: TRACES }, (_, index) => index).flatMap((index) =>
    Array.from({ length: 3 }, (__, depth) => depth)
      .filter((depth) => depth >= from && depth < to)
      .map((depth) => {
        const startNs = BigInt(HOUR_MS + index * 60_000 + depth) * 1_000_000n + BigInt(index % 2);
        return {
          traceId: traceIdOf(`trace-${index}`),
          spanId: spanIdOf(`span-${index}-${depth}`),
          ...(depth > 0 && { parentSpanId: spanIdOf(`span-${index}-${depth - 1}`) }),
          name: `${service} operation ${index % 4}`,
          kind: depth === 2 ? 3 : 2,
          startTimeUnixNano: String(startNs),
          endTimeUnixNano: String(startNs + BigInt((index + 1) * 1_000_000 * (3 - depth))),
          ...(index % 5 === 0 && { status: { code: 2, message: "it's broken \\" } }),
          ...(index % 3 === 0 && { traceState: 'ot=th:8' }),
          ...(index === 7 && {
            flags: 0x101,
            droppedAttributesCount: 1,
            events: [{ timeUnixNano: String(startNs), name: 'event', attributes: [{ key: 'e', value: value('1') }] }],
            links: [
              {
                traceId: traceIdOf('other'),
                spanId: spanIdOf('other'),
                attributes: [{ key: 'l', value: value('2') }],
              },
            ],
          }),
          attributes: [
            { key: 'http.method', value: value(index % 2 === 0 ? 'GET' : "P'UT\n") },
            { key: 'count', value: { intValue: String(index) } },
            { key: 'ratio', value: { doubleValue: 0.5 } },
            { key: 'list', value: { arrayValue: { values: [value('a'), { boolValue: true }] } } },
          ],
        };
      }),
  );

const resource = (service: string) => ({
  attributes: [
    { key: 'service.name', value: value(service) },
    { key: 'region', value: value('eu') },
  ],
});

/** Traces of three spans in two services, with every field of OTLP in some of them; only those whose id is meant. */
export function theTraces(isMeant: (traceId: string) => boolean = () => true): string {
  const spans = (...given: Parameters<typeof spansOf>) => spansOf(...given).filter(({ traceId }) => isMeant(traceId));
  return JSON.stringify({
    resourceSpans: [
      {
        resource: resource('web'),
        scopeSpans: [{ scope: { name: 'scope', version: '1' }, spans: spans('web', 0, 2) }],
      },
      { resource: resource('db'), scopeSpans: [{ spans: spans('db', 2, 3) }] },
    ],
  });
}

export const range = `from=${HOUR_MS}&to=${HOUR_MS + 3_600_000 - 1}`;

/** Every kind of question; a member of the answer that a run makes anew is none of it. */
export const QUESTIONS = [
  '/services',
  `/services?from=${HOUR_MS + 90_000}&to=${HOUR_MS + 1_234_567}`,
  '/services/web/operations',
  `/traces/${LONG_TRACE}`,
  `/traces/${LONG_TRACE}/story`,
  `/traces/${LONG_TRACE}/critical-path`,
  `/traces/${LONG_TRACE}/compare?with=${traceIdOf('trace-8')}`,
  `/traces/${LONG_TRACE}/similar?limit=3`,
  '/traces?limit=7',
  '/traces?limit=100&service=db&status=error',
  '/traces?operation=web%20operation%201&minDurationMs=30&maxDurationMs=90',
  '/traces?tag=count%3D11',
  "/traces?tag=http.method%3DP'UT%0A&tag=region%3Deu&service=web",
  '/traces?tag=region%3Dus',
  `/headlines?ids=${LONG_TRACE},${traceIdOf('trace-8')}`,
  ...[10, 60, 3_600].map((step) => `/series?${range}&step=${step}`),
  `/series?${range}&step=60&groupBy=operation&service=web&limit=2`,
  `/errors?from=${HOUR_MS + 1_200_000}&to=${HOUR_MS + 2_400_000}&limit=3`,
  `/errors?${range}&service=db`,
  // What fails here was there earlier, and not in the minute before.
  `/errors?from=${HOUR_MS + 35 * 60_000}&to=${HOUR_MS + 36 * 60_000}`,
  `/changes?from=${HOUR_MS + 1_200_000}&to=${HOUR_MS + 2_400_000}&baselineFrom=${HOUR_MS}&baselineTo=${HOUR_MS + 1_200_000}`,
  '/attributes',
  '/attributes?prefix=http',
  '/attributes/http.method/values',
  '/attributes/count/values?limit=5',
];

/** What sets them apart from the rest is the same, too. */
export const SELECTIONS: readonly ApartRequest['selection'][] = [
  { service: 'db', tags: ['http.method=GET'] },
  { status: 'error', maxDurationMs: 100 },
];

export const askApart = (collector: Collector, selection: ApartRequest['selection']): Promise<ApartResponse> => {
  const window = { fromUnixNano: `${HOUR_MS}000000`, toUnixNano: `${HOUR_MS + 3_600_000}000000` };
  return new ApiClient(collector.apiUrl).attributesApart({ window, selection });
};

export const ask = async (collector: Collector, question: string): Promise<unknown> => {
  const response = await fetch(`${collector.apiUrl}/api/v1${question}`);
  return { status: response.status, answer: await response.json() };
};

export const storedSpans = (collector: Collector) => async (): Promise<number> => {
  const { answer } = (await ask(collector, '/services')) as { answer: { services: { spanCount: number }[] } };
  return answer.services.reduce((sum, { spanCount }) => sum + spanCount, 0);
};

/** Sends the traces to each, and resolves when all of them are stored and counted. */
export async function storeTheTraces(
  collectors: readonly Collector[],
  isMeant: (traceId: string) => boolean = () => true,
): Promise<void> {
  const traces = Array.from({ length: TRACES }, (_, index) => traceIdOf(`trace-${index}`)).filter(isMeant);
  for (const collector of collectors) {
    await postJson(collector.otlpUrl, theTraces(isMeant));
    await eventually('the traces are stored', async () => (await storedSpans(collector)()) === traces.length * 3);
    await eventually('they are counted', async () =>
      JSON.stringify(await ask(collector, '/attributes')).includes('http.method'),
    );
  }
}

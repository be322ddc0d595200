import type { Registry } from 'prom-client';
import type { Readiness } from '../readiness.ts';
import { json } from '../http/response.ts';
import type { Route } from '../http/route.ts';
import { route } from '../http/route.ts';
import { aliveSchema, readySchema } from './system-schemas.ts';

export interface HealthRoutesOptions {
  readonly registry: Registry;
  readonly readiness: () => Readiness;
}

/** `/healthz`, `/readyz` and `/metrics`: they answer whatever the store does. */
export function healthRoutes({ registry, readiness }: HealthRoutesOptions): Route[] {
  // Requests at the same time share a response: to collect one takes the event loop a millisecond and more.
  let collecting: Promise<string> | null = null;
  const collect = (): Promise<string> =>
    (collecting ??= registry.metrics().finally(() => {
      collecting = null;
    }));
  return [
    route({
      path: '/healthz',
      operationId: 'getLiveness',
      summary: 'Liveness: returns 200 while the process runs',
      answers: { description: 'The status `alive`', schema: aliveSchema },
      usesStore: false,
      isForProbes: true,
      answer: () => json({ status: 'alive' }),
    }),
    route({
      path: '/readyz',
      operationId: 'getReadiness',
      summary: 'Readiness: whether spans are accepted and queries answered, and what is wrong',
      answers: { description: 'The readiness, with warnings that need attention', schema: readySchema },
      problems: { 503: { description: 'Not ready; problems say why', schema: readySchema } },
      usesStore: false,
      isForProbes: true,
      answer: () => {
        const { problems, warnings } = readiness();
        const ready = problems.length === 0;
        return json({ ready, problems, warnings }, ready ? 200 : 503);
      },
    }),
    route({
      path: '/metrics',
      operationId: 'getMetrics',
      summary: 'Metrics in the Prometheus text format',
      answers: { description: 'The metrics', contentType: 'text/plain' },
      usesStore: false,
      isForProbes: true,
      // prom-client writes what the format calls NaN in its own way.
      answer: async () => {
        const body = (await collect()).replace(/ Nan$/gm, ' NaN');
        return { status: 200, contentType: registry.contentType, body };
      },
    }),
  ];
}

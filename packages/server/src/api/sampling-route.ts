import type { TSchema } from '@sinclair/typebox';
import type { SampledOperation, SamplingResponse, SamplingSettingsView } from '@throughline/trace/client';
import { describedBody } from '../http/json-body.ts';
import { json } from '../http/response.ts';
import { anyText } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import { samplingSettingsSchema } from '../schema/sampling-settings-schema.ts';
import { samplingSchema } from './sampling-schemas.ts';
import { countOf } from '../count-of.ts';

/** The current probabilities and settings of sampling. */
export interface SamplingSource {
  readonly settings: SamplingSettingsView;
  operations(service?: string): readonly CurrentOperation[];
  /** Of what `change` takes. */
  readonly changeSchema: TSchema;
  /** Takes a whole set of settings, and judges it: whether a member may be given depends on others. */
  change(given: unknown): Promise<SettingsChange>;
}

type SettingsChange =
  | { readonly kind: 'changed'; readonly settings: SamplingSettingsView }
  /** The message is for people. */
  | { readonly kind: 'rejected' | 'failed'; readonly message: string };

const SETTINGS_PATH = '/api/v1/sampling/settings';

/** `GET` and `PUT /api/v1/sampling/settings`. */
export function samplingSettingsRoutes(source: SamplingSource, bytesMax: number): Route[] {
  return [
    route({
      path: SETTINGS_PATH,
      operationId: 'getSamplingSettings',
      summary: 'Current sampling settings',
      answers: { description: 'The settings', schema: samplingSettingsSchema },
      usesStore: false,
      answer: () => json(source.settings),
    }),
    route({
      method: 'PUT',
      path: SETTINGS_PATH,
      operationId: 'replaceSamplingSettings',
      summary:
        'Replaces the sampling settings; takes effect immediately and persists. Omitted settings are reset to their defaults',
      answers: { description: 'The new settings', schema: samplingSettingsSchema },
      problems: {
        415: 'unsupported_content_type, unsupported_encoding: the body is not JSON, or compressed',
        413: `body_too_large: more than ${bytesMax} bytes`,
        500: 'not_written: the data directory cannot be written, and nothing was changed; internal: the collector failed, and its log says why',
      },
      body: describedBody(source.changeSchema, {
        bytesMax,
        limit: 'sampling.settingsBytesMax',
        code: 'invalid_sampling_settings',
      }),
      usesStore: false,
      answer: async ({ body }) => {
        const change = await source.change(body);
        if (change.kind === 'changed') return json(change.settings);
        if (change.kind === 'rejected') throw new Problem(400, 'invalid_sampling_settings', change.message);
        throw new Problem(500, 'not_written', change.message);
      },
    }),
  ];
}

/** An operation, with what is left of its boost instead of the moment of its end. */
export interface CurrentOperation extends Omit<SampledOperation, 'boostedUntilUnixNano' | 'policy'> {
  readonly boostedForMs: number | null;
}

/** `GET /api/v1/sampling`. `now`: milliseconds since the epoch. */
export function samplingRoute(source: SamplingSource, now: () => number): Route {
  return route({
    path: '/api/v1/sampling',
    operationId: 'getSampling',
    summary: 'Current sampling probability of each operation of applications with remote sampling, and the reason',
    parameters: { service: anyText('Only this service') },
    answers: {
      description: 'The operations, and the current settings',
      schema: samplingSchema,
    },
    usesStore: false,
    answer: ({ query: { service } }) => {
      const operations = source
        .operations(service ?? undefined)
        .map((operation) => shown(operation, source.settings, now()));
      return json({ operations, settings: source.settings } satisfies SamplingResponse);
    },
  });
}

function shown(
  { boostedForMs, ...operation }: CurrentOperation,
  settings: SamplingSettingsView,
  nowMs: number,
): SampledOperation {
  const boostedUntilUnixNano = boostedForMs === null ? null : `${Math.round(nowMs + boostedForMs)}000000`;
  return { ...operation, boostedUntilUnixNano, policy: policyOf(operation, settings) };
}

function policyOf(operation: Omit<CurrentOperation, 'boostedForMs'>, settings: SamplingSettingsView): string {
  switch (operation.reason) {
    case 'fixed':
      return `fixed at ${percent(operation.probability)}`;
    case 'errors':
      return `${countOf(settings.errorTracesPerSecond, 'error trace')} a second, because its errors have risen`;
    case 'target':
      return `${countOf(operation.tracesPerSecond ?? 0, 'trace')} a second`;
    default:
      return `${percent(operation.probability)} until its rate is known`;
  }
}

/** Three digits that count. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

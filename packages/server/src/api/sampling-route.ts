import type { TSchema } from '@sinclair/typebox';
import type { SampledOperation, SamplingResponse, SamplingSettingsView } from '@throughline/trace/client';
import { json } from './answer.ts';
import { anyText } from './parameters.ts';
import { Problem } from './problem.ts';
import { route, type Route } from './route.ts';
import { samplingSchema, samplingSettingsSchema } from './schemas.ts';

/** What applications are told now. */
export interface SamplingSource {
  readonly settings: SamplingSettingsView;
  operations(service?: string): readonly ToldOperation[];
  /** Of what `change` takes. */
  readonly changeSchema: TSchema;
  /** Takes a whole set of settings as JSON. */
  change(body: Uint8Array): Promise<SettingsChange>;
}

type SettingsChange =
  | { readonly kind: 'changed'; readonly settings: SamplingSettingsView }
  /** The message is for people. */
  | { readonly kind: 'refused' | 'failed'; readonly message: string };

const SETTINGS_PATH = '/api/v1/sampling/settings';

/** `GET` and `PUT /api/v1/sampling/settings`. */
export function samplingSettingsRoutes(source: SamplingSource, bytesMax: number): Route[] {
  return [
    route({
      path: SETTINGS_PATH,
      summary: 'The settings of sampling that are in force',
      answers: { description: 'The settings', schema: samplingSettingsSchema },
      usesStore: false,
      answer: () => json(source.settings),
    }),
    route({
      method: 'PUT',
      path: SETTINGS_PATH,
      summary: 'Sets what sampling aims at, at once and for good; what is left out goes back to its default',
      answers: { description: 'The settings as they are now', schema: samplingSettingsSchema },
      problems: {
        415: 'unsupported_content_type, unsupported_encoding: the body is not JSON, or compressed',
        413: `body_too_large: more than ${bytesMax} bytes`,
        500: 'not_written: the data directory cannot be written; nothing was changed',
      },
      body: { schema: source.changeSchema, bytesMax, limit: 'sampling.settingsBytesMax' },
      usesStore: false,
      answer: async ({ body }) => {
        const change = await source.change(body);
        if (change.kind === 'changed') return json(change.settings);
        if (change.kind === 'refused') throw new Problem(400, 'invalid_sampling_settings', change.message);
        throw new Problem(500, 'not_written', change.message);
      },
    }),
  ];
}

/** An operation, with what is left of its boost instead of the moment of its end. */
export interface ToldOperation extends Omit<SampledOperation, 'boostedUntilUnixNano' | 'policy'> {
  readonly boostedForMs: number | null;
}

/** `GET /api/v1/sampling`. `now`: milliseconds since the epoch. */
export function samplingRoute(source: SamplingSource, now: () => number): Route {
  return route({
    path: '/api/v1/sampling',
    summary: 'What applications that ask this collector are told to keep of each operation, and why',
    parameters: { service: anyText('Only of this service') },
    answers: {
      description: 'Operations, and the settings that are in force',
      schema: samplingSchema,
    },
    usesStore: false,
    answer: ({ query: { service } }) => {
      const operations = source.operations(service ?? undefined).map((told) => shown(told, source.settings, now()));
      return json({ operations, settings: source.settings } satisfies SamplingResponse);
    },
  });
}

function shown(
  { boostedForMs, ...told }: ToldOperation,
  settings: SamplingSettingsView,
  nowMs: number,
): SampledOperation {
  const boostedUntilUnixNano = boostedForMs === null ? null : `${Math.round(nowMs + boostedForMs)}000000`;
  return { ...told, boostedUntilUnixNano, policy: policyOf(told, settings) };
}

function policyOf(told: Omit<ToldOperation, 'boostedForMs'>, settings: SamplingSettingsView): string {
  switch (told.reason) {
    case 'fixed':
      return `fixed at ${percent(told.probability)}`;
    case 'errors':
      return `${settings.errorTracesPerSecond} error traces a second, because its errors have risen`;
    case 'target':
      return `${told.tracesPerSecond} traces a second`;
    default:
      return `${percent(told.probability)} until its rate is known`;
  }
}

/** Three digits that count. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

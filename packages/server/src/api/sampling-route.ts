import type { SampledOperation, SamplingResponse, SamplingSettingsView } from '@throughline/trace';
import { json } from './answer.ts';
import { anyText } from './parameters.ts';
import { route, type Route } from './route.ts';

/** What applications are told now. */
export interface SamplingSource {
  readonly settings: SamplingSettingsView;
  operations(service?: string): readonly ToldOperation[];
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
      description:
        '{operations: [{service, name, kind, probability, reason, policy, tracesPerSecond, decidedPerSecond, ' +
        'errorsPerSecond, boostedUntilUnixNano}], settings}; reason is default, fixed, target or errors',
    },
    asksStore: false,
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
  return `${Number((share * 100).toPrecision(3))} %`;
}

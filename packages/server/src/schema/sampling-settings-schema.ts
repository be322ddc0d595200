import { Type } from '@sinclair/typebox';
import { closed, oneOf } from './json-schema.ts';
import { named } from './named-schema.ts';

const LIST_MAX = 100;
const TEXT_MAX = 512;
const PER_SECOND_MAX = 1e6;

const SPAN_KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

const text = (description?: string) =>
  Type.String({ minLength: 1, maxLength: TEXT_MAX, ...(description !== undefined && { description }) });
const perSecond = (description?: string) =>
  Type.Number({ minimum: 0, maximum: PER_SECOND_MAX, ...(description !== undefined && { description }) });
const probability = (description?: string) =>
  Type.Number({ minimum: 0, maximum: 1, ...(description !== undefined && { description }) });

/** A rule of the sampling settings, as the API and the exchange with applications have it. */
export const samplingRule = named(
  'SamplingRule',
  closed(
    {
      service: Type.Optional(text()),
      name: Type.Optional(text()),
      kind: Type.Optional(oneOf(SPAN_KINDS)),
      method: Type.Optional(text()),
      route: Type.Optional(text()),
      path: Type.Optional(text()),
      probability: probability(),
    },
    'The probability of the traces whose first span in an application meets all the conditions that are given: its ' +
      'service, name, kind, HTTP method, route and path.',
  ),
);

const sampledOperationSettings = named(
  'SampledOperationSettings',
  closed(
    {
      service: text(),
      operation: Type.Optional(
        text('The name that spans start with; every operation of the service where it is absent.'),
      ),
      tracesPerSecond: Type.Optional(perSecond()),
      probability: Type.Optional(probability('A fixed probability, instead of a target.')),
    },
    'A target or a fixed probability of one operation, or of a whole service.',
  ),
);

const members = {
  tracesPerSecond: perSecond(
    'Target of sampled traces per second for each operation, over all processes of its service.',
  ),
  errorTracesPerSecond: perSecond(
    'Target of sampled traces with an error per second, for each operation whose errors have risen.',
  ),
  minProbability: probability('Lower bound of the probabilities that follow from these.'),
  maxProbability: probability('Upper bound of them.'),
  defaultProbability: probability('Of operations whose rate is unknown, and of services whose SDK reports no counts.'),
  operations: Type.Array(sampledOperationSettings, {
    maxItems: LIST_MAX,
    description: 'What differs by service or operation; the first one that matches counts.',
  }),
  rules: Type.Array(samplingRule, { maxItems: LIST_MAX, description: 'Evaluated by the SDK before the operations.' }),
};

export const samplingSettingsSchema = named(
  'SamplingSettingsView',
  closed(members, 'What is set in `sampling/settings.json`, or by `PUT /api/v1/sampling/settings`.'),
);

/** What a change of the settings may hold. What is absent is as in the defaults. */
const settingsChangeMembers = {
  tracesPerSecond: Type.Optional(members.tracesPerSecond),
  errorTracesPerSecond: Type.Optional(members.errorTracesPerSecond),
  minProbability: Type.Optional(members.minProbability),
  maxProbability: Type.Optional(members.maxProbability),
  defaultProbability: Type.Optional(members.defaultProbability),
  operations: Type.Optional(members.operations),
  rules: Type.Optional(members.rules),
};

export const settingsChangeSchema = named(
  'SamplingSettingsChange',
  closed(settingsChangeMembers, 'Sampling settings; what is absent is as in the defaults.'),
);

/** The file may name other collectors as well. */
export const settingsFileSchema = closed({
  ...settingsChangeMembers,
  peers: Type.Optional(Type.Array(Type.String(), { maxItems: LIST_MAX })),
});

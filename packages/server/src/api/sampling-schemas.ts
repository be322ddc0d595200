import { Type } from '@sinclair/typebox';
import { closed, count, decimal, nullable } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { samplingReason } from '../schema/sampling-reason.ts';
import { samplingRule } from '../schema/sampling-rule.ts';

const sampledOperation = named(
  'SampledOperation',
  closed(
    {
      service: Type.String(),
      name: Type.String({ description: 'What its spans start with.' }),
      kind: count({ description: '0 internal, 1 server, 2 client, 3 producer, 4 consumer.' }),
      probability: Type.Number(),
      reason: samplingReason,
      tracesPerSecond: nullable(Type.Number(), 'Its target, over all processes; null where its probability is fixed.'),
      decidedPerSecond: nullable(
        Type.Number(),
        'Sampling decisions per second, over all processes; null where unknown.',
      ),
      errorsPerSecond: Type.Number(),
      boostedUntilUnixNano: nullable(
        decimal(),
        'When the boost ends if its errors go back to what is usual; null where it has none.',
      ),
      policy: Type.String({ description: 'In words, such as `10 traces a second`.' }),
    },
    'The current sampling of one operation, for applications with remote sampling.',
  ),
);

const sampledOperationSettings = named(
  'SampledOperationSettings',
  closed(
    {
      service: Type.String(),
      operation: Type.Optional(
        Type.String({
          description: 'The name that spans start with; every operation of the service where it is absent.',
        }),
      ),
      tracesPerSecond: Type.Optional(Type.Number()),
      probability: Type.Optional(Type.Number({ description: 'A fixed probability, instead of a target.' })),
    },
    'A target or a fixed probability of one operation, or of a whole service.',
  ),
);

export const samplingSettingsSchema = named(
  'SamplingSettingsView',
  closed(
    {
      tracesPerSecond: Type.Number({
        description: 'Target of sampled traces per second for each operation, over all processes of its service.',
      }),
      errorTracesPerSecond: Type.Number({
        description: 'Target of sampled traces with an error per second, for each operation whose errors have risen.',
      }),
      minProbability: Type.Number({ description: 'Lower bound of the probabilities that follow from these.' }),
      maxProbability: Type.Number({ description: 'Upper bound of them.' }),
      defaultProbability: Type.Number({
        description: 'Of operations whose rate is unknown, and of services whose SDK reports no counts.',
      }),
      operations: Type.Array(sampledOperationSettings, {
        description: 'What differs by service or operation; the first one that matches counts.',
      }),
      rules: Type.Array(samplingRule, { description: 'Evaluated by the SDK before the operations.' }),
    },
    'What is set in `sampling/settings.json`, or by `PUT /api/v1/sampling/settings`.',
  ),
);

export const samplingSchema = named(
  'SamplingResponse',
  closed({
    operations: Type.Array(sampledOperation, { description: 'Of one service, or of all.' }),
    settings: samplingSettingsSchema,
  }),
);

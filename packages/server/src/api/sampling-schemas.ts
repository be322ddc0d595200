import { Type } from '@sinclair/typebox';
import { closed, count, decimal, nullable } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { samplingReason } from '../schema/sampling-reason.ts';
import { samplingSettingsSchema } from '../schema/sampling-settings-schema.ts';

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

export const samplingSchema = named(
  'SamplingResponse',
  closed({
    operations: Type.Array(sampledOperation, { description: 'Of one service, or of all.' }),
    settings: samplingSettingsSchema,
  }),
);

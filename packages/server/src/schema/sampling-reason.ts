import { described, oneOf } from './json-schema.ts';
import { named } from './named-schema.ts';

/** Why an operation has its probability, as the API and the exchange with applications return it. */
export const samplingReason = named(
  'SamplingReason',
  described(
    oneOf(['default', 'fixed', 'target', 'errors']),
    'Why an operation has its probability. `default`: its rate is unknown. `fixed`: it is set. `target`: it follows ' +
      'from a target of traces per second. `errors`: it is boosted, because its errors have risen.',
  ),
);

import { Type } from '@sinclair/typebox';
import { closed, described, nullable, oneOf, pair } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';

export const estimateBasis = oneOf(['exact', 'estimated', 'biased']);

export const estimate = named(
  'Estimate',
  closed(
    {
      basis: described(
        estimateBasis,
        "`exact`: everything was sampled, or the counts are the SDKs' request metrics and complete. " +
          '`estimated`: from sampling weights, or from request metrics of which more may arrive. `biased`: the weight ' +
          'of some spans is unknown, and they count 1.',
      ),
      relativeError: nullable(
        Type.Number(),
        'Half the width of the 95% interval as a share of the estimated count: 0.04 is ±4%. 0 where it is exact, ' +
          'null where it is unknown: of a biased count, and of request metrics of which more may arrive where no ' +
          'span is sampled; then the count is a lower bound.',
      ),
    },
    'How accurate a count over stored spans is.',
  ),
);

export const errorRateInterval = named(
  'ErrorRateInterval',
  pair(
    Type.Number(),
    'Shares of 0 to 1, the lower one first, between which the error rate lies in 95 of 100 cases (Wilson); the ' +
      'same twice where it is exact.',
  ),
);

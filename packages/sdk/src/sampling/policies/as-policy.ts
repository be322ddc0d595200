import { wrongValue } from '../../runtime/config-error.ts';
import { FunctionPolicy } from './function-policy.ts';
import { Policy, type Sampling } from '../policy.ts';
import { RatioPolicy } from './ratio.ts';

const SAMPLING_ACCEPTED = 'a number from 0 to 1, a policy such as rateLimit({ spansPerSecond: 100 }), or a function';

/**
 * The policy that a value means.
 * @throws ConfigError naming `setting` where it means none.
 */
export function asPolicy(setting: string, sampling: Sampling): Policy {
  if (sampling instanceof Policy) return sampling;
  if (typeof sampling === 'function') return new FunctionPolicy(sampling);
  if (typeof sampling === 'number' && sampling >= 0 && sampling <= 1) return new RatioPolicy(sampling);
  throw wrongValue(setting, sampling, SAMPLING_ACCEPTED);
}

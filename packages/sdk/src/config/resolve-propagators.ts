import type { TextMapPropagator } from '@opentelemetry/api';
import type { ConfigEnvironment } from './environment.ts';
import { wrongValue } from '../runtime/config-error.ts';
import {
  DEFAULT_PROPAGATORS,
  isPropagatorName,
  PROPAGATOR_NAMES,
  type PropagatorName,
} from '../propagation/propagators.ts';
import { property } from '../runtime/property.ts';
import { shortened } from '../runtime/shown.ts';

type Propagators = readonly (PropagatorName | TextMapPropagator)[];

const ACCEPTED = `'none', or an array of ${PROPAGATOR_NAMES.join(', ')} or objects with inject, extract and fields`;

/** The header formats to write and read, in order. */
export function resolvePropagators(given: unknown, env: ConfigEnvironment): Propagators {
  return Object.freeze(
    env.choose<Propagators>('propagators', check(given), () => fromEnvironment(env), DEFAULT_PROPAGATORS),
  );
}

function check(given: unknown): Propagators | undefined {
  if (given === undefined) return undefined;
  if (given === 'none') return [];
  if (!Array.isArray(given)) throw wrongValue('propagators', given, ACCEPTED);
  for (const each of given as unknown[]) {
    if (!isPropagatorName(each) && !isTextMapPropagator(each)) throw wrongValue('propagators', each, ACCEPTED);
  }
  return [...new Set(given as Propagators)];
}

function isTextMapPropagator(value: unknown): value is TextMapPropagator {
  return ['inject', 'extract', 'fields'].every((method) => typeof property(value, method) === 'function');
}

/** Unknown names are ignored with a warning; the others count. */
function fromEnvironment(env: ConfigEnvironment): Propagators | undefined {
  return env.read('OTEL_PROPAGATORS', (text) => {
    const names = [...new Set(text.split(',').map((name) => name.trim().toLowerCase()))].filter((name) => name !== '');
    if (names.includes('none')) return [];
    const known = names.filter(isPropagatorName);
    const unknown = names.filter((name) => !isPropagatorName(name));
    if (known.length === 0) return `a list of ${PROPAGATOR_NAMES.join(', ')}, or none`;
    if (unknown.length > 0) {
      env.warnings.push(
        `OTEL_PROPAGATORS: unknown propagator ${shortened(unknown.join(', '))} ignored; supported: ${PROPAGATOR_NAMES.join(', ')}, none`,
      );
    }
    return known;
  });
}

import { hostname } from 'node:os';
import { storedValue, type Attributes } from './attributes.ts';
import { checkString } from './config-checks.ts';
import { parseKeyValues, type ConfigEnvironment } from './config-environment.ts';
import type { TracerOptions } from './config.ts';
import { ConfigError } from './errors.ts';
import { DEFAULT_SPAN_LIMITS } from './limits.ts';
import { VERSION } from './version.ts';

/** The attributes of everything that this process sends: detected ones, the environment's, the option's. */
export function resolveResource(
  options: TracerOptions,
  env: ConfigEnvironment,
): Readonly<Attributes & { 'service.name': string }> {
  const given = checkResource(options.resource);
  const fromEnv = env.read('OTEL_RESOURCE_ATTRIBUTES', parseKeyValues) ?? {};
  const name =
    checkString('service', options.service) ?? checkString('resource["service.name"]', given['service.name']);
  const service = env.choose(
    'service',
    name,
    () => env.string('OTEL_SERVICE_NAME') ?? env.named('OTEL_RESOURCE_ATTRIBUTES', fromEnv['service.name']),
    'unknown_service:node',
  );
  return Object.freeze({
    'telemetry.sdk.name': 'throughline',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': VERSION,
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'host.name': hostname(),
    ...fromEnv,
    ...given,
    'service.name': service,
  });
}

function checkResource(given: unknown): Attributes {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ConfigError('resource', given, 'an object of attributes');
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || storedValue(value, DEFAULT_SPAN_LIMITS) !== undefined) continue;
    throw new ConfigError(
      `resource["${key}"]`,
      value,
      'what an attribute may hold: text, numbers, booleans, lists, maps',
    );
  }
  return given as Attributes;
}

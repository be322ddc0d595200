import { hostname, release, type } from 'node:os';
import { storedValue, type Attributes } from '../span/attributes.ts';
import { checkString } from '../runtime/checks.ts';
import { parseKeyValues, type ConfigEnvironment } from './environment.ts';
import type { TracerOptions } from './options.ts';
import { wrongValue } from '../runtime/config-error.ts';
import { nodeModules } from '../runtime/node-modules.ts';
import { shown } from '../runtime/shown.ts';
import { DEFAULT_SPAN_LIMITS } from '../span/span-limits.ts';
import { VERSION } from '../runtime/version.ts';

/** The attributes of everything that this process sends: detected ones, the environment's, the option's. */
export function resolveResource(
  options: TracerOptions,
  env: ConfigEnvironment,
): Readonly<Attributes & { 'service.name': string }> {
  const given = checkResource(options.resource);
  const detectors = environmentDetectors(env);
  const fromEnv = (detectors.has('env') && env.read('OTEL_RESOURCE_ATTRIBUTES', parseKeyValues)) || {};
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
    ...(detectors.has('process') && {
      'process.pid': process.pid,
      'process.runtime.name': 'nodejs',
      'process.runtime.version': process.versions.node,
    }),
    ...(detectors.has('host') && { 'host.name': hostname() }),
    ...(detectors.has('os') && { 'os.type': type().toLowerCase(), 'os.version': release() }),
    ...(detectors.has('serviceinstance') && { 'service.instance.id': nodeModules.crypto.randomUUID() }),
    ...fromEnv,
    ...given,
    'service.name': service,
  });
}

const DETECTORS = ['env', 'host', 'os', 'process', 'serviceinstance'] as const;
type DetectorName = (typeof DETECTORS)[number];
const DEFAULT_DETECTORS: readonly DetectorName[] = ['env', 'host', 'process'];

/** What is to be detected, by the names of the standard SDK for Node. */
function environmentDetectors(env: ConfigEnvironment): ReadonlySet<DetectorName> {
  const names = env.string('OTEL_NODE_RESOURCE_DETECTORS')?.split(',') ?? DEFAULT_DETECTORS;
  const detectors = new Set<DetectorName>();
  for (const name of names.map((each) => each.trim())) {
    const known = name === 'all' ? DETECTORS : DETECTORS.filter((each) => each === name);
    for (const each of known) detectors.add(each);
    if (known.length > 0 || name === 'none' || name === '') continue;
    const accepted = [...DETECTORS, 'all', 'none'].join(', ');
    env.warnings.push(
      `OTEL_NODE_RESOURCE_DETECTORS: unknown detector ${shown(name)} ignored; supported: ${accepted}; for others use detectResource()`,
    );
  }
  return detectors;
}

function checkResource(given: unknown): Attributes {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrongValue('resource', given, 'an object of attributes');
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || storedValue(value, DEFAULT_SPAN_LIMITS) !== undefined) continue;
    throw wrongValue(`resource["${key}"]`, value, 'a valid attribute value: a string, number, boolean, array or map');
  }
  return given as Attributes;
}

import type { SampledOperationSettings, SamplingRule, SamplingSettingsView } from '@throughline/trace/client';
import { withoutPasswords } from '../without-passwords.ts';
import { field, isShare, shown } from '../json-value.ts';

/** What the collector aims at; by file and by `PUT /api/v1/sampling/settings`. */
export interface SamplingSettings extends SamplingSettingsView {
  /** Base URLs of the other collectors that serve the same processes; each hears of what this one is told. */
  readonly peers: readonly string[];
}

export type OperationSettings = SampledOperationSettings;
export type RuleSettings = SamplingRule;

export const DEFAULT_SAMPLING_SETTINGS: SamplingSettings = Object.freeze({
  tracesPerSecond: 10,
  errorTracesPerSecond: 5,
  minProbability: 0.0001,
  maxProbability: 1,
  defaultProbability: 0.1,
  operations: [],
  rules: [],
  peers: [],
});

const LIST_MAX = 100;
const TEXT_MAX = 512;
const PER_SECOND_MAX = 1e6;
const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'];
const CONDITIONS = ['name', 'kind', 'method', 'route', 'path'] as const;

/** A setting that is not accepted; the message is one line for people. */
export class SamplingSettingsError extends Error {
  override readonly name = 'SamplingSettingsError';
  readonly code = 'invalid_sampling_settings';
}

/** What is absent is as in the defaults. Throws `SamplingSettingsError`. */
export function readSamplingSettings(given: unknown): SamplingSettings {
  checkNames('the settings', given, Object.keys(DEFAULT_SAMPLING_SETTINGS));
  const number = (name: 'tracesPerSecond' | 'errorTracesPerSecond'): number =>
    perSecond(name, field(given, name)) ?? DEFAULT_SAMPLING_SETTINGS[name];
  const share = (name: 'minProbability' | 'maxProbability' | 'defaultProbability'): number =>
    probability(name, field(given, name)) ?? DEFAULT_SAMPLING_SETTINGS[name];
  const settings: SamplingSettings = {
    tracesPerSecond: number('tracesPerSecond'),
    errorTracesPerSecond: number('errorTracesPerSecond'),
    minProbability: share('minProbability'),
    maxProbability: share('maxProbability'),
    defaultProbability: share('defaultProbability'),
    operations: list('operations', field(given, 'operations'), readOperation),
    rules: list('rules', field(given, 'rules'), readRule),
    peers: list('peers', field(given, 'peers'), readPeer),
  };
  if (settings.minProbability > settings.maxProbability) {
    throw refusal(
      'minProbability',
      settings.minProbability,
      `at most maxProbability, which is ${settings.maxProbability}`,
    );
  }
  return Object.freeze(settings);
}

function readOperation(setting: string, given: unknown): OperationSettings {
  checkNames(setting, given, ['service', 'operation', 'tracesPerSecond', 'probability']);
  const service = text(`${setting}.service`, field(given, 'service'));
  if (service === undefined) throw refusal(`${setting}.service`, undefined, 'the name of a service');
  const operation = text(`${setting}.operation`, field(given, 'operation'));
  const target = perSecond(`${setting}.tracesPerSecond`, field(given, 'tracesPerSecond'));
  const fixed = probability(`${setting}.probability`, field(given, 'probability'));
  if ((target === undefined) === (fixed === undefined)) {
    throw refusal(setting, given, 'either tracesPerSecond or probability');
  }
  return {
    service,
    ...(operation !== undefined && { operation }),
    ...(target !== undefined && { tracesPerSecond: target }),
    ...(fixed !== undefined && { probability: fixed }),
  };
}

function readRule(setting: string, given: unknown): RuleSettings {
  checkNames(setting, given, ['service', 'probability', ...CONDITIONS]);
  const conditions: Partial<Record<(typeof CONDITIONS)[number], string>> = {};
  for (const name of CONDITIONS) {
    const condition = text(`${setting}.${name}`, field(given, name));
    if (condition !== undefined) conditions[name] = condition;
  }
  if (Object.keys(conditions).length === 0) throw refusal(setting, given, `one or more of ${CONDITIONS.join(', ')}`);
  if (conditions.kind !== undefined && !KINDS.includes(conditions.kind)) {
    throw refusal(`${setting}.kind`, conditions.kind, `one of ${KINDS.join(', ')}`);
  }
  const share = probability(`${setting}.probability`, field(given, 'probability'));
  if (share === undefined) throw refusal(`${setting}.probability`, undefined, 'a number from 0 to 1');
  const service = text(`${setting}.service`, field(given, 'service'));
  return { ...conditions, probability: share, ...(service !== undefined && { service }) };
}

function readPeer(setting: string, given: unknown): string {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin;
  const shownUrl = typeof given === 'string' ? withoutPasswords(given) : given;
  throw refusal(setting, shownUrl, 'the base URL of a collector, such as http://collector-2:4318');
}

function list<T>(setting: string, given: unknown, read: (setting: string, item: unknown) => T): readonly T[] {
  if (given === undefined) return [];
  if (!Array.isArray(given) || given.length > LIST_MAX) throw refusal(setting, given, `a list of at most ${LIST_MAX}`);
  return given.map((item, i) => read(`${setting}[${i}]`, item));
}

function text(setting: string, given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && given !== '' && given.length <= TEXT_MAX) return given;
  throw refusal(setting, given, `a text of 1 to ${TEXT_MAX} characters`);
}

function perSecond(setting: string, given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'number' && given >= 0 && given <= PER_SECOND_MAX) return given;
  throw refusal(setting, given, `a number from 0 to ${PER_SECOND_MAX}`);
}

function probability(setting: string, given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (isShare(given)) return given;
  throw refusal(setting, given, 'a number from 0 to 1');
}

function checkNames(setting: string, given: unknown, names: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refusal(setting, given, `an object with any of ${names.join(', ')}`);
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new SamplingSettingsError(`${setting}: ${shown(unknown)} is no setting; accepted are ${names.join(', ')}`);
  }
}

function refusal(setting: string, given: unknown, accepted: string): SamplingSettingsError {
  return new SamplingSettingsError(`${setting} was given as ${shown(given)}; accepted is ${accepted}`);
}

import type { Static } from '@sinclair/typebox';
import type { SampledOperationSettings, SamplingRule, SamplingSettingsView } from '@throughline/trace/client';
import { JsonChecker, notAccepted } from '../schema/json-checker.ts';
import { settingsChangeSchema, settingsFileSchema } from '../schema/sampling-settings-schema.ts';
import { withoutPasswords } from '../without-passwords.ts';

/** What the collector aims at; by file and by `PUT /api/v1/sampling/settings`. */
export interface SamplingSettings extends SamplingSettingsView {
  /**
   * Base URLs of the other collectors that serve the same processes; what is reported to this one is forwarded to each.
   */
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

const CONDITIONS = ['name', 'kind', 'method', 'route', 'path'] as const;

const requestChecker = new JsonChecker(settingsChangeSchema);
const fileChecker = new JsonChecker(settingsFileSchema);

/** A setting that is not accepted; the message is one line for people. */
export class SamplingSettingsError extends Error {
  override readonly name = 'SamplingSettingsError';
  readonly code = 'invalid_sampling_settings';
}

/** What is absent is as in the defaults. Throws `SamplingSettingsError`. */
export function readSamplingSettings(given: unknown, from: 'file' | 'request' = 'file'): SamplingSettings {
  if (!fileChecker.fits(given)) {
    // A request that has them gets the reason why it may not; to others they are no member to offer.
    const hasPeers = typeof given === 'object' && given !== null && Object.hasOwn(given, 'peers');
    const checker = from === 'request' && !hasPeers ? requestChecker : fileChecker;
    throw new SamplingSettingsError(checker.explain(given, 'the settings'));
  }
  for (const [i, operation] of (given.operations ?? []).entries()) checkOperation(`operations[${i}]`, operation);
  for (const [i, rule] of (given.rules ?? []).entries()) checkRule(`rules[${i}]`, rule);
  const peers = (given.peers ?? []).map((peer, i) => readPeer(`peers[${i}]`, peer));
  const settings: SamplingSettings = { ...DEFAULT_SAMPLING_SETTINGS, ...given, peers };
  const { minProbability, maxProbability } = settings;
  if (minProbability > maxProbability) {
    throw refusal('minProbability', minProbability, `at most maxProbability, which is ${maxProbability}`);
  }
  return Object.freeze(settings);
}

type Change = Static<typeof settingsChangeSchema>;

function checkOperation(setting: string, given: NonNullable<Change['operations']>[number]): void {
  if ((given.tracesPerSecond === undefined) === (given.probability === undefined)) {
    throw refusal(setting, given, 'either tracesPerSecond or probability');
  }
}

function checkRule(setting: string, given: NonNullable<Change['rules']>[number]): void {
  if (CONDITIONS.some((name) => given[name] !== undefined)) return;
  throw refusal(setting, given, `one or more of ${CONDITIONS.join(', ')}`);
}

function readPeer(setting: string, given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin;
  throw refusal(setting, withoutPasswords(given), 'the base URL of a collector, such as http://collector-2:4318');
}

function refusal(setting: string, given: unknown, accepted: string): SamplingSettingsError {
  return new SamplingSettingsError(notAccepted(setting, given, accepted));
}

import type { SamplingSettingsView } from '@throughline/trace/client';

/**
 * The command that sets what is in force now, to be changed before it is sent: a change is whole, and what it leaves
 * out goes back to the default.
 */
export function settingsCommand(apiUrl: string, settings: SamplingSettingsView): string {
  const { tracesPerSecond, errorTracesPerSecond, minProbability, maxProbability, defaultProbability } = settings;
  const { operations, rules } = settings;
  const body = JSON.stringify(
    {
      tracesPerSecond,
      errorTracesPerSecond,
      minProbability,
      maxProbability,
      defaultProbability,
      operations,
      rules,
    },
    null,
    2,
  );
  return `curl -X PUT ${apiUrl}/api/v1/sampling/settings -d '${body.replaceAll("'", String.raw`'\''`)}'`;
}

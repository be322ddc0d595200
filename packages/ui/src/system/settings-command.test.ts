import { execFileSync } from 'node:child_process';
import type { SamplingSettingsView } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { settingsCommand } from './settings-command.ts';

const settings: SamplingSettingsView = {
  tracesPerSecond: 10,
  errorTracesPerSecond: 5,
  minProbability: 0.0001,
  maxProbability: 1,
  defaultProbability: 0.1,
  operations: [{ service: 'shop', operation: 'GET', tracesPerSecond: 50 }],
  rules: [{ path: "/it's $HOME `here`", probability: 0 }],
};

describe('the command that changes the settings', () => {
  it('sends all that is in force, whatever its texts hold', () => {
    const command = settingsCommand('http://127.0.0.1:4319', settings);
    // A shell takes it apart, and prints each argument in place of curl.
    const script = command.replace(/^curl /, "printf '%s\\0' ");
    const [method, verb, url, flag, body] = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0');
    expect([method, verb, url, flag]).toEqual(['-X', 'PUT', 'http://127.0.0.1:4319/api/v1/sampling/settings', '-d']);
    expect(JSON.parse(body ?? '')).toEqual(settings);
  });
});

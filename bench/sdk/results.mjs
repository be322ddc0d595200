import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Keeps a run's figures beside the machine and the versions; without a file, does nothing. */
export function writeResults(file, figures) {
  if (file === undefined) return;
  const require = createRequire(import.meta.url);
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    date: new Date().toISOString(),
  };
  const versions = {
    '@opentelemetry/api': require('@opentelemetry/api/package.json').version,
    '@opentelemetry/sdk-trace-base': require('@opentelemetry/sdk-trace-base/package.json').version,
  };
  writeFileSync(file, `${JSON.stringify({ machine, versions, ...figures }, null, 2)}\n`);
}

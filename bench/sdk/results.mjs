import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const RIVALS = ['@opentelemetry/api', '@opentelemetry/sdk-trace-base', '@opentelemetry/otlp-transformer'];

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Keeps a run's figures beside the machine and the versions; without a file, does nothing. */
export function writeResults(file, figures) {
  if (file === undefined) return;
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    date: new Date().toISOString(),
  };
  const versions = Object.fromEntries(RIVALS.map((name) => [name, versionOf(name)]));
  writeFileSync(file, `${JSON.stringify({ machine, versions, ...figures }, null, 2)}\n`);
}

/** Not every package lets its package.json be imported. */
function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

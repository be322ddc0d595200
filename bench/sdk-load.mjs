/**
 * How long the packed SDK takes to load, beside the standard SDK, `@opentelemetry/api` alone, which both need, and an empty module: each in turn, in a
 * process of its own, from its first line to the next. `node bench/sdk-load.mjs [--json FILE] [--rounds N]`; the Node that runs it is the one measured.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, writeResults } from './sdk/results.mjs';

const { values } = parseArgs({ options: { json: { type: 'string' }, rounds: { type: 'string', default: '25' } } });
const root = fileURLToPath(new URL('..', import.meta.url));
// Below node_modules, where the others are found.
const folder = mkdtempSync(join(root, 'node_modules', '.throughline-load-'));

const STANDARD = ['@opentelemetry/sdk-trace-node', '@opentelemetry/exporter-trace-otlp-proto'];
/** What is loaded, and what has been loaded before. */
const CASES = {
  'an empty module': ["await import('./empty.mjs')"],
  '@opentelemetry/api': ["await import('@opentelemetry/api')"],
  'throughline, import': ["await import('@throughline/sdk')"],
  'throughline, require': ["require('@throughline/sdk')"],
  'throughline, import, API loaded': ["await import('@throughline/sdk')", "await import('@opentelemetry/api')"],
  'throughline, require, API loaded': ["require('@throughline/sdk')", "require('@opentelemetry/api')"],
  'throughline with /http, import': ["await import('@throughline/sdk'); await import('@throughline/sdk/http')"],
  'standard SDK, import': [STANDARD.map((name) => `await import('${name}')`).join('; ')],
};

try {
  const home = join(folder, 'node_modules/@throughline/sdk');
  mkdirSync(home, { recursive: true });
  const cwd = join(root, 'packages/sdk');
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd, encoding: 'utf8' });
  const tarball = join(folder, packed.trim().split('\n').at(-1));
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', home]);
  writeFileSync(join(folder, 'empty.mjs'), '');
  const files = Object.entries(CASES).map(([name, [measured, before = '']], at) => {
    const file = join(folder, `case-${at}.${measured.startsWith('await') ? 'mjs' : 'cjs'}`);
    const text = `${before};\nconst began = process.hrtime.bigint(); ${measured}; console.log(Number(process.hrtime.bigint() - began));`;
    writeFileSync(file, text);
    return { name, file, samplesNs: [] };
  });
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const { file, samplesNs } of files) {
      const ns = Number(execFileSync(process.execPath, [file], { encoding: 'utf8' }));
      // The first round reads the files from the disk.
      if (round >= 0) samplesNs.push(ns);
    }
  }
  const results = files.map(({ name, samplesNs }) => ({ name, medianMs: median(samplesNs) / 1e6, samplesNs }));
  for (const { name, medianMs } of results) console.log(`${name.padEnd(34)} ${medianMs.toFixed(1).padStart(6)} ms`);
  writeResults(values.json, { unit: 'ns from before the import to after it', results });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

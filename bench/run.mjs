// `npm run bench [name …]`: runs the benchmarks of this folder one after another, each in a process of its own, and keeps
// what each measured in bench/results/<name>.node<major>.json, beside the versions and the machine.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt, ensureInstalled, fail } from '../scripts/workspace.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs') && file !== 'run.mjs')
  .map((file) => file.slice(0, -'.mjs'.length));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) fail(`No benchmark is called ${unknown.join(', ')}; there are: ${all.join(', ')}.`);

ensureInstalled();
ensureBuilt();
mkdirSync(join(folder, 'results'), { recursive: true });
for (const name of wanted.length > 0 ? wanted : all) {
  console.log(`\n== ${name}`);
  const results = join(folder, 'results', `${name}.node${process.versions.node.split('.')[0]}.json`);
  const { status } = spawnSync(process.execPath, [join(folder, `${name}.mjs`), '--json', results], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

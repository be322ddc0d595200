// `npm test [-- vitest arguments]`: installs what is missing, builds what is stale, runs every test of every suite, and
// closes with `N passed, N failed`. Fails when a suite ran no test, so that none can vanish unseen. `npm run test:long`
// runs the long forms of the tests that have one, and property tests with cases of their own. `npm test -- --nodes`, and CI, run
// the suite of the SDK by each version of Node that it supports, besides this one, and parts of it by Bun and Deno.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  ensureBuilt,
  ensureChromium,
  ensureClickHouseServer,
  ensureInstalled,
  ensureNode,
  ensureRuntime,
  ensureToolchains,
  findChromium,
  root,
  runTool,
  runToolBy,
  say,
} from './workspace.mjs';
import { ensureSenders } from './senders.mjs';

const suites = {
  trace: 'packages/trace/',
  sdk: 'packages/sdk/',
  server: 'packages/server/',
  ui: 'packages/ui/',
  system: 'test/',
};
const results = join(root, '.test-results');
const report = join(results, 'vitest.json');
const filters = process.argv.slice(2).filter((argument) => !['--long', '--nodes'].includes(argument));
/** Major versions that the SDK supports. */
const NODES = [20, 22, 24, 26];
if (process.argv.includes('--long')) {
  process.env.THROUGHLINE_TEST_LONG = 'true';
  process.env.THROUGHLINE_TEST_SEED ??= String(Date.now() % 2 ** 31);
  say(`THROUGHLINE_TEST_SEED=${process.env.THROUGHLINE_TEST_SEED}`);
}

ensureInstalled();
ensureToolchains();
ensureBuilt();
ensureChromium();
ensureClickHouseServer();
ensureSenders();
if (process.env.CI && !findChromium()) {
  say('CI must run the browser tests, and there is no Chromium.');
  process.exitCode = 1;
}

const isEveryRuntime = process.argv.includes('--nodes') || (process.env.CI && filters.length === 0);
if (isEveryRuntime) {
  for (const name of ['bun', 'deno']) {
    if (ensureRuntime(name) !== undefined) continue;
    say(`${name} could not be installed: the SDK is not tested by it.`);
    process.exitCode = 1;
  }
}

rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
const status = runTool(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
const reports = [report];
let worst = status;
if (isEveryRuntime) runByOtherNodes();
summarise(worst);

function runByOtherNodes() {
  for (const major of NODES) {
    if (process.versions.node.startsWith(`${major}.`)) continue;
    const node = ensureNode(major);
    if (node === undefined) {
      say(`Node ${major} could not be installed: the SDK is not tested by it.`);
      worst = 1;
      continue;
    }
    say(`The suite of the SDK by Node ${major} …`);
    const own = join(results, `sdk-node${major}.json`);
    const args = ['run', '--project', 'sdk', '--reporter=default', '--reporter=json', `--outputFile.json=${own}`];
    const ended = runToolBy(node, 'vitest', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    worst ||= ended;
    reports.push(own);
  }
}

function summarise(vitestStatus) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  const ran = Object.fromEntries(Object.keys(suites).map((suite) => [suite, 0]));
  for (const file of reports.flatMap(readReport)) {
    const path = relative(root, file.name);
    const suite = Object.keys(suites).find((name) => path.startsWith(suites[name]));
    // A file that fails before its first test counts as one failure.
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed')) count.failed += 1;
    for (const test of file.assertionResults) {
      const outcome = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped';
      count[outcome] += 1;
      if (outcome === 'skipped') console.log(`skipped: ${path} > ${test.fullName}`);
      else if (suite) ran[suite] += 1;
    }
  }
  if (vitestStatus !== 0) process.exitCode = 1;
  if (filters.length === 0) {
    for (const [suite, tests] of Object.entries(ran)) {
      if (tests > 0) continue;
      console.log(`The suite ${suite} ran no test.`);
      process.exitCode = 1;
    }
  }
  const line = `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`;
  writeFileSync(join(results, 'summary.txt'), `${line}\n`);
  console.log(line);
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults;
  } catch {
    // A run that left none must not pass.
    process.exitCode = 1;
    return [];
  }
}

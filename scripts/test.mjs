// `npm test [-- vitest arguments]`: installs what is missing, builds what is stale, runs every test of every suite, and
// closes with `N passed, N failed`. Fails when a suite ran no test, so that none can vanish unseen. `npm run test:long`
// runs the long forms of the tests that have one, and property tests with cases of their own. `npm test -- --nodes`, and CI, run
// the suite of the SDK by each version of Node that it supports, besides this one, and parts of it by Bun and Deno.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ensureBuilt,
  ensureInstalled,
  ensureNode,
  ensureRuntime,
  ensureSystemPrograms,
  ensureToolchains,
  findChromium,
  root,
  runToolBy,
  say,
} from './workspace.mjs';
import { ensureSenders } from './senders.mjs';
import { countOf, failedPaths, readReport, reportLines, withSecondRun } from './test-report.mjs';

const suites = {
  trace: 'packages/trace/',
  sdk: 'packages/sdk/',
  server: 'packages/server/',
  ui: 'packages/ui/',
  system: 'test/',
};
const results = join(root, '.test-results');
const filters = process.argv.slice(2).filter((argument) => !['--long', '--nodes'].includes(argument));
/** Major versions that the SDK supports. */
const NODES = [20, 22, 24, 26];
/** More files than these do not fail because the machine is busy. */
const FILES_AGAIN_MAX = 10;
if (process.argv.includes('--long')) {
  process.env.THROUGHLINE_TEST_LONG = 'true';
  process.env.THROUGHLINE_TEST_SEED ??= String(Date.now() % 2 ** 31);
  say(`THROUGHLINE_TEST_SEED=${process.env.THROUGHLINE_TEST_SEED}`);
}

ensureInstalled();
ensureToolchains();
ensureBuilt();
ensureSystemPrograms({ mayInstall: Boolean(process.env.CI) });
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
const runs = [testRun({ name: 'vitest', args: filters })];
if (isEveryRuntime) {
  for (const major of NODES) {
    if (process.versions.node.startsWith(`${major}.`)) continue;
    const node = ensureNode(major);
    const label = `Node ${major}`;
    if (node === undefined) {
      say(`${label} could not be installed: the SDK is not tested by it.`);
      process.exitCode = 1;
      continue;
    }
    say(`The suite of the SDK by ${label} …`);
    runs.push(testRun({ name: `sdk-node${major}`, label, node, args: ['--project', 'sdk'] }));
  }
}
summarise(runs.flatMap(({ files }) => files));

/** The files of a run, with what became of those that failed when they ran again. Marks the process as failed. */
function testRun({ name, label, node = process.execPath, args }) {
  const path = join(results, `${name}.json`);
  const ended = vitest(node, path, args);
  const files = readReport(path, label);
  const failed = failedPaths(files ?? []);
  // What fails without a failed test is an unhandled error, or a run that left no report: nothing to try again.
  if (files === undefined || (ended !== 0 && failed.length === 0)) process.exitCode = 1;
  if (!process.env.CI || failed.length === 0 || failed.length > FILES_AGAIN_MAX) return { files: files ?? [] };
  // CI shares its machine. A failure that repeats is one; a test that passes now is reported as unsteady.
  say(`Once more, each file by itself: ${failed.join(', ')}`);
  const again = join(results, `${name}-again.json`);
  vitest(node, again, ['--maxWorkers=1', ...args, ...failed]);
  return { files: withSecondRun(files, readReport(again, label) ?? []) };
}

function vitest(node, path, args) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${path}`];
  return runToolBy(node, 'vitest', ['run', ...reporters, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
}

function summarise(files) {
  const { lines, forbiddenSkips } = reportLines(files);
  for (const line of lines) console.log(line);
  if (failedPaths(files).length > 0) process.exitCode = 1;
  if (process.env.CI && filters.length === 0 && forbiddenSkips > 0) {
    console.log(`${forbiddenSkips} tests were skipped that scripts/allowed-skips.mjs does not list.`);
    process.exitCode = 1;
  }
  if (filters.length === 0) {
    for (const [suite, folder] of Object.entries(suites)) {
      if (files.some(({ path, tests }) => path.startsWith(folder) && tests.some(hasRun))) continue;
      console.log(`The suite ${suite} ran no test.`);
      process.exitCode = 1;
    }
  }
  const count = countOf(files);
  const line = `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`;
  writeFileSync(join(results, 'summary.txt'), `${line}\n`);
  console.log(line);
}

function hasRun({ status }) {
  return status !== 'skipped';
}

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
import {
  countOf,
  failedPaths,
  forbiddenSkips,
  indented,
  readReport,
  readUnhandledErrors,
  reportLines,
  staleSkips,
  withSecondRun,
} from './test-report.mjs';

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
const isLong = process.argv.includes('--long');
/** What fails a run besides its tests, each counted as a failure. */
const problems = [];
if (isLong) {
  process.env.THROUGHLINE_TEST_LONG = 'true';
  process.env.THROUGHLINE_TEST_SEED ??= String(Date.now() % 2 ** 31);
  say(`THROUGHLINE_TEST_SEED=${process.env.THROUGHLINE_TEST_SEED}`);
}

ensureInstalled();
ensureToolchains();
ensureBuilt();
ensureSystemPrograms({ mayInstall: Boolean(process.env.CI) });
ensureSenders();
if (process.env.CI && !findChromium()) problems.push('CI must run the tests in a browser, and there is no Chromium');

const isEveryRuntime = process.argv.includes('--nodes') || (process.env.CI && filters.length === 0);
if (isEveryRuntime) {
  for (const name of ['bun', 'deno']) {
    if (ensureRuntime(name) !== undefined) continue;
    problems.push(`${name} could not be installed: the SDK is not tested by it`);
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
      problems.push(`${label} could not be installed: the SDK is not tested by it`);
      continue;
    }
    say(`The suite of the SDK by ${label} …`);
    runs.push(testRun({ name: `sdk-node${major}`, label, nodeMajor: major, node, args: ['--project', 'sdk'] }));
  }
}
summarise(runs.flat());

/** The files of a run, with what became of those that failed when they ran again. */
function testRun({
  name,
  label,
  nodeMajor = Number.parseInt(process.versions.node, 10),
  node = process.execPath,
  args,
}) {
  const runtime = { label, nodeMajor, isRoot: process.getuid?.() === 0, isLong };
  const files = vitest(name, node, args, runtime);
  const failed = [...new Set(failedPaths(files))];
  if (!process.env.CI || failed.length === 0 || failed.length > FILES_AGAIN_MAX) return files;
  // CI shares its machine. A failure that repeats is one; a test that passes now is reported as unsteady.
  say(`Once more, each file by itself: ${failed.join(', ')}`);
  return withSecondRun(files, vitest(`${name}-again`, node, ['--maxWorkers=1', ...args, ...failed], runtime));
}

function vitest(name, node, args, runtime) {
  const path = join(results, `${name}.json`);
  const errors = join(results, `${name}-errors.json`);
  const own = `--reporter=${join(root, 'scripts/unhandled-errors-reporter.mjs')}`;
  const ended = runToolBy(
    node,
    'vitest',
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${path}`, own, ...args],
    { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, THROUGHLINE_TEST_ERRORS: errors } },
  );
  const files = readReport(path, runtime);
  const unhandled = readUnhandledErrors(errors);
  if (files === undefined || unhandled === undefined) problems.push(`the run ${name} did not come to its end`);
  for (const message of unhandled ?? []) problems.push(`an error that no test caught (${name}): ${message}`);
  const isExplained = (unhandled?.length ?? 1) > 0 || failedPaths(files ?? []).length > 0;
  if (ended !== 0 && !isExplained) problems.push(`the run ${name} ended with exit code ${ended}`);
  return files ?? [];
}

function summarise(files) {
  for (const line of reportLines(files)) console.log(line);
  const forbidden = forbiddenSkips(files).length;
  if (process.env.CI && forbidden > 0) {
    problems.push(`${forbidden} tests were skipped that scripts/allowed-skips.mjs does not allow`);
  }
  if (filters.length === 0) {
    for (const { file, test } of staleSkips(files)) {
      problems.push(`scripts/allowed-skips.mjs lists ${test} of ${file}, and there is no such test`);
    }
    for (const [suite, folder] of Object.entries(suites)) {
      const hasRun = files.some(
        ({ path, tests }) => path.startsWith(folder) && tests.some(({ status }) => status !== 'skipped'),
      );
      if (!hasRun) problems.push(`the suite ${suite} ran no test`);
    }
  }
  for (const problem of problems) {
    const [first, ...more] = indented(problem);
    console.log([`failed: ${first.trim()}`, ...more].join('\n'));
  }
  const count = countOf(files);
  const failed = count.failed + problems.length;
  if (failed > 0) process.exitCode = 1;
  const others = ['skipped', 'unsteady'].filter((kind) => count[kind] > 0).map((kind) => `, ${count[kind]} ${kind}`);
  const line = `${count.passed} passed, ${failed} failed${others.join('')}`;
  writeFileSync(join(results, 'summary.txt'), `${line}\n`);
  console.log(line);
}

// What `npm test` prints at its end, out of the reports of Vitest: the slowest files, the skipped and the failed tests, and one
// line of counts.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { allowedSkips } from './allowed-skips.mjs';
import { root } from './workspace.mjs';

const SLOWEST_FILES = 15;
const LINES_PER_FAILURE = 12;
/** Stands for what fails in a file outside of its tests: its import, a hook, the process that runs it. */
const THE_FILE = '(the file itself)';
// eslint-disable-next-line no-control-regex -- Vitest paints its messages.
const COLOURS = /\u001b\[[0-9;]*m/g;

/**
 * The files of a run; undefined where it left no report. `runtime` is `{label, nodeMajor, isRoot, isLong}`: `label` names the
 * runtime where it is not this Node.
 */
export function readReport(path, runtime) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults.map((file) => readFile(file, runtime));
  } catch {
    return undefined;
  }
}

/** What no test caught; undefined where the run did not come to its end. */
export function readUnhandledErrors(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function readFile(file, runtime) {
  const path = relative(root, file.name);
  const tests = file.assertionResults.map(({ status, fullName, failureMessages }) => {
    if (status === 'passed') return { status, name: fullName, message: '' };
    if (status === 'failed') return { status, name: fullName, message: failureMessages?.[0] ?? '' };
    // What was to run and has no result: its process died.
    if (status === 'pending') return { status: 'failed', name: fullName, message: 'did not finish' };
    const skip = allowedSkips.find(
      (one) => one.file === path && one.test.test(fullName) && (one.when === undefined || one.when(runtime)),
    );
    return { status: 'skipped', name: fullName, message: '', why: skip?.why };
  });
  const hasFailed = tests.some(({ status }) => status === 'failed');
  // A file whose process died before its first test is reported as passed, without tests.
  if (tests.length === 0) tests.push({ status: 'failed', name: THE_FILE, message: file.message || 'ran no test' });
  else if (file.status === 'failed' && !hasFailed)
    tests.push({ status: 'failed', name: THE_FILE, message: file.message || 'failed outside of its tests' });
  return { path, label: runtime.label, seconds: (file.endTime - file.startTime) / 1000, tests };
}

/**
 * The files of a run, those that failed with what became of them when they ran again, each by itself. What failed at first and
 * passes then is unsteady; what fails then has failed, whatever it did at first.
 */
export function withSecondRun(files, again) {
  return files.map((file) => {
    const second = again.find(({ path }) => path === file.path);
    if (second === undefined || !hasFailedTest(file)) return file;
    const failedAtFirst = new Map(
      file.tests.filter(({ status }) => status === 'failed').map(({ name, message }) => [name, message]),
    );
    const tests = second.tests.map((test) => {
      const message = failedAtFirst.get(test.name);
      return test.status === 'passed' && message !== undefined ? { ...test, message, isUnsteady: true } : test;
    });
    // A hook that failed at first has no test of its own to be marked.
    const isMarked = tests.some(({ isUnsteady }) => isUnsteady);
    const first = tests.findIndex(({ status }) => status === 'passed');
    if (!isMarked && !hasFailedTest(second) && first >= 0) {
      tests[first] = { ...tests[first], message: [...failedAtFirst.values()][0] ?? '', isUnsteady: true };
    }
    return { ...second, label: file.label, seconds: file.seconds, tests };
  });
}

/** The lines to print, in the order in which they are to be read. */
export function reportLines(files) {
  const lines = [`The ${SLOWEST_FILES} slowest test files:`];
  for (const { path, label, seconds } of files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_FILES)) {
    lines.push(`${seconds.toFixed(1).padStart(8)} s  ${shown(path, label)}`);
  }
  const tests = testsOf(files);
  const allowed = tests.filter(({ status, why }) => status === 'skipped' && why !== undefined);
  for (const reason of new Set(allowed.map(({ why }) => why))) {
    lines.push(`skipped: ${allowed.filter(({ why }) => why === reason).length} tests, because ${reason}`);
  }
  for (const { path, label, name } of forbiddenSkips(files)) lines.push(`skipped: ${shown(path, label)} > ${name}`);
  for (const { path, label, name, message, isUnsteady } of tests) {
    if (!isUnsteady) continue;
    lines.push(`unsteady: ${shown(path, label)} > ${name}: failed at first, passed when the file ran again; mend it`);
    lines.push(`    ${message.replaceAll(COLOURS, '').split('\n')[0]}`);
  }
  for (const { path, label, name, message, status } of tests) {
    if (status === 'failed') lines.push(`failed: ${shown(path, label)} > ${name}`, ...indented(message));
  }
  return lines;
}

/** A message of a failure, shortened, to be printed below its name. */
export function indented(message) {
  const text = message.replaceAll(COLOURS, '').split('\n').slice(0, LINES_PER_FAILURE);
  return text.map((line) => `    ${line}`);
}

/** The skipped tests that no entry of the list allows. */
export function forbiddenSkips(files) {
  return testsOf(files).filter(({ status, why }) => status === 'skipped' && why === undefined);
}

/** Entries of the list that allow no test of these files, which must be all: what they named has gone or has another name. */
export function staleSkips(files, entries = allowedSkips) {
  const tests = testsOf(files);
  return entries.filter(({ file, test }) => !tests.some(({ path, name }) => path === file && test.test(name)));
}

/** Of the files with a failed test. */
export function failedPaths(files) {
  return files.filter(hasFailedTest).map(({ path }) => path);
}

export function countOf(files) {
  const count = { passed: 0, failed: 0, skipped: 0, unsteady: 0 };
  for (const { status, isUnsteady } of testsOf(files)) {
    count[status] += 1;
    if (isUnsteady) count.unsteady += 1;
  }
  return count;
}

function hasFailedTest({ tests }) {
  return tests.some(({ status }) => status === 'failed');
}

function testsOf(files) {
  return files.flatMap(({ path, label, tests }) => tests.map((test) => ({ ...test, path, label })));
}

function shown(path, label) {
  return label === undefined ? path : `${path} (${label})`;
}

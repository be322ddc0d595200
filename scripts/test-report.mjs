// What `npm test` prints at its end, out of the JSON reports of Vitest: the slowest files, the skipped and the failed tests,
// and one line of counts.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { allowedSkips } from './allowed-skips.mjs';
import { root } from './workspace.mjs';

const SLOWEST_FILES = 15;
const LINES_PER_FAILURE = 12;
/** Stands for a file that failed before its first test. */
const THE_FILE = '(the file itself)';
// eslint-disable-next-line no-control-regex -- Vitest paints its messages.
const COLOURS = /\u001b\[[0-9;]*m/g;

/** The files of a run; undefined where it left no report. `label` names the runtime where it is not this Node. */
export function readReport(path, label) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults.map((file) => readFile(file, label));
  } catch {
    return undefined;
  }
}

function readFile(file, label) {
  const tests = file.assertionResults.map(({ status, fullName, failureMessages }) => ({
    status: status === 'passed' || status === 'failed' ? status : 'skipped',
    name: fullName,
    message: failureMessages?.[0] ?? '',
  }));
  // A file that fails before its first test counts as one failure.
  if (file.status === 'failed' && tests.every(({ status }) => status !== 'failed')) {
    tests.push({ status: 'failed', name: THE_FILE, message: file.message });
  }
  const path = relative(root, file.name);
  return { path, label, seconds: (file.endTime - file.startTime) / 1000, tests };
}

/** The lines to print; `forbiddenSkips` are those that the list does not allow. */
export function reportLines(files) {
  const skips = skipsOf(files);
  const lines = [`The ${SLOWEST_FILES} slowest test files:`];
  for (const { path, label, seconds } of files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_FILES)) {
    lines.push(`${seconds.toFixed(1).padStart(8)} s  ${shown(path, label)}`);
  }
  for (const why of new Set(skips.allowed.map((test) => test.why))) {
    lines.push(`skipped: ${skips.allowed.filter((test) => test.why === why).length} tests, because ${why}`);
  }
  for (const { path, label, name } of skips.forbidden) lines.push(`skipped: ${shown(path, label)} > ${name}`);
  for (const { path, label, name, message, isUnsteady } of testsOf(files)) {
    if (!isUnsteady) continue;
    lines.push(`unsteady: ${shown(path, label)} > ${name}: failed at first, passed alone; mend it`);
    lines.push(`    ${message.replaceAll(COLOURS, '').split('\n')[0]}`);
  }
  for (const { path, label, name, message, status } of testsOf(files)) {
    if (status !== 'failed') continue;
    lines.push(`failed: ${shown(path, label)} > ${name}`);
    const text = message.replaceAll(COLOURS, '').split('\n').slice(0, LINES_PER_FAILURE);
    lines.push(...text.map((line) => `    ${line}`));
  }
  return { lines, forbiddenSkips: skips.forbidden.length };
}

/** Puts what became of the failed tests when their files ran again, alone: those that passed then are unsteady. */
export function withSecondRun(files, again) {
  const passed = new Set(
    testsOf(again)
      .filter(({ status }) => status === 'passed')
      .map(testKey),
  );
  const hasPassed = (path, name) =>
    name === THE_FILE
      ? again.some((file) => file.path === path && !file.tests.some(({ status }) => status === 'failed'))
      : passed.has(testKey({ path, name }));
  return files.map((file) => ({
    ...file,
    tests: file.tests.map((test) =>
      test.status === 'failed' && hasPassed(file.path, test.name)
        ? { ...test, status: 'passed', isUnsteady: true }
        : test,
    ),
  }));
}

function testKey({ path, name }) {
  return `${path} > ${name}`;
}

/** Of the files with a failed test. */
export function failedPaths(files) {
  return files.filter(({ tests }) => tests.some(({ status }) => status === 'failed')).map(({ path }) => path);
}

export function countOf(files) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { status } of testsOf(files)) count[status] += 1;
  return count;
}

function skipsOf(files) {
  const skipped = testsOf(files)
    .filter(({ status }) => status === 'skipped')
    .map((test) => ({
      ...test,
      why: allowedSkips.find(({ file, test: pattern }) => file === test.path && pattern.test(test.name))?.why,
    }));
  return {
    allowed: skipped.filter(({ why }) => why !== undefined),
    forbidden: skipped.filter(({ why }) => why === undefined),
  };
}

function testsOf(files) {
  return files.flatMap(({ path, label, tests }) => tests.map((test) => ({ ...test, path, label })));
}

function shown(path, label) {
  return label === undefined ? path : `${path} (${label})`;
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  countOf,
  failedPaths,
  forbiddenSkips,
  readReport,
  reportLines,
  staleSkips,
  withSecondRun,
  type TestFile,
  type TestRuntime,
} from '../scripts/test-report.mjs';
import { root } from '../scripts/workspace.mjs';

const FILE = 'packages/sdk/src/http/ways-to-end.test.ts';
const NODE_20: TestRuntime = { nodeMajor: 20, isRoot: true, isLong: false };

const ended = (fullName: string, status: string, message?: string): object => ({
  fullName,
  status,
  failureMessages: message === undefined ? [] : [message],
});

/** One file, as Vitest reports it. */
function fileOf(tests: object[], more: object = {}): object {
  const status = tests.some((test) => 'status' in test && test.status === 'failed') ? 'failed' : 'passed';
  return { name: join(root, FILE), status, startTime: 0, endTime: 1000, message: '', assertionResults: tests, ...more };
}

function report(file: object, runtime = NODE_20): TestFile[] {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-report-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'report.json'), JSON.stringify({ testResults: [file] }));
  return readReport(join(folder, 'report.json'), runtime) ?? [];
}

describe('a run', () => {
  it('counts a file that fails before its first test as one failure, and says why', () => {
    const files = report(fileOf([], { status: 'failed', message: 'no such module' }));
    expect(countOf(files)).toMatchObject({ passed: 0, failed: 1, skipped: 0 });
    expect(reportLines(files).slice(-2)).toEqual([`failed: ${FILE} > (the file itself)`, '    no such module']);
  });

  it('counts a file whose process died while it loaded, which is reported as passed and has no test', () => {
    expect(failedPaths(report(fileOf([], { status: 'passed' })))).toEqual([FILE]);
  });

  it('counts tests whose process died in their midst as failed, and not as skipped', () => {
    const files = report(fileOf([ended('a client ends', 'passed'), ended('a server ends', 'pending')]));
    expect(countOf(files)).toMatchObject({ passed: 1, failed: 1, skipped: 0 });
    expect(reportLines(files).at(-1)).toBe('    did not finish');
  });

  it('counts a hook that fails behind tests that pass', () => {
    const files = report(fileOf([ended('a client ends', 'passed')], { status: 'failed', message: 'afterAll' }));
    expect(countOf(files)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('prints a failed test with the beginning of its message, without colours', () => {
    const files = report(fileOf([ended('a client ends', 'failed', '\u001B[31mexpected 1\u001B[39m\n  at x')]));
    expect(reportLines(files).slice(-3)).toEqual([`failed: ${FILE} > a client ends`, '    expected 1', '      at x']);
  });

  it('has no report where none was written', () => {
    expect(readReport(join(tmpdir(), 'no-such-folder', 'report.json'), NODE_20)).toBeUndefined();
  });
});

describe('a skipped test', () => {
  const listed = ended('a WebSocket has a client span that ends though it stays open', 'skipped');

  it('is allowed by the list, with its reason', () => {
    const files = report(fileOf([listed, ended('a client ends', 'passed')]));
    expect(forbiddenSkips(files)).toEqual([]);
    expect(reportLines(files).at(-1)).toMatch(/^skipped: 1 .*Node 20.*WebSocket$/);
  });

  it('is not allowed where its reason does not hold, nor one that is not on the list', () => {
    const newer = { ...NODE_20, nodeMajor: 22 };
    expect(forbiddenSkips(report(fileOf([listed]), newer))).toHaveLength(1);
    expect(forbiddenSkips(report(fileOf([ended('a client ends', 'skipped')])))).toHaveLength(1);
  });
});

describe('an entry of the list of skips', () => {
  const entry = { file: FILE, test: /^a client /, why: 'a reason' };

  it('is stale when no test has its name any more, skipped or not', () => {
    expect(staleSkips(report(fileOf([ended('a client ends', 'passed')])), [entry])).toEqual([]);
    expect(staleSkips(report(fileOf([ended('a server ends', 'skipped')])), [entry])).toEqual([entry]);
  });
});

describe('a second run', () => {
  const failed = ended('a client ends', 'failed', 'late');
  const passed = ended('a client ends', 'passed');

  it('makes what passes then unsteady, and names it', () => {
    const files = withSecondRun(report(fileOf([failed])), report(fileOf([passed])));
    expect(countOf(files)).toMatchObject({ passed: 1, failed: 0, unsteady: 1 });
    expect(reportLines(files).at(-2)).toContain(`unsteady: ${FILE} > a client ends`);
    expect(reportLines(files).at(-1)).toBe('    late');
  });

  it('makes nothing better where the failure repeats, or where it left no report', () => {
    expect(failedPaths(withSecondRun(report(fileOf([failed])), report(fileOf([failed]))))).toEqual([FILE]);
    expect(failedPaths(withSecondRun(report(fileOf([failed])), []))).toEqual([FILE]);
  });

  it('counts what fails only then', () => {
    const other = ended('a server ends', 'failed', 'alone');
    const first = report(fileOf([failed, ended('a server ends', 'passed')]));
    expect(countOf(withSecondRun(first, report(fileOf([passed, other]))))).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a failing hook though the failed test passes', () => {
    const second = fileOf([passed], { status: 'failed', message: 'afterAll' });
    expect(failedPaths(withSecondRun(report(fileOf([failed])), report(second)))).toEqual([FILE]);
  });

  it('counts a test that fails beside one of the same name that passes', () => {
    const twice = fileOf([passed, failed]);
    expect(failedPaths(withSecondRun(report(twice), report(twice)))).toEqual([FILE]);
  });

  it('is no excuse where it skips what failed to load, and an end of skips that a failed hook made', () => {
    const unloaded = report(fileOf([], { status: 'failed', message: 'no such module' }));
    expect(forbiddenSkips(withSecondRun(unloaded, report(fileOf([ended('a client ends', 'skipped')]))))).toHaveLength(
      1,
    );
    const hook = report(fileOf([ended('a client ends', 'skipped')], { status: 'failed', message: 'beforeAll' }));
    const steady = withSecondRun(hook, report(fileOf([passed])));
    expect(forbiddenSkips(steady)).toEqual([]);
    expect(countOf(steady)).toMatchObject({ passed: 1, failed: 0, unsteady: 1 });
  });
});

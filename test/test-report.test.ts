import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  countOf,
  failedPaths,
  readReport,
  reportLines,
  withSecondRun,
  type TestFile,
} from '../scripts/test-report.mjs';
import { root } from '../scripts/workspace.mjs';

const FILE = 'packages/sdk/src/http/ways-to-end.test.ts';

it('counts a file that fails before its first test as one failure, and says why', () => {
  const files = report([{ name: join(root, FILE), status: 'failed', message: 'no such module', assertionResults: [] }]);
  expect(countOf(files)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(reportLines(files).lines.slice(-2)).toEqual([`failed: ${FILE} > (the file itself)`, '    no such module']);
});

it('prints a failed test with the beginning of its message, without colours', () => {
  const files = report([
    fileOf({
      fullName: 'a client ends',
      status: 'failed',
      failureMessages: ['\u001B[31mexpected 1\u001B[39m\n  at x'],
    }),
  ]);
  expect(reportLines(files).lines.slice(-3)).toEqual([
    `failed: ${FILE} > a client ends`,
    '    expected 1',
    '      at x',
  ]);
});

it('allows the skips that are on the list, with their reason, and no others', () => {
  const listed = fileOf({
    fullName: 'a WebSocket has a client span that ends though it stays open',
    status: 'pending',
  });
  const other = fileOf({ fullName: 'a client ends', status: 'pending' });
  expect(reportLines(report([listed])).forbiddenSkips).toBe(0);
  expect(reportLines(report([listed])).lines.at(-1)).toBe('skipped: 1 tests, because Node 20 has no WebSocket');
  expect(reportLines(report([listed, other])).forbiddenSkips).toBe(1);
});

it('takes a test that fails at first and passes alone as passed, and names it', () => {
  const files = report([fileOf({ fullName: 'a client ends', status: 'failed', failureMessages: ['late'] })]);
  const steady = withSecondRun(files, report([fileOf({ fullName: 'a client ends', status: 'passed' })]));
  expect(failedPaths(steady)).toEqual([]);
  expect(reportLines(steady).lines.join('\n')).toContain(`unsteady: ${FILE} > a client ends`);
  const still = withSecondRun(files, report([fileOf({ fullName: 'a client ends', status: 'failed' })]));
  expect(failedPaths(still)).toEqual([FILE]);
  // A second run that left no report makes nothing better.
  expect(failedPaths(withSecondRun(files, []))).toEqual([FILE]);
});

it('has no report of a run that wrote none', () => {
  expect(readReport(join(tmpdir(), 'no-such-folder', 'report.json'))).toBeUndefined();
});

function fileOf(...assertionResults: object[]): object {
  return { name: join(root, FILE), status: 'passed', startTime: 0, endTime: 1000, message: '', assertionResults };
}

function report(testResults: object[]): TestFile[] {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-report-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'report.json'), JSON.stringify({ testResults }));
  return readReport(join(folder, 'report.json')) ?? [];
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { expect, test, vi } from 'vitest';
import { Jobs, type Job, type JobLease } from './jobs.ts';

function newJobs(random = 0.5, lease?: JobLease): { jobs: Jobs; lines: string[]; registry: Registry } {
  const registry = new Registry();
  const lines: string[] = [];
  const note = (_: object, line: string): void => void lines.push(line);
  const log = { warn: note, info: note };
  const options = { log: log as never, registry, random: () => random };
  return { jobs: new Jobs({ ...options, ...(lease !== undefined && { lease }) }), lines, registry };
}

/** Pauses are milliseconds here. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(1);
}

function newJob(run: Job['run'], more: Partial<Job> = {}): Job {
  return { name: 'tidy', everyMs: 1, run, ...more };
}

test('a job runs at once and again and again, one run after the other', async () => {
  const { jobs, registry } = newJobs();
  let runs = 0;
  let atOnce = 0;
  const started = jobs.start(
    newJob(async () => {
      atOnce++;
      expect(atOnce).toBe(1);
      await sleep(2);
      atOnce--;
      runs++;
    }),
  );
  await until(() => runs >= 3);
  await started.stop(1_000);
  expect(await registry.metrics()).toMatch(/throughline_job_runs_total\{job="tidy",outcome="ok"\} [3-9]/);
});

test('of runs that fail in a row the first is logged, the next ones come, and so is the first that succeeds', async () => {
  const { jobs, lines, registry } = newJobs();
  let runs = 0;
  const started = jobs.start(newJob(() => (runs++ < 3 ? Promise.reject(new Error('no')) : Promise.resolve())));
  await until(() => runs >= 6);
  await started.stop(1_000);
  expect(lines).toEqual([expect.stringMatching(/^tidy .*failed/), expect.stringMatching(/^tidy .*succeeded/)]);
  expect(await registry.metrics()).toContain('throughline_job_runs_total{job="tidy",outcome="failed"} 3');
});

test('what wakes a job ends its pause, and leaves out the pause after a run that it comes in', async () => {
  const { jobs } = newJobs();
  let runs = 0;
  let go: (() => void) | undefined;
  const run = (): Promise<void> =>
    new Promise((resolve) => {
      runs++;
      go = resolve;
    });
  const started = jobs.start(newJob(run, { everyMs: 100_000, startsLater: true }));
  started.wake();
  await until(() => runs === 1);
  started.wake();
  go?.();
  await until(() => runs === 2);
  go?.();
  await sleep(5);
  // Nobody has woken it since.
  expect(runs).toBe(2);
  started.wake();
  await until(() => runs === 3);
  go?.();
  await started.stop(1_000);
});

test('a run that fails is not followed at once by the next, whoever wakes the job meanwhile', async () => {
  const { jobs } = newJobs();
  let runs = 0;
  const started = jobs.start(
    newJob(
      () => {
        runs++;
        started.wake();
        return Promise.reject(new Error('no'));
      },
      { everyMs: 100_000, startsLater: true },
    ),
  );
  started.wake();
  await until(() => runs === 1);
  await sleep(10);
  expect(runs).toBe(1);
  await started.stop(1_000);
});

test('a job that starts later waits first, and one that is stopped meanwhile never runs', async () => {
  const { jobs } = newJobs();
  let runs = 0;
  const run = (): Promise<void> => Promise.resolve(void runs++);
  const late = jobs.start(newJob(run, { everyMs: 100_000, startsLater: true }));
  await sleep(5);
  await late.stop(1_000);
  expect(runs).toBe(0);
});

test('a stop aborts a run that is under way, waits for it no longer than its time, and reports nothing of it', async () => {
  const { jobs, lines } = newJobs();
  let isAborted = false;
  const polite = jobs.start(
    newJob(async (signal) => {
      await sleep(100_000, undefined, { signal }).catch(() => (isAborted = true));
      signal.throwIfAborted();
    }),
  );
  await polite.stop(100_000);
  expect([isAborted, lines]).toEqual([true, []]);
  const deaf = jobs.start(newJob(() => new Promise(() => undefined)));
  await deaf.stop(1);
});

test('the pause is asked for after each run, and differs by a tenth', async () => {
  const { jobs } = newJobs(1);
  const everyMs = vi.fn<() => number>(() => 1);
  let runs = 0;
  const started = jobs.start(newJob(() => Promise.resolve(void runs++), { everyMs }));
  await until(() => runs >= 3);
  await started.stop(1_000);
  expect(everyMs.mock.calls.length).toBeGreaterThanOrEqual(2);
});

test('a job that needs the lease does not run while it is held elsewhere; others do', async () => {
  let isHeld = false;
  let asked = 0;
  const lease = {
    get isHeld() {
      asked++;
      return isHeld;
    },
  };
  const { jobs, registry } = newJobs(0.5, lease);
  let runs = 0;
  const started = jobs.start(newJob(() => Promise.resolve(void runs++), { needsLease: true }));
  let others = 0;
  const other = jobs.start(newJob(() => Promise.resolve(void others++), { name: 'note' }));
  await until(() => asked >= 2 && others >= 1);
  expect(runs).toBe(0);
  isHeld = true;
  await until(() => runs >= 1);
  await started.stop(1_000);
  await other.stop(1_000);
  expect(await registry.metrics()).toMatch(/throughline_job_runs_total\{job="tidy",outcome="elsewhere"\} [2-9]/);
});

test('a job may watch instead while the lease is held elsewhere, and goes on watching when that fails', async () => {
  const { jobs, lines } = newJobs(0.5, { isHeld: false });
  let runs = 0;
  let looks = 0;
  const watch = (): Promise<void> => (looks++ === 0 ? Promise.reject(new Error('away')) : Promise.resolve());
  const started = jobs.start(newJob(() => Promise.resolve(void runs++), { needsLease: true, watch }));
  await until(() => looks >= 3);
  await started.stop(1_000);
  expect([runs, lines]).toEqual([0, []]);
});

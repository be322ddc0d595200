/** The collector and its engine as processes that are measured from outside. Linux only: figures come from /proc. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../packages/server/dist/cli/main.js', import.meta.url));
const READY_TIMEOUT_MS = 30_000;

/** Linux counts CPU time in ticks of 10 ms. */
const TICK_US = 10_000;

/** CPU time of a process, all its threads, in µs. */
export function cpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** The same of several processes. */
export const cpuUsOfAll = (pids) => pids.reduce((sum, pid) => sum + cpuUs(pid), 0);

/** CPU time of a collector's processes by what they are, in µs. */
export function cpuByRole({ processes }) {
  return Object.fromEntries(Object.entries(processes).map(([role, pids]) => [role, cpuUsOfAll(pids)]));
}

/** CPU time of the collector and its engine, in µs. */
export const cpuOf = (collector) => Object.values(cpuByRole(collector)).reduce((sum, us) => sum + us, 0);

/** Resident memory in bytes: now, the most that it was, and what of it now is no file's. */
export function memoryBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  return { now: of('VmRSS'), peak: of('VmHWM'), anonymous: of('RssAnon') };
}

/**
 * Starts `throughline up` on free ports of the loopback interface and waits until it can ingest and query. Where the store is not its
 * own, it has no `enginePid`; `processes` names the ids of the store's processes then, as `store`, and of what else works for it.
 */
export async function startCollector(dataDirectory, { args = [], env = {}, processes = {} } = {}) {
  const child = spawn(
    process.execPath,
    // So `node --cpu-prof bench/ingest.mjs` profiles the collector as well.
    [
      ...process.execArgv,
      COMMAND,
      'up',
      '--http-port',
      '0',
      '--otlp-http-port',
      '0',
      '--otlp-grpc-port',
      '0',
      '--data-dir',
      dataDirectory,
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const lock = () => JSON.parse(readFileSync(join(dataDirectory, 'server.lock'), 'utf8'));
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      const { ports } = lock();
      const apiUrl = `http://127.0.0.1:${ports['UI and API']}`;
      if ((await fetch(`${apiUrl}/readyz`)).ok) {
        const enginePid = lock().engine?.pid;
        const store = enginePid === undefined ? {} : { store: [enginePid] };
        return {
          dataDirectory,
          pid: child.pid,
          enginePid,
          processes: { collector: [child.pid], ...store, ...processes },
          apiUrl,
          otlpUrl: `http://127.0.0.1:${ports['OTLP/HTTP']}`,
          otlpGrpcAddress: `127.0.0.1:${ports['OTLP/gRPC']}`,
          stop: () => (child.kill('SIGTERM'), exited),
        };
      }
    } catch {
      // It has not written its file yet, or does not listen yet.
    }
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('the collector did not become ready');
    await delay(50);
  }
}

/** The values of the metrics without labels, and those with labels by their whole name. */
export async function readMetrics({ apiUrl }) {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

/** Engines that together take less of a core than this do nothing but wait. */
const IDLE_SHARE = 0.1;
const MERGES_TIMEOUT_MS = 180_000;

/** Waits until the engines have merged what they want to merge. Returns how long that took, in ms. */
export async function mergesEnded(pids) {
  const begin = performance.now();
  for (;;) {
    const before = cpuUsOfAll(pids);
    await delay(1_000);
    const elapsedMs = performance.now() - begin;
    if (cpuUsOfAll(pids) - before < IDLE_SHARE * 1e6) return elapsedMs;
    if (elapsedMs > MERGES_TIMEOUT_MS) throw new Error('the engine went on merging');
  }
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { DemoProcesses, type ProcessOptions } from './demo-processes.ts';

let directory: string;
let processes: DemoProcesses;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'demo-processes-'));
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  processes = new DemoProcesses({ stopTimeoutMs: 500 });
});
afterEach(() => processes.stop());

test('a server is started when it has printed its address', async () => {
  const url = await processes.startServer(
    aProgram(
      'server',
      'console.log("warming up"); console.log(JSON.stringify({ url: "http://here" })); setInterval(() => {}, 1000);',
    ),
  );
  expect(url).toBe('http://here');
});

test('a program runs to its end and hands over its lines', async () => {
  const lines: unknown[] = [];
  await processes.run(aProgram('load', 'console.log(JSON.stringify({ n: 1 })); process.disconnect();'), (line) =>
    lines.push(line),
  );
  expect(lines).toEqual([{ n: 1 }]);
});

test('a process that dies is reported in one line with its last error', async () => {
  void processes.startServer(aProgram('fraud', 'setTimeout(() => { throw new TypeError("no database\\nat all"); });'));
  await expect(processes.failure).rejects.toThrow(/^fraud .*code 1: TypeError: no database$/);
});

test('a process that is killed from outside is reported by its signal', async () => {
  void processes.startServer(aProgram('web', 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);'));
  await expect(processes.failure).rejects.toThrow(/^web .*SIGKILL$/);
});

test('stopping ends those that listen and those that hang', async () => {
  const hangs = 'process.on("SIGTERM", () => {}); console.log(JSON.stringify({ url: String(process.pid) })); for (;;);';
  const listens = 'console.log(JSON.stringify({ url: String(process.pid) })); setInterval(() => {}, 1000);';
  const pids = await Promise.all([
    processes.startServer(aProgram('hangs', hangs)),
    processes.startServer(aProgram('listens', listens)),
  ]);
  await processes.stop();
  for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
});

function aProgram(name: string, source: string): ProcessOptions {
  const path = join(directory, `${name}.mjs`);
  writeFileSync(path, source);
  return { name, path, env: process.env };
}

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEngine } from '../storage/testing/start-engine.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Nobody is given an address of a collector that ends a moment later. */
let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'throughline-refused-'))));
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Start {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(dataDirectory: string, args: readonly string[] = [], until?: string): Promise<Start> {
  return new Promise((resolve) => {
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const child = execFile(
      process.execPath,
      [PROGRAM, 'up', '--data-dir', dataDirectory, ...ports, ...args],
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
    let printed = '';
    child.stdout?.on('data', (text: string) => {
      printed += text;
      if (until !== undefined && printed.includes(until)) child.kill('SIGTERM');
    });
  });
}

it.each([
  ['of a newer version', "99, now(), 'newer'", /schema 99, .*up to \d+/],
  ['whose schema has another text', "1, now() + 60, 'another'", /schema 1 \(.+\) differs/],
])('rejects a store %s in one line, and prints no address', async (name, row, refusal) => {
  const dataDirectory = join(directory, name);
  {
    await using store = await startEngine({}, join(dataDirectory, 'store'));
    await store.engine.command(
      `INSERT INTO throughline.schema_migrations (number, applied_at, checksum) SELECT ${row}`,
    );
  }
  const { code, stdout, stderr } = await start(dataDirectory);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^throughline up: [^\n]+\n$/);
  expect(stderr).toMatch(refusal);
});

it('says where it listens while it waits for an unreachable store', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  taken.close();
  const store = ['--store', `http://127.0.0.1:${port}`];
  const { code, stdout } = await start(join(directory, 'away'), store, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  expect(code).toBe(0);
  expect(stdout).toMatch(/UI and API +http:/);
  expect(stdout).not.toContain('Ready');
});

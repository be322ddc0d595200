import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDirectory, runCommand, startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

describe('a start that cannot succeed says why in one line and exits with a code', () => {
  const scratch = newDirectory();
  const freePorts = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(async () => {
    await collector.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it.for(['--http-port', '--otlp-http-port', '--otlp-grpc-port'])('when the port of %s is taken', async (flag) => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const taken = String((server.address() as AddressInfo).port);
    const others = freePorts.filter((_, index) => freePorts[index - (index % 2)] !== flag);
    const line = await failedStart([...others, flag, taken, '--data-dir', join(scratch, `port${flag}`)]);
    expect(line).toContain(taken);
    expect(line).toContain(flag);
    server.close();
  });

  it('but goes on without OTLP/gRPC when another program has the port that nobody asked for', async () => {
    // On a host of its own, so that whatever runs on this machine's 4317 is left alone.
    const host = '127.0.0.73';
    const server = createServer().listen(4317, host);
    await new Promise((resolve) => server.once('listening', resolve));
    const data = join(scratch, 'without-grpc');
    const ports = { THROUGHLINE_HTTP_PORT: '0', THROUGHLINE_OTLP_HTTP_PORT: '0' };
    const command = runCommand(['up', '--host', host, '--data-dir', data], ports);
    await eventually('it is ready', () => command.output().includes('Ready after'));
    expect(command.output()).toMatch(/OTLP\/gRPC +off: .*4317 /);
    process.kill(command.pid, 'SIGTERM');
    expect(await command.exited).toEqual({ code: 0, signal: null });
    server.close();
  });

  it('when another collector holds the data directory', async () => {
    const line = await failedStart([...freePorts, '--data-dir', collector.dataDirectory]);
    expect(line).toContain(collector.dataDirectory);
    expect(line).toContain(String(collector.pid));
  });

  it('when the data directory is a file', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    expect(await failedStart([...freePorts, '--data-dir', file])).toContain(file);
  });

  it('when the data directory cannot be created or written', async (context) => {
    const folder = join(scratch, 'read-only');
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    // Root writes everywhere but where the kernel itself refuses.
    const path = process.getuid?.() === 0 ? '/proc/throughline' : join(folder, 'data');
    if (process.platform !== 'linux' && process.getuid?.() === 0) context.skip();
    expect(await failedStart([...freePorts, '--data-dir', path])).toContain(path);
  });

  it('when --store names no store', async () => {
    const line = await failedStart([...freePorts, '--store', 'postgres://db', '--data-dir', join(scratch, 'store')]);
    expect(line).toMatch(/^throughline up: --store: .*expected embedded, /);
  });

  it('when an option is unknown or malformed', async () => {
    expect(await failedStart(['--data-dri', scratch])).toContain('--data-dri');
    expect(await failedStart(['--http-port', '70000'])).toContain('70000');
  });
});

async function failedStart(args: readonly string[]): Promise<string> {
  const command = runCommand(['up', ...args]);
  const exit = await command.exited;
  expect(exit.code, command.output()).toBeGreaterThan(0);
  const lines = command.output().trim().split('\n');
  expect(lines, command.output()).toHaveLength(1);
  return lines[0] ?? '';
}

// The OpenAPI description that the built collector serves.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fail, root } from './workspace.mjs';

export async function servedOpenApi() {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-openapi-'));
  const main = join(root, 'packages/server/dist/cli/main.js');
  const ports = ['--http-port', '--otlp-http-port', '--otlp-grpc-port'].flatMap((flag) => [flag, '0']);
  const collector = spawn(process.execPath, [main, 'up', '--data-dir', join(folder, 'data'), ...ports], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    collector.once('exit', resolve);
  });
  try {
    const response = await fetch(`${await apiUrl(collector)}/api/v1/openapi.json`);
    return await response.json();
  } finally {
    collector.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function apiUrl(collector) {
  for await (const line of createInterface({ input: collector.stdout })) {
    const url = /UI and API\s+(http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  return fail('The collector ended before it listened; its messages stand above.');
}

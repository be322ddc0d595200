// Writes docs/api.md out of the description that a collector serves: `node scripts/api-reference.mjs`.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openApiMarkdown } from './openapi-markdown.mjs';
import { ensureBuilt, ensureInstalled, fail, root } from './workspace.mjs';

ensureInstalled();
ensureBuilt();

const folder = mkdtempSync(join(tmpdir(), 'throughline-api-reference-'));
const main = join(root, 'packages/server/dist/cli/main.js');
const ports = ['--http-port', '--otlp-http-port', '--otlp-grpc-port'].flatMap((flag) => [flag, '0']);
const collector = spawn(process.execPath, [main, 'up', '--data-dir', join(folder, 'data'), ...ports], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = new Promise((resolve) => {
  collector.once('exit', resolve);
});
try {
  const response = await fetch(`${await apiUrl()}/api/v1/openapi.json`);
  writeFileSync(join(root, 'docs/api.md'), openApiMarkdown(await response.json()));
} finally {
  collector.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function apiUrl() {
  for await (const line of createInterface({ input: collector.stdout })) {
    const url = /UI and API\s+(http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  return fail('The collector ended before it listened; its messages stand above.');
}

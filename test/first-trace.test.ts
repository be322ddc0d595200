import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { newDirectory, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

/** The terminals of `docs/first-trace.md`, which a newcomer follows word by word. */
const page = readFileSync(join(root, 'docs/first-trace.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}));
const shell = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);

const scratch = newDirectory();
const checkout = join(scratch, 'throughline');
const home = join(scratch, 'first-trace');

/** The npm and the test runner that run this test would change what is started here. */
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|OTEL_|THROUGHLINE_)/i.test(name),
  ),
);

let collector: Collector;
beforeAll(async () => {
  collector = await startCollector();
  copyCheckout();
});
afterAll(async () => {
  await collector.stop();
  rmSync(scratch, { recursive: true, force: true });
});

it('works as it is written, from the checkout to the trace', async () => {
  const [start, install = '', run = '', request = '', query = '', ...more] = shell;
  // What `npm start` does is tested by itself; this collector stands for it, on ports of its own.
  expect([start, more]).toEqual(['npm start\n', []]);

  // No network: npm takes the API's package from a tarball of what the workspace has installed. A registry's cache need
  // not have it, and a link in node_modules would not show that npm accepts the peer.
  const api = inShell(
    `npm pack --silent --pack-destination ${scratch} ${join(root, 'node_modules/@opentelemetry/api')}`,
  );
  inShell(install.replace(' @opentelemetry/api', ` ../${api.trim()}`), { npm_config_offline: 'true' });
  expect(readdirSync(join(home, 'node_modules/@throughline'))).toEqual(['sdk']);

  const port = String(await freePort());
  const here = (text: string): string =>
    text.replaceAll('http://127.0.0.1:4319', collector.apiUrl).replaceAll('3000', port);
  for (const { text } of blocks.filter(({ language }) => language === 'js')) {
    const [, file = ''] = /^\/\/ ([\w.]+)$/m.exec(text) ?? [];
    writeFileSync(join(home, file), here(text));
  }

  // As a shell starts it, and without one in between that a signal would end instead.
  const [program = '', ...args] = run.trim().split(' ');
  expect(program).toBe('node');
  const app = spawn(process.execPath, args, {
    cwd: home,
    env: { ...inherited, OTEL_EXPORTER_OTLP_ENDPOINT: collector.otlpUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(app, 'close');
  onTestFinished(() => void app.kill('SIGKILL'));
  let output = '';
  for (const stream of [app.stdout, app.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await eventually('it listens', () => output.includes('listening on') || (app.exitCode !== null && fail(output)));

  expect(inShell(here(request))).toBe('bought\n');
  const trace = await eventually('the trace is found', () => {
    const { traces } = JSON.parse(inShell(here(query))) as { traces: Found[] };
    return traces[0];
  });
  expect(trace).toMatchObject({ rootService: 'checkout', rootOperation: 'GET', spanCount: 2 });
  const whole = await (await fetch(`${collector.apiUrl}/api/v1/traces/${trace.traceId}`)).text();
  for (const said of ['charge card', 'order.id', 'receipt.id', 'r-17']) expect(whole).toContain(said);

  app.kill('SIGINT');
  await exited;
  expect(output).toBe(here('listening on http://127.0.0.1:3000\n'));
});

interface Found {
  readonly traceId: string;
}

/** What packing needs of this repository, compiled: packed in its own place, it would disturb the other tests. */
function copyCheckout(): void {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
  const parts = ['scripts', 'src', 'tsconfig.json', 'README.md'].map((part) => `packages/sdk/${part}`);
  for (const path of [
    'package.json',
    'tsconfig.base.json',
    ...workspaces.map((of) => `${of}/package.json`),
    ...parts,
  ]) {
    cpSync(join(root, path), join(checkout, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  mkdirSync(join(checkout, 'packages/sdk'), { recursive: true });
  inShell(`node node_modules/typescript/bin/tsc -p packages/sdk`);
}

/** Returns what was written to standard output; throws where a line fails. */
function inShell(text: string, env: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', text], {
    cwd: checkout,
    env: { ...inherited, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) fail(`${text}\n${stderr}\n${stdout}`);
  return stdout;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function fail(message: string): never {
  throw new Error(message);
}

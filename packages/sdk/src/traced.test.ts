import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSink } from './test-support/sink.ts';
import { Tracer } from './index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const source = fileURLToPath(new URL('test-support/decorated.source.ts', import.meta.url));
let folder = '';
let decorate: (tracer: Tracer) => Record<string, () => unknown>;

beforeAll(async () => {
  // Below node_modules, so that the built files find OpenTelemetry's API.
  folder = mkdtempSync(join(root, 'node_modules', '.throughline-traced-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--ignoreConfig', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,esnext.disposable'];
  const more = [
    '--skipLibCheck',
    '--rewriteRelativeImportExtensions',
    '--types',
    'node',
    '--strict',
    '--rootDir',
    root,
  ];
  execFileSync(process.execPath, [tsc, ...options, ...more, '--outDir', folder, source], { cwd: root, stdio: 'pipe' });
  const built = join(folder, 'packages/sdk/src/test-support/decorated.source.js');
  ({ decorate } = (await import(/* @vite-ignore */ built)) as { decorate: typeof decorate });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('traces decorated methods and ends a span that is used, through built output', async () => {
  const sink = await startSink();
  const tracer = new Tracer({ register: false, endpoint: sink.url });
  const run = decorate(tracer);
  expect(run['total']?.()).toBe(12);
  await expect(run['fail']?.()).rejects.toThrow('closed');
  expect(run['open']?.()).toBe('opened');
  expect(run['used']?.()).toBe(true);
  expect(run['same']?.()).toBe('item');
  expect(run['each']?.()).toEqual([1, 2, 3]);
  expect(await run['stream']?.()).toBe(1);
  await tracer.shutdown();
  expect(sink.spans.map(({ name, status, attributes }) => [name, status.code, attributes])).toEqual([
    ['CornerShop.total', 0, {}],
    ['shop.fail', 2, { 'app.kind': 'test' }],
    ['Shop.open', 0, {}],
    ['used', 0, {}],
    ['CornerShop.same', 0, {}],
    ['Shop.each', 0, {}],
    ['inside', 0, {}],
    ['Shop.stream', 0, {}],
  ]);
  await sink.close();
});

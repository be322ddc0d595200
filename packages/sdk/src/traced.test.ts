import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { startSink } from './test-support/sink.ts';
import { traced, Tracer } from './index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const source = fileURLToPath(new URL('test-support/decorated.source.ts', import.meta.url));
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/**
 * Compiled as TypeScript compiles decorators by default, or as it did before the standard, which NestJS and Angular ask
 * for.
 */
async function compiled(kind: 'standard' | 'legacy'): Promise<(tracer: Tracer) => Record<string, () => unknown>> {
  // Below node_modules, so that the built files find OpenTelemetry's API.
  const folder = mkdtempSync(join(root, 'node_modules', '.throughline-traced-'));
  folders.push(folder);
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
    ...(kind === 'legacy' ? ['--experimentalDecorators'] : []),
  ];
  execFileSync(process.execPath, [tsc, ...options, ...more, '--outDir', folder, source], { cwd: root, stdio: 'pipe' });
  const built = join(folder, 'packages/sdk/src/test-support/decorated.source.js');
  const { decorate } = (await import(/* @vite-ignore */ built)) as { decorate: Awaited<ReturnType<typeof compiled>> };
  return decorate;
}

it.each(['standard', 'legacy'] as const)('traces methods with %s decorators, through built output', async (kind) => {
  const decorate = await compiled(kind);
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

function find(_id: number, _name: string): void {}

it('keeps a method its name, its length and what other decorators have said of it', () => {
  const known = new Map<object, Map<unknown, unknown>>();
  const metadata = {
    getOwnMetadataKeys: (target: object) => [...(known.get(target)?.keys() ?? [])],
    getOwnMetadata: (key: unknown, target: object) => known.get(target)?.get(key),
    defineMetadata: (key: unknown, value: unknown, target: object) =>
      void known.set(target, (known.get(target) ?? new Map<unknown, unknown>()).set(key, value)),
  };
  Object.assign(Reflect, metadata);
  metadata.defineMetadata('path', '/shops', find);
  const decorate = traced(new Tracer({ register: false, exporter: 'none' }));
  const descriptor = { value: find, writable: true, enumerable: false, configurable: true };
  const { value, ...flags } = decorate({}, 'find', descriptor);
  expect(value).not.toBe(find);
  expect([value?.name, value?.length, metadata.getOwnMetadata('path', value ?? {})]).toEqual(['find', 2, '/shops']);
  expect(flags).toEqual({ writable: true, enumerable: false, configurable: true });
  for (const name of Object.keys(metadata)) Reflect.deleteProperty(Reflect, name);
});

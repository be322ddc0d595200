import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as http from './http/index.ts';
import * as sdk from './index.ts';

it('exports these names, and a new one is a decision', () => {
  expect(Object.keys(sdk).toSorted()).toEqual([
    'ConfigError',
    'Tracer',
    'VERSION',
    'adaptive',
    'alwaysOff',
    'alwaysOn',
    'alwaysRecord',
    'anyOf',
    'detectResource',
    'parentThreshold',
    'rateLimit',
    'ratio',
    'remote',
    'rules',
    'traced',
  ]);
  expect(Object.keys(http).toSorted()).toEqual(['httpMiddleware', 'instrumentHttp']);
});

it('knows its own version', () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(manifest).toHaveProperty('version', sdk.VERSION);
});

it('shows the types of every entry to TypeScript of either way of finding them', () => {
  const { exports, typesVersions, types } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as {
    exports: Record<string, Record<'require' | 'default', { types: string }>>;
    typesVersions: { '*': Record<string, string[]> };
    types: string;
  };
  const old = Object.entries(typesVersions['*']).map(([entry, files]) => [`./${entry}`, { types: files[0] }]);
  const now = Object.entries(exports).map(([entry, files]) => [entry, { types: files.require.types }]);
  expect(Object.fromEntries([['.', { types }], ...old])).toEqual(Object.fromEntries(now));
});

it('has a tracer with these methods', () => {
  expect(Object.getOwnPropertyNames(sdk.Tracer.prototype).toSorted()).toEqual([
    'activeSpan',
    'bind',
    'constructor',
    'endSpan',
    'extract',
    'flush',
    'inject',
    'shutdown',
    'span',
    'startSpan',
    'stats',
    'with',
  ]);
});

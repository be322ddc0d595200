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
    'anyOf',
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

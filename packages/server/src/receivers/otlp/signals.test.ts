import { expect, test } from 'vitest';
import { Router } from '../../http/router.ts';
import { usualPath } from '../../http/usual-path.ts';
import { signalAliases, signalOfMethod, signalPath } from './signals.ts';

const router = new Router(
  (['traces', 'metrics', 'logs'] as const).map((signal) => ({
    method: 'POST',
    path: signalPath(signal),
    aliases: signalAliases(signal),
    signal,
  })),
);
const signalOfTarget = (target: string) => router.at(usualPath(target))[0]?.route.signal ?? null;

test.each([
  ['/v1/traces', 'traces'],
  ['/v1/traces/', 'traces'],
  ['//v1/traces', 'traces'],
  ['/v1//traces//', 'traces'],
  ['/v1/traces?token=1', 'traces'],
  // An endpoint that names a path already, to which the SDK appends each signal's.
  ['/v1/traces/v1/traces', 'traces'],
  ['/v1/traces//v1/metrics', 'metrics'],
  ['/v1/traces/v1/logs/', 'logs'],
  ['/v1/metrics', 'metrics'],
  ['/v1/logs', 'logs'],
  ['/', null],
  ['', null],
  ['*', null],
  ['/v1', null],
  ['/v1/trace', null],
  ['/v1/traces/x', null],
  ['/V1/Traces', null],
  ['/v1/profiles', null],
  ['/otlp/v1/traces', null],
  ['/v1/traces/v1/traces/v1/traces', null],
  ['/v1/sampling/v1/traces', null],
  ['/v1/%74races', null],
  ['/v1/../v1/traces', null],
  ['http://collector.example', null],
])('the target %s is for %s', (target, signal) => {
  expect(signalOfTarget(target)).toBe(signal);
});

test('a long target is looked at in no time that grows with its square', () => {
  expect(signalOfTarget(`${'/'.repeat(1_000_000)}v1/traces`)).toBe('traces');
  expect(signalOfTarget('/v1/traces'.repeat(100_000))).toBe(null);
});

const method = (name: string) => signalOfMethod(`/opentelemetry.proto.collector.${name}/Export`);

test('methods are known by their whole name', () => {
  expect(method('trace.v1.TraceService')).toBe('traces');
  expect(method('metrics.v1.MetricsService')).toBe('metrics');
  expect(method('logs.v1.LogsService')).toBe('logs');
  expect(method('profiles.v1development.ProfilesService')).toBe(null);
  expect(signalOfMethod('/opentelemetry.proto.collector.logs.v1.LogsService/Exports')).toBe(null);
});

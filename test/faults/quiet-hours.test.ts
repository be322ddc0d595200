import { describe, expect, it } from 'vitest';
import { quietHours } from './index.ts';

const options = { tracesPerWindow: 60, windowMinutes: 10 };

describe('quiet hours', () => {
  it('are the same for the same seed', () => {
    const few = { ...options, tracesPerWindow: 25 };
    const made = [...quietHours(5, 1, few)];
    expect([...quietHours(5, 1, few)]).toEqual(made);
    expect([...quietHours(6, 1, few)].map(({ spans }) => spans)).not.toEqual(made.map(({ spans }) => spans));
  });

  it('are windows without a gap, each with the traffic that begins in it', () => {
    const windows = [...quietHours(2, 4, options)];
    expect(windows.length).toBe(24);
    for (const [at, { window, spans }] of windows.entries()) {
      expect(window.toUnixNano - window.fromUnixNano).toBe(600_000_000_000n);
      expect(windows[at + 1]?.window.fromUnixNano ?? window.toUnixNano).toBe(window.toUnixNano);
      const roots = spans.filter(({ parentSpanId }) => parentSpanId === '');
      expect(roots.length).toBeGreaterThan(30);
      const second = 1_000_000_000n;
      const outside = roots.filter(
        ({ startUnixNano, links }) =>
          links.length === 0 &&
          (startUnixNano < window.fromUnixNano - second || startUnixNano >= window.toUnixNano + second),
      );
      expect(outside).toEqual([]);
    }
  });

  it('have little that fails, deploys, and load that follows the day', () => {
    const windows = [...quietHours(3, 24, { ...options, windowMinutes: 60 })];
    const spans = windows.flatMap((window) => window.spans);
    expect(spans.filter(({ statusCode }) => statusCode === 2).length).toBeLessThan(spans.length / 50);
    const versions = new Map<string, Set<string>>();
    for (const { service, resource } of spans) {
      versions.set(service, (versions.get(service) ?? new Set()).add(resource['service.version'] ?? ''));
    }
    expect(Math.max(...[...versions.values()].map(({ size }) => size))).toBeGreaterThan(1);
    const busiest = Math.max(...windows.map((window) => window.spans.length));
    const calmest = Math.min(...windows.map((window) => window.spans.length));
    expect(busiest).toBeGreaterThan(1.3 * calmest);
  });

  it('are kept by the given share, without other traffic', () => {
    const all = [...quietHours(4, 1, { ...options, tracesPerWindow: 400 })].flatMap(({ spans }) => spans);
    const kept = [...quietHours(4, 1, { ...options, tracesPerWindow: 400, sampling: 0.1 })].flatMap(
      ({ spans }) => spans,
    );
    const ids = new Set(kept.map(({ traceId }) => traceId));
    expect(kept.map(({ spanId }) => spanId)).toEqual(
      all.filter(({ traceId }) => ids.has(traceId)).map(({ spanId }) => spanId),
    );
    expect(kept.length).toBeLessThan(all.length / 5);
    expect(kept.length).toBeGreaterThan(0);
  });
});

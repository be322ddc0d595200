import { describe, expect, it } from 'vitest';
import { readMilliseconds, readRange, readWhen } from './when.ts';

const NOW_MS = Date.parse('2026-11-23T05:00:00Z');
const iso = (text: string): string => new Date(Number(readWhen('--from', text, NOW_MS)) / 1e6).toISOString();

describe('a time', () => {
  it.each([
    ['now', '2026-11-23T05:00:00.000Z'],
    ['30s', '2026-11-23T04:59:30.000Z'],
    ['15m', '2026-11-23T04:45:00.000Z'],
    ['2h ago', '2026-11-23T03:00:00.000Z'],
    ['2 hours ago', '2026-11-23T03:00:00.000Z'],
    ['-1d', '2026-11-22T05:00:00.000Z'],
    ['1w', '2026-11-16T05:00:00.000Z'],
    ['2026-11-23T04:00:00+01:00', '2026-11-23T03:00:00.000Z'],
    ['2026-11-23', '2026-11-23T00:00:00.000Z'],
    ['1795392000', '2026-11-23T00:00:00.000Z'],
  ])('may be %s', (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  it.each(['', 'soon', '15x', '2026-02-30', '999999999w', '15m ahead'])('is not %j', (text) => {
    expect(() => readWhen('--from', text, NOW_MS)).toThrow(`--from: got ${JSON.stringify(text)}`);
  });
});

describe('a range of time', () => {
  it('has two dots between begin and end, and ends now without an end', () => {
    const range = readRange('--incident', '2h..1h', NOW_MS);
    expect(BigInt(range.toUnixNano) - BigInt(range.fromUnixNano)).toBe(3_600_000_000_000n);
    expect(readRange('--incident', '2h..', NOW_MS).toUnixNano).toBe(readWhen('', 'now', NOW_MS));
    const days = readRange('--incident', '2026-11-21T05:00:00.5Z..2026-11-22', NOW_MS);
    expect(BigInt(days.fromUnixNano) % 1_000_000_000n).toBe(500_000_000n);
  });

  it.each(['2h', '2h..1h..now', '1h..2h', '1h..1h', '..1h'])('is not %j', (text) => {
    expect(() => readRange('--incident', text, NOW_MS)).toThrow('--incident: got');
  });
});

describe('a duration', () => {
  it.each([
    ['250', 250],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['500us', 0.5],
    ['0.1s', 100],
    ['1h', 3_600_000],
  ])('may be %s', (text, expected) => {
    expect(readMilliseconds('--min', text)).toBe(expected);
  });

  it.each(['', '-1', '1e3', '5 parsecs', '.5'])('is not %j', (text) => {
    expect(() => readMilliseconds('--min', text)).toThrow('--min: got');
  });
});

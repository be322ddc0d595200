import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationNsMax, parseDurationText, writeDurationText } from './duration-text.ts';

describe('a typed duration', () => {
  it.each([
    ['500ms', 500e6],
    ['1.5s', 1.5e9],
    ['1.5 S', 1.5e9],
    ['250us', 250e3],
    ['250µs', 250e3],
    ['10ns', 10],
    ['2m', 120e9],
    ['1h', 3_600e9],
    ['.5s', 0.5e9],
    ['0', 0],
  ])('reads %s', (text, ns) => {
    expect(parseDurationText(text)).toBe(ns);
  });

  it('takes a bare number as milliseconds', () => {
    expect(parseDurationText('20')).toBe(20e6);
  });

  it.each(['', '-1s', '1 day', 's', '1..5s', '1e3ms', '101h'])('refuses %j', (text) => {
    expect(parseDurationText(text)).toBeNull();
  });

  it('reads back every whole number of nanoseconds that it wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: durationNsMax }), (ns) => {
        expect(parseDurationText(writeDurationText(ns))).toBe(ns);
      }),
    );
  });

  it('writes the unit that a person would', () => {
    expect(writeDurationText(1.5e9)).toBe('1.5s');
    expect(writeDurationText(500e6)).toBe('500ms');
    expect(writeDurationText(0)).toBe('0ms');
  });
});

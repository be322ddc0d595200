import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTime } from './parse-time.ts';

describe('parseTime', () => {
  it('tells the unit of a count from its digits', () => {
    expect(parseTime('0')).toBe(0n);
    expect(parseTime('1700000000')).toBe(1_700_000_000_000_000_000n);
    expect(parseTime('1700000000123')).toBe(1_700_000_000_123_000_000n);
    expect(parseTime('1700000000123456')).toBe(1_700_000_000_123_456_000n);
    expect(parseTime('1700000000123456789')).toBe(1_700_000_000_123_456_789n);
  });

  it('reads ISO 8601 to the nanosecond, in UTC where no offset is given', () => {
    expect(parseTime('2023-11-14T22:13:20.123456789Z')).toBe(1_700_000_000_123_456_789n);
    expect(parseTime('2023-11-14T22:13:20')).toBe(1_700_000_000_000_000_000n);
    expect(parseTime('2023-11-14T23:13:20+01:00')).toBe(1_700_000_000_000_000_000n);
    expect(parseTime('2023-11-14T18:13:20.5-0400')).toBe(1_700_000_000_500_000_000n);
    expect(parseTime('2023-11-14t22:13z')).toBe(1_699_999_980_000_000_000n);
    expect(parseTime('2023-11-14')).toBe(1_699_920_000_000_000_000n);
  });

  it('reads whatever Date writes', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2262-01-01'), noInvalidDate: true }), (date) => {
        expect(parseTime(date.toISOString())).toBe(BigInt(date.getTime()) * 1_000_000n);
      }),
      { seed: 3 },
    );
  });

  it('rejects what is no moment between 1970 and 2262', () => {
    for (const text of ['-1', '1.5', 'now', '', ' 1', '1e9', '9223372036854775808', '12345678901234567890', '0x10']) {
      expect(parseTime(text)).toBeNull();
    }
    for (const text of ['2023-02-30', '2023-13-01', '2023-11-14T25:00Z', '2023-11-14T', '1969-12-31', '2400-01-01']) {
      expect(parseTime(text)).toBeNull();
    }
    expect(parseTime('2023-11-14T22:13:20+99:99')).toBeNull();
  });
});

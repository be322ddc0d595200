import { describe, expect, it } from 'vitest';
import { sparklinePath } from './sparkline-path.ts';

describe('a sparkline', () => {
  it('goes from 0 at the bottom to the largest value at the top', () => {
    expect(sparklinePath([0, 5, 10], 12, 12)).toBe('M1.0 11.0L6.0 6.0L11.0 1.0');
  });

  it('is flat where nothing happened', () => {
    expect(sparklinePath([0, 0], 12, 12)).toBe('M1.0 11.0L11.0 11.0');
  });

  it('needs two values', () => {
    expect(sparklinePath([3], 12, 12)).toBe('');
  });
});

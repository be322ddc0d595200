import { describe, expect, it } from 'vitest';
import { keyAction, shortcuts } from './keys.ts';

describe('the keys of the waterfall', () => {
  it('leave arrows and Enter to the page while the rows do not have the focus', () => {
    for (const key of ['ArrowDown', 'ArrowLeft', 'Home', 'Enter', ' ']) {
      expect(keyAction(key, false)).toBeNull();
      expect(keyAction(key, true)).not.toBeNull();
    }
  });

  it('offer letters everywhere', () => {
    expect(keyAction('j', false)).toBe('next');
    expect(keyAction('e', false)).toBe('nextError');
    expect(keyAction('x', true)).toBeNull();
  });

  it('mean one thing each', () => {
    const keys = shortcuts.flatMap((shortcut) => shortcut.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignSlots, preferredSlot, slotCount } from './service-slots.ts';

const names = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: slotCount });

describe('the colours of services', () => {
  it('are distinct as long as there are enough', () => {
    fc.assert(
      fc.property(names, (set) => {
        expect(new Set(assignSlots(set).values()).size).toBe(set.length);
      }),
    );
  });

  it('stay when more services come after', () => {
    fc.assert(
      fc.property(names, names, (first, later) => {
        const before = assignSlots(first);
        const after = assignSlots([...first, ...later]);
        for (const [name, slot] of before) expect(after.get(name)).toBe(slot);
      }),
    );
  });

  it('repeat beyond the palette instead of failing', () => {
    const many = Array.from({ length: 100 }, (_, i) => `service-${i}`);
    for (const slot of assignSlots(many).values()) expect(slot).toBeLessThan(slotCount);
  });

  it('are the preferred ones where nothing collides', () => {
    expect(assignSlots(['checkout']).get('checkout')).toBe(preferredSlot('checkout'));
  });
});

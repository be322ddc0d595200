/** How many `--service-N` colours `styles/tokens.css` defines. */
export const slotCount = 16;

/** The first ones are distinguished most easily; the others wait until those run out. */
const preferredSlotCount = 12;

/** No divisor in common with `slotCount`, so that stepping by it meets every slot; neighbours look alike less. */
const slotStep = 5;

/** FNV-1a, 32 bits, over UTF-16 code units, with MurmurHash3's finish: FNV alone is uneven in a small modulus. */
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** The slot that a name prefers: the same on every page and for every viewer. */
export function preferredSlot(name: string): number {
  return hash(name) % preferredSlotCount;
}

/**
 * A slot for each name: its preferred one, or the next free one where an earlier name has taken that; so a name keeps
 * its slot when others come after it. Beyond `slotCount` names, slots repeat.
 */
export function assignSlots(names: Iterable<string>): ReadonlyMap<string, number> {
  const slots = new Map<string, number>();
  const taken = new Set<number>();
  for (const name of names) {
    if (slots.has(name)) continue;
    let slot = preferredSlot(name);
    if (taken.size < slotCount) while (taken.has(slot)) slot = (slot + slotStep) % slotCount;
    taken.add(slot);
    slots.set(name, slot);
  }
  return slots;
}

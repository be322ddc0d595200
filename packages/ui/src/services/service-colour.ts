import { preferredSlot } from './service-slots.ts';

/** A service's CSS colour, right for the current theme. `slots` comes from `useServiceSlots`. */
export function serviceColour(name: string, slots: ReadonlyMap<string, number>): string {
  return `var(--service-${slots.get(name) ?? preferredSlot(name)})`;
}

import { useMemo } from 'react';
import { assignSlots } from './service-slots.ts';
import { useServices } from './use-services.ts';

/**
 * Colour slots for these services and all that are stored. The longest known come first, so that a service has the
 * same colour on every page and keeps it when others appear.
 */
export function useServiceSlots(names: readonly string[]): ReadonlyMap<string, number> {
  const stored = useServices().data?.services;
  return useMemo(() => {
    const named = (stored ?? []).filter(({ isOthers }) => !isOthers);
    const known = named.toSorted(
      (a, b) => Number(BigInt(a.firstSeenUnixNano) - BigInt(b.firstSeenUnixNano)) || (a.name < b.name ? -1 : 1),
    );
    return assignSlots([...known.map(({ name }) => name), ...names.toSorted()]);
  }, [stored, names]);
}

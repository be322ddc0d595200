import { LIMIT_BOUNDS, type Bounds } from './limit-bounds.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { quantity, setting, unitOf, type Setting } from './setting.ts';

/** The counter of all limits that have none of their own. */
function limitCounter(key: string): string {
  return `throughline_limit_reached_total{limit="${key}"}`;
}

interface LimitSetting extends Setting<number> {
  readonly group: keyof Limits;
  readonly name: string;
}

/** A setting for every limit. */
export const LIMIT_SETTINGS: readonly LimitSetting[] = (Object.keys(LIMIT_BOUNDS) as (keyof Limits)[]).flatMap(
  (group) => {
    const defaults = DEFAULT_LIMITS[group] as unknown as Readonly<Record<string, number>>;
    return Object.entries<Bounds>(LIMIT_BOUNDS[group]).map(([name, [min, max, help, counter]]) => {
      const key = `${group}.${name}`;
      const text = quantity(unitOf(name), min, max);
      const described = setting(key, help, text, () => defaults[name] ?? 0);
      return { ...described, counter: counter === undefined ? limitCounter(key) : counter, group, name };
    });
  },
);

/** The limits with these values by key; every key of `LIMIT_SETTINGS` is there. */
export function limitsFrom(values: ReadonlyMap<string, unknown>): Limits {
  const limits: Partial<Record<keyof Limits, Record<string, unknown>>> = {};
  for (const { key, group, name } of LIMIT_SETTINGS) (limits[group] ??= {})[name] = values.get(key);
  for (const group of Object.values(limits)) Object.freeze(group);
  return Object.freeze(limits) as unknown as Limits;
}

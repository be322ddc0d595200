/** What a figure is held to. A stretch lies behind the goal: what is hoped for, and not asked. */
import { round } from './statistics.mjs';

export const atLeast = (name, goal, stretch) => ({ name, sign: '≥', goal, stretch });
export const atMost = (name, goal, stretch) => ({ name, sign: '≤', goal, stretch });

/** A row for each goal; of one that was not measured, `measured` is null. */
export function judge(goals, figures) {
  return Object.entries(goals).map(([key, { name, sign, goal, stretch }]) => {
    const value = figures[key] ?? null;
    const meets = (bound) => value !== null && (sign === '≥' ? value >= bound : value <= bound);
    return {
      name,
      goal: `${sign} ${goal}`,
      measured: value === null ? null : round(value, value < 100 ? 2 : 0),
      met: meets(goal),
      ...(stretch !== undefined && { stretch: `${sign} ${stretch}`, stretchMet: meets(stretch) }),
    };
  });
}

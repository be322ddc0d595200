export const DAY_SECONDS = 86_400;
export const DAY_MS = DAY_SECONDS * 1_000;

/** The UTC day, such as `2026-11-23`. Its order as text is that of time, for the years that the store's times have. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Its first moment, in milliseconds since the epoch. */
export function startOfDayMs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

export function plusDays(day: string, days: number): string {
  return dayOf(startOfDayMs(day) + days * DAY_MS);
}

/** The newest of the days, the oldest first, that is no later than `today`. */
export function newestDay(days: readonly string[], today: string): string | undefined {
  return days.findLast((day) => day <= today);
}

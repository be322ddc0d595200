/** The two stores that are asked. Days and hours are those of UTC. */
const DAY_MS = 86_400_000;
const SIX_HOURS = { beginMs: 6 * 3_600_000, seconds: 6 * 3_600 };
const DAYS = 30;
const DAYS_BACK = 20;
/** Of the spans of the day that is asked, each of the others has a fiftieth. */
const OTHER_DAYS_SHARE = 1 / 50;

function sixHours(nowMs, daysBack, spans, isAsked) {
  const startMs = (Math.floor(nowMs / DAY_MS) - daysBack) * DAY_MS + SIX_HOURS.beginMs;
  return { startMs, seconds: SIX_HOURS.seconds, spans, isAsked };
}

/** All spans within a morning of yesterday: one partition, and within what is kept. */
export function oneDay(spans, nowMs) {
  return [sixHours(nowMs, 1, spans, true)];
}

/** As many within a morning 20 days back, and some in each other morning of the last 30 days. */
export function month(spans, nowMs) {
  return Array.from({ length: DAYS }, (_, index) => {
    const daysBack = DAYS - index;
    const isAsked = daysBack === DAYS_BACK;
    return sixHours(nowMs, daysBack, isAsked ? spans : Math.ceil(spans * OTHER_DAYS_SHARE), isAsked);
  });
}

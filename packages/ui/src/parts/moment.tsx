import { absoluteText, relativeText } from '../time/moment-text.ts';

/** A moment as "12 s ago", with date and time on hover. */
export function Moment({ unixMs, nowMs }: { readonly unixMs: number; readonly nowMs: number }) {
  return (
    <time dateTime={new Date(unixMs).toISOString()} title={absoluteText(unixMs)}>
      {relativeText(unixMs, nowMs)}
    </time>
  );
}

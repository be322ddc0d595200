import { formatDuration } from '@throughline/trace';

/** When an event was, counted from the begin of its span: `+5 ms`, `−5 ms`; '' where one of both times is not known. */
export function eventOffset(eventUnixNano: string, spanStartUnixNano: string): string {
  const [event, start] = [known(eventUnixNano), known(spanStartUnixNano)];
  if (event === null || start === null) return '';
  const offsetNs = Number(event - start);
  return `${offsetNs < 0 ? '−' : '+'}${formatDuration(Math.abs(offsetNs))}`;
}

function known(unixNano: string): bigint | null {
  return /^\d{1,20}$/.test(unixNano) && !/^0+$/.test(unixNano) ? BigInt(unixNano) : null;
}

const LARGEST_UNIX_NANO = 2n ** 63n - 1n;

export const TIME_ACCEPTED =
  'a count since 1970 (up to 11 digits are seconds, up to 14 milliseconds, up to 17 microseconds, up to 19 nanoseconds) ' +
  'or an ISO 8601 date-time such as 2026-11-23T05:00:00.5Z (UTC where no offset is given)';

/** Reads a `TimeParameter` as nanoseconds since the epoch. Null when it is none, or lies before 1970 or after 2262. */
export function parseTime(text: string): bigint | null {
  const unixNano = /^\d{1,19}$/.test(text) ? parseCount(text) : parseDateTime(text);
  return unixNano === null || unixNano < 0n || unixNano > LARGEST_UNIX_NANO ? null : unixNano;
}

function parseCount(digits: string): bigint {
  const count = BigInt(digits);
  if (digits.length <= 11) return count * 1_000_000_000n;
  if (digits.length <= 14) return count * 1_000_000n;
  if (digits.length <= 17) return count * 1_000n;
  return count;
}

const DATE_TIME =
  /^(?<date>\d{4}-\d{2}-\d{2})(?:T(?<minute>\d{2}:\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?(?<zone>Z|[+-]\d{2}:?\d{2})?)?$/i;

/** Date reads the whole seconds; the fraction is kept to the nanosecond. */
function parseDateTime(text: string): bigint | null {
  const parts = DATE_TIME.exec(text)?.groups;
  if (parts === undefined) return null;
  const { date = '', minute = '00:00', second = '00', fraction = '', zone = 'Z' } = parts;
  const day = new Date(`${date}T00:00:00Z`);
  // Date would read the 30th of February as a day in March.
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date) return null;
  const offset = zone.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  const milliseconds = Date.parse(`${date}T${minute}:${second}${offset}`);
  if (Number.isNaN(milliseconds)) return null;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

import type { TextRule } from './yaml-fields.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 1_440 * MINUTE_MS,
};

/** A duration such as `90s`, within bounds; `stepMs`: it has to be a whole number of these. */
export function duration(minMs: number, maxMs: number, stepMs = 1): TextRule<number> {
  const whole = stepMs === MINUTE_MS ? 'whole minutes' : 'a duration';
  return {
    accepted: `${whole} such as 5m, from ${shownMs(minMs)} to ${shownMs(maxMs)}`,
    parse: (text) => {
      const ms = durationMs(text);
      return ms !== undefined && ms >= minMs && ms <= maxMs && ms % stepMs === 0 ? ms : undefined;
    },
  };
}

/** `90s`, `1.5h`; a number alone is none, because nobody knows its unit. */
export function durationMs(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)\s?(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  if (digits === '') return text.trim() === '0' ? 0 : undefined;
  return Number(digits) * UNITS_MS[unit]!;
}

/** In the largest unit that keeps it a whole number: `90s`, `5m`. */
export function shownMs(ms: number): string {
  const fitting = Object.entries(UNITS_MS).findLast(([, factor]) => ms >= factor && ms % factor === 0);
  return fitting === undefined ? (ms === 0 ? '0' : `${ms}ms`) : `${ms / fitting[1]}${fitting[0]}`;
}

export function number(min: number, max: number, isWhole = false): TextRule<number> {
  return {
    accepted: `${isWhole ? 'an integer' : 'a number'} from ${min} to ${max}`,
    parse: (text) => {
      const value = /^\d{1,12}(?:\.\d{1,9})?$/.test(text.trim()) ? Number(text) : Number.NaN;
      return value >= min && value <= max && (!isWhole || Number.isInteger(value)) ? value : undefined;
    },
  };
}

export function oneOf<const T extends string>(values: readonly T[]): TextRule<T> {
  return {
    accepted: `one of ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text.trim()),
  };
}

/** A text of one line; what cannot be seen in it could steer a terminal or a mail. */
export function line(charactersMax: number, what = 'a text'): TextRule<string> {
  return {
    accepted: `${what} of 1 to ${charactersMax} characters on one line`,
    parse: (text) => {
      const isFit = text.trim() !== '' && text.length <= charactersMax && !/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(text);
      return isFit ? text : undefined;
    },
  };
}

/** Any text, as spans may have it; a name may be empty. */
export function anyText(charactersMax: number): TextRule<string> {
  return {
    accepted: `a text of at most ${charactersMax} characters`,
    parse: (given) => (given.length <= charactersMax ? given : undefined),
  };
}

/** Requests a second: `100/s`, `30/m`, or a number alone. */
export const RATE: TextRule<number> = {
  accepted: 'a rate above 0 such as 100/s, 30/m or 10/h',
  parse: (given) => {
    const [, digits = '', unit = 's'] = /^(\d{1,12}(?:\.\d{1,9})?)(?:\s?\/\s?(s|m|h))?$/.exec(given.trim()) ?? [];
    const rate = digits === '' ? 0 : (Number(digits) * SECOND_MS) / UNITS_MS[unit]!;
    return rate > 0 ? rate : undefined;
  },
};

/** `2%`, `0.5 %`, `0.02`. */
export const SHARE: TextRule<number> = {
  accepted: 'a share above 0 and below 1 such as 2% or 0.02',
  parse: (given) => {
    const [, digits = '', percent = ''] = /^(\d{0,3}(?:\.\d{1,9})?)\s?(%?)$/.exec(given.trim()) ?? [];
    const share = digits === '' ? 0 : Number(digits) / (percent === '' ? 1 : 100);
    return share > 0 && share < 1 ? share : undefined;
  },
};

/** `0.95`, `p95`, `p99.9`. */
export const QUANTILE: TextRule<number> = {
  accepted: 'a quantile from 0.5 to 0.999 such as p95 or 0.95',
  parse: (given) => {
    const [, percent] = /^p(\d{2}(?:\.\d{1,3})?)$/.exec(given.trim()) ?? [];
    const value =
      percent === undefined
        ? /^0\.\d{1,6}$/.test(given.trim())
          ? Number(given)
          : 0
        : Number((Number(percent) / 100).toFixed(6));
    return value >= 0.5 && value <= 0.999 ? value : undefined;
  },
};

/** A moment such as `2026-12-01T08:00:00Z`; with a zone, because the collector's is nobody's. */
export const MOMENT: TextRule<number> = {
  accepted: 'a time with its zone such as 2026-12-01T08:00:00Z',
  parse: (given) => {
    const isMoment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/.test(given.trim());
    const ms = isMoment ? Date.parse(given.trim()) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  },
};

export const WEB_ADDRESS: TextRule<string> = {
  accepted: 'an http or https URL without user and password',
  parse: (given) => {
    const url = URL.canParse(given) ? new URL(given) : null;
    const isWeb = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
    return isWeb && url.username === '' && url.password === '' && given.length <= 2_000 ? url.href : undefined;
  },
};

/** Of a channel: it is in metrics. */
export const CHANNEL_NAME = /^[\w.-]{1,64}$/;

/** `ops@example.com`, or with a name: `Throughline <alerts@example.com>`. */
export const MAIL_ADDRESS: TextRule<string> = {
  accepted: 'one mail address such as ops@example.com or Ops <ops@example.com>',
  parse: (given) => {
    const address = given.trim();
    const [, name = '', inner = address] = /^([^<>"\\,;:@[\]()\p{Cc}]{0,100})<([^<>]*)>$/u.exec(address) ?? [];
    const isAddress = /^[^\s@<>()[\]\\,;:"\p{Cc}]{1,64}@[^\s@<>()[\]\\,;:"\p{Cc}]{1,253}$/u.test(inner);
    return isAddress ? (name.trim() === '' ? inner : `${name.trim()} <${inner}>`) : undefined;
  },
};

export const HOST: TextRule<string> = {
  accepted: 'a host name or an IP address',
  parse: (given) => (/^[\w.:-]{1,253}$/.test(given.trim()) ? given.trim() : undefined),
};

/** Of a request, as RFC 9110 has it. */
export const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]{1,100}$/;

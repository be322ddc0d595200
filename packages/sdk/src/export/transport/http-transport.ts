import { runWith } from '../../context/active-store.ts';
import { SUPPRESSED_CONTEXT } from '../../context/active-context.ts';
import { errorMessage } from '../../span/exception.ts';
import { property } from '../../runtime/property.ts';
import { shownError } from '../../runtime/shown.ts';
import { VERSION } from '../../runtime/version.ts';
import type { Compressor } from './compression.ts';
import type { PostResult } from './post-result.ts';
import { basicAuthorization } from './route.ts';

/** Posts bodies to one address. */
export interface HttpTransport {
  /** Never rejects. When it resolves, `body` is not read any more. */
  post(body: Uint8Array): Promise<PostResult>;
  /** Posts all of them while the process is blocked; returns their statuses, 0 where there was none in time. */
  postBlocking(bodies: readonly Uint8Array[], timeoutMs: number): readonly number[];
  /** When something last ended that had been given up before, as `performance.now()`. */
  readonly lastEndedAtMs?: number;
  /** Aborts what is under way. */
  abort(): void;
  close(): void;
}

/** When a connection has been silent so long, the system begins to look whether the other side is still there. */
export const KEEP_ALIVE_AFTER_MS = 30_000;

/** Where a request ends is for us to say. */
const FRAMING_HEADERS: ReadonlySet<string> = new Set(['connection', 'content-length', 'expect', 'transfer-encoding']);

/** OTLP wants exporters to name themselves. */
const USER_AGENT = `Throughline-OTLP-Exporter-Node/${VERSION}`;

export interface RequestHeaders {
  /** Those of the application beside our own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compressor: Compressor | undefined;
}

/** The headers of each request to `url` but those of its way and its length, in lower case. */
export function requestHeaders(url: URL, { headers, contentType, compressor }: RequestHeaders): Record<string, string> {
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const authorization = basicAuthorization(url);
  return {
    'user-agent': USER_AGENT,
    ...(authorization === undefined ? {} : { authorization }),
    ...Object.fromEntries(given.filter(([name]) => !FRAMING_HEADERS.has(name))),
    'content-type': contentType,
    ...(compressor === undefined ? {} : { 'content-encoding': compressor.contentEncoding }),
  };
}

/** Compresses, and hands over to `send`, with nothing traced of either; whatever fails is a result. */
export async function postCompressed(
  body: Uint8Array,
  compressor: Compressor | undefined,
  send: (body: Uint8Array) => Promise<PostResult>,
): Promise<PostResult> {
  return await runWith(SUPPRESSED_CONTEXT, async () => {
    try {
      return await send(compressor === undefined ? body : await compressor.compress(body));
    } catch (error) {
      return failedPost(error);
    }
  });
}

const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** On a kept connection a server says so of the time in which no request came, and closes it. */
export const REQUEST_TIMEOUT = 408;

/** A connection that ends with one of these was closed by the other side. */
export const CLOSED_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** What became of a request that `error` ended. */
export function failedPost(error: unknown): PostResult & { readonly kind: 'failed' } {
  return {
    kind: 'failed',
    message: connectionMessage(error),
    isUnreachable: UNREACHABLE_CODES.has(String(property(error, 'code'))),
  };
}

/**
 * What kept a request from being made. A name with several addresses fails with an error of each, and none of its own.
 */
export function connectionMessage(error: unknown): string {
  const errors = property(error, 'errors');
  const parts = Array.isArray(errors) ? errors.map(errorMessage).filter((text) => text !== '') : [];
  return errorMessage(error) || parts.join('; ') || shownError(error);
}

/** The milliseconds of a Retry-After header, which has seconds or a date; `undefined` when it has neither. */
export function retryAfterMs(header: string | undefined, nowUnixMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  // JavaScript takes much for a date that RFC 9110's three forms, which begin with a weekday, are not.
  const at = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(header.trim()) ? Date.parse(header) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowUnixMs);
}

import { partNamedIn } from './damage-signs.ts';
import { EngineError } from './engine.ts';

/**
 * Errors of ClickHouse that can be the fault of the data: a text, number or date that cannot be read (6, 26, 27, 38,
 * 41, 72, 467), a file that ends early (32, 33), a type that there is not (50, 62), other columns than the table's (8,
 * 10, 16, 20, 228), columns of other lengths (9, 190), a value that is wrong, too large or beyond its type (44, 53, 69,
 * 70, 117, 128, 131, 248, 321, 349). Any of them can have another cause as well, such as a table that somebody has
 * changed, so that each is believed only while the store takes other data.
 */
const DATA_ERRORS = new Set([
  6, 8, 9, 10, 16, 20, 26, 27, 32, 33, 38, 41, 44, 50, 53, 62, 69, 70, 72, 117, 128, 131, 190, 228, 248, 321, 349, 467,
]);

/**
 * Whether a failed insert may be the fault of what was inserted. Everything else is the store's, and passes or is
 * mended: also what has the code of a data error where the store was read, which the comparison of a segment in doubt
 * does.
 */
export function isDataError(error: unknown): boolean {
  return error instanceof EngineError && DATA_ERRORS.has(error.clickhouseCode) && !isAboutStore(error);
}

function isAboutStore(error: EngineError): boolean {
  return error.isAboutStore || partNamedIn(error.message) !== null;
}

const LOGIN = 'check the user and the password of --store';

const ADVICE: Readonly<Record<number, string>> = {
  60: 'the database has no such table: check that --store names the right server, and restart the collector to create its tables',
  81: 'the database is missing: check that --store names the right server, and restart the collector to create its tables',
  164: 'the user of --store may only read: grant it INSERT',
  173: 'the server has no memory or threads to spare: check its load and limits',
  192: LOGIN,
  193: LOGIN,
  194: LOGIN,
  201: "the user's quota is used up: raise it, or wait for the next interval",
  202: 'the server runs too many queries: raise max_concurrent_queries, or lower its load',
  225: 'the server cannot reach Keeper: check Keeper',
  236: 'the server is shutting down: wait until it is back',
  241: 'the store has no memory to spare: raise engine.memoryBytesMax, or the limits of the server',
  242: 'the table is read-only: check Keeper and the disks of the server',
  243: 'the disk of the store is full: free space on it, or shorten the retention',
  252: 'the table has too many parts: merging has fallen behind; check the load and the disks of the server',
  285: 'too few servers of the cluster are up: what collectors note has to be on a majority of all its servers; bring one back',
  319: 'the server cannot reach Keeper: check Keeper',
  439: 'the server cannot start a thread: check its limits',
  497: 'the user of --store lacks a privilege: grant it INSERT and SELECT on the database throughline, and CREATE TABLE and DROP TABLE unless --store-schema is external',
  516: LOGIN,
  999: 'the server cannot reach Keeper: check Keeper',
};

const HTTP_ADVICE: Readonly<Record<number, string>> = {
  401: 'check the user and the password of --store, and the proxy in front of the server',
  403: 'check what the proxy in front of the server allows',
  404: 'check the URL of --store, and the proxy in front of the server',
  407: 'check the proxy in front of the server',
  413: 'let the proxy in front of the server take larger bodies, or lower spool.segmentBytesMax',
  429: 'the proxy in front of the server limits requests: raise its limit',
};

/** What to do about an error of ClickHouse that has always the same reason; null for any other one. */
export function storeAdvice(error: unknown): string | null {
  if (!(error instanceof EngineError)) return null;
  const code = error.message.includes('No space left on device') ? 243 : error.clickhouseCode;
  return ADVICE[code] ?? null;
}

/** What to do about an insert that fails. */
export function insertAdvice(error: unknown): string {
  if (!(error instanceof EngineError)) return 'check the disk of the collector';
  const { message } = error;
  const known = storeAdvice(error);
  if (known !== null) return known;
  if (isAboutStore(error))
    return 'a part of the store is damaged or cannot be read: see /readyz and throughline check; the segment waits until the part is repaired or detached';
  if (isDataError(error))
    return 'see throughline spool list; the segment is quarantined in spool/rejected/ once the store has accepted others';
  const status = Number(/ responded with (\d{3})/.exec(message)?.[1] ?? 0);
  return HTTP_ADVICE[status] ?? 'check the log and the state of the store';
}

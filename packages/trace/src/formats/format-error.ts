/**
 * `not-text`: bytes that are no UTF-8 · `not-json`: text that is no JSON, nor JSON lines · `too-deep`: JSON of more
 * than 1,000 levels · `unknown-format`: JSON that is no trace in a known format · `no-span-readable`: a trace of which
 * no span can be read.
 */
export type TraceFormatErrorCode = 'not-text' | 'not-json' | 'too-deep' | 'unknown-format' | 'no-span-readable';

/**
 * What was given holds no trace that can be read. The message says why and where.
 *
 * @example
 * try {
 *   readTraces(text);
 * } catch (error) {
 *   if (error instanceof TraceFormatError) console.error(error.code, error.place, error.message);
 * }
 */
export class TraceFormatError extends Error {
  override readonly name = 'TraceFormatError';
  readonly code: TraceFormatErrorCode;
  /** `line 3, column 14`, or the path of a member: `data[0].spans[2]`; '' for all that was given. */
  readonly place: string;

  constructor(code: TraceFormatErrorCode, place: string, reason: string) {
    super(place === '' ? reason : `${place}: ${reason}`);
    this.code = code;
    this.place = place;
  }
}

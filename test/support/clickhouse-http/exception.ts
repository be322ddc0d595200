/** An error as ClickHouse has it: a number with a name. */
export class ClickHouseException extends Error {
  override readonly name = 'ClickHouseException';
  readonly code: number;
  /** `Code: N. DB::Exception: … (NAME)`, without the version, which the server adds. */
  readonly text: string;

  private constructor(code: number, text: string) {
    super(text);
    this.code = code;
    this.text = text;
  }

  static of(code: keyof typeof NAMES, message: string): ClickHouseException {
    return new ClickHouseException(code, `Code: ${code}. DB::Exception: ${message}. (${NAMES[code]})`);
  }

  /** The engine says code and name itself. */
  static ofEngine(code: number, text: string): ClickHouseException {
    return new ClickHouseException(code, text.trim());
  }

  /** The HTTP status that ClickHouse answers with where nothing has been sent yet. */
  get status(): number {
    return STATUS_OF_CODE.get(this.code) ?? 500;
  }
}

/** Those that the HTTP server says itself, or that a test makes it say. */
const NAMES = {
  36: 'BAD_ARGUMENTS',
  48: 'NOT_IMPLEMENTED',
  60: 'UNKNOWN_TABLE',
  62: 'SYNTAX_ERROR',
  78: 'UNKNOWN_TYPE_OF_QUERY',
  115: 'UNKNOWN_SETTING',
  159: 'TIMEOUT_EXCEEDED',
  164: 'READONLY',
  191: 'SET_SIZE_LIMIT_EXCEEDED',
  201: 'QUOTA_EXCEEDED',
  202: 'TOO_MANY_SIMULTANEOUS_QUERIES',
  203: 'NO_FREE_CONNECTION',
  209: 'SOCKET_TIMEOUT',
  210: 'NETWORK_ERROR',
  216: 'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
  236: 'ABORTED',
  241: 'MEMORY_LIMIT_EXCEEDED',
  242: 'TABLE_IS_READ_ONLY',
  243: 'NOT_ENOUGH_SPACE',
  252: 'TOO_MANY_PARTS',
  319: 'UNKNOWN_STATUS_OF_INSERT',
  344: 'INTO_OUTFILE_NOT_ALLOWED',
  354: 'ZLIB_INFLATE_FAILED',
  381: 'HTTP_LENGTH_REQUIRED',
  394: 'QUERY_WAS_CANCELLED',
  439: 'CANNOT_SCHEDULE_TASK',
  497: 'ACCESS_DENIED',
  516: 'AUTHENTICATION_FAILED',
  999: 'KEEPER_EXCEPTION',
  1000: 'POCO_EXCEPTION',
} as const;

export type KnownCode = keyof typeof NAMES;

const STATUS_OF_CODE = new Map<number, number>([
  // What the client did wrong.
  ...[6, 16, 25, 26, 27, 36, 38, 41, 43, 44, 53, 62, 72, 117, 167, 168, 407, 427, 441, 675, 676].map(
    (code) => [code, 400] as const,
  ),
  ...[192, 193, 497, 512, 516].map((code) => [code, 403] as const),
  // What there is not.
  ...[46, 47, 50, 56, 60, 63, 73, 78, 81, 82, 115, 511].map((code) => [code, 404] as const),
  [48, 501],
  [76, 503],
  [159, 408],
  [194, 401],
  [209, 503],
  [223, 413],
  [381, 411],
  [439, 503],
]);

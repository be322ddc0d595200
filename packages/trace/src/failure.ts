import { attributeText, findAttribute } from './attributes.ts';
import type { KeyValue, Span } from './otlp.ts';

/** What an errored span says about its error. */
export interface Failure {
  /**
   * `deadline`: it was given up (a timeout, an abort, a cancellation); `connection-lost`: the connection broke, for a
   * reason that this side does not know; `stated`: another reason is named; `unstated`: nothing is said.
   */
  readonly cause: 'deadline' | 'connection-lost' | 'stated' | 'unstated';
  /** `error.type`, else the type of the last exception, else the status of the answer; '' where none is there. */
  readonly type: string;
  /** The message of the last exception, else of the status; '' where neither is there. */
  readonly message: string;
}

/** Reads the attributes, the events and the status of a span whose status is ERROR. */
export function readFailure(span: Span): Failure {
  const { attributes } = span;
  const exception = span.events?.findLast((event) => event.name === 'exception')?.attributes;
  const exceptionType = text(exception, 'exception.type');
  const answers = readAnswers(span);
  const type = text(attributes, 'error.type') || exceptionType || (answers.find(isFailure) ?? '');
  const message = text(exception, 'exception.message') || (span.status?.message ?? '');
  return { cause: causeOf([type, exceptionType], message, answers), type, message };
}

function causeOf(types: readonly string[], message: string, answers: readonly string[]): Failure['cause'] {
  const names = [...types, ...answers];
  if (names.some((name) => GIVEN_UP_CODES.has(name)) || types.some(isGivenUpType)) return 'deadline';
  // An answer has come: whatever its message quotes, this side did not give up, and the connection held.
  if (answers.length > 0) return 'stated';
  if (types.some((type) => LOST_TYPES.has(type)) || LOST_MESSAGE.test(message)) return 'connection-lost';
  // A name such as TransactionAbortedException says more than its message, which may quote anything.
  if (types.some((type) => !isGeneric(type))) return 'stated';
  if (GIVEN_UP_MESSAGE.test(message)) return 'deadline';
  return VAGUE_MESSAGE.test(message) ? 'unstated' : 'stated';
}

function isGeneric(type: string): boolean {
  return type === '' || GENERIC_TYPES.has(type);
}

function isGivenUpType(type: string): boolean {
  // Without the package or module that it is declared in.
  return GIVEN_UP_TYPE.test(type.slice(type.search(/[^.:$/]*$/)));
}

/** Whether a message says that time was up, or the operation aborted, and nothing else. */
export function isBareTimeoutMessage(message: string): boolean {
  return BARE_TIMEOUT_MESSAGE.test(message);
}

/** Whether a span's reason is another one than that of a span below it, and no mere wrapping of it. */
export function isOwnReason(own: Failure, below: Failure): boolean {
  if (!VAGUE_MESSAGE.test(own.message)) {
    if (below.message === '') return below.type === '' || !own.message.includes(below.type);
    return !own.message.includes(below.message) && !below.message.includes(own.message);
  }
  const isStatus = /^(gRPC )?\d+$/.test(own.type);
  return !isGeneric(own.type) && !isStatus && own.type !== below.type;
}

/** Whether a server span tells that its answer was a failure, be it the client's fault or its own. */
export function answeredWithFailure(span: Span): boolean {
  return readAnswers(span).some(isFailure);
}

/** Durations that people set as timeouts, in milliseconds. Shorter ones are too often a matter of chance. */
const ROUND_MS = [
  500, 600, 750, 800, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 7_500, 8_000, 10_000, 12_000, 15_000,
  20_000, 25_000, 30_000, 40_000, 45_000, 50_000, 60_000, 90_000, 120_000, 180_000, 240_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000,
];

/** Whether a duration is what a timer set to a round time makes: hardly early, and a little late. */
export function isNearRound(durationNs: number): boolean {
  const ms = durationNs / 1e6;
  return ROUND_MS.some((round) => ms >= round - 1 && ms <= round + Math.max(5, round * 0.005));
}

/**
 * Types whose whole name says that somebody stopped waiting. `Aborted` and `Cancelled` alone, or with a subject, are not
 * among them: transactions are aborted and orders cancelled for reasons of their own.
 */
const GIVEN_UP_TYPE =
  /time[-_ ]?d?[-_ ]?out|deadline[-_ ]?exceeded|^abort[-_ ]?err(or)?$|^err_cancell?ed$|^(task|operation|request)?[-_ ]?cancell?(ed|ation)(error|exception)$/i;

const GIVEN_UP_MESSAGE =
  /time[-_ ]?d?[-_ ]?out\b|deadline[-_ ]?(was |has been )?exceeded|(this|the) (operation|request|call) (was|has been) (aborted|cancell?ed)\b(?! by)|aborted a request|signal (is|was) aborted|context cancell?ed|^(aborted|cancell?ed)\.?$/i;

const BARE_TIMEOUT_MESSAGE =
  /^((this|the) )?((operation|request|call|connection|context) )?((was|has been|is) )?(time[-_ ]?d?[-_ ]?out|deadline[-_ ]?exceeded|aborted|cancell?ed)( due to (a )?timeout)?\.?$/i;

/** Names for a connection that ended in the middle, which says nothing of why. */
const LOST_TYPES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
const LOST_MESSAGE = /^(socket hang up|fetch failed|other side closed|terminated|(read |write )?(ECONNRESET|EPIPE))$/i;

/** Words that any failure could be told with. */
const VAGUE_MESSAGE = /^((an? )?(unknown|unexpected|internal)? ?(server )?(error|failure)|(request )?failed)?\.?$/i;

/** HTTP 408, 499 and 504; the same for gRPC, by number and by name; PostgreSQL's query_canceled. */
const GIVEN_UP_CODES: ReadonlySet<string> = new Set([
  '408',
  '499',
  '504',
  'gRPC 1',
  'gRPC 4',
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  '57014',
]);

const GENERIC_TYPES: ReadonlySet<string> = new Set(['_OTHER', 'Error', 'error', 'Exception', 'java.lang.Exception']);

const GRPC_STATUS_KEY = 'rpc.grpc.status_code';

const ANSWER_KEYS = [
  'http.response.status_code',
  'http.status_code',
  'rpc.response.status_code',
  GRPC_STATUS_KEY,
] as const;

/** The status codes of the answer: HTTP's as they are, gRPC's by name or as `gRPC 4`, since a bare 4 says nothing. */
function readAnswers(span: Span): string[] {
  return ANSWER_KEYS.flatMap((key) => {
    const code = text(span.attributes, key);
    if (code === '') return [];
    return [key === GRPC_STATUS_KEY ? `gRPC ${code}` : code];
  });
}

function isFailure(answer: string): boolean {
  const httpStatus = Number(answer);
  return Number.isNaN(httpStatus) ? answer !== 'OK' && answer !== 'gRPC 0' : httpStatus >= 400;
}

function text(attributes: readonly KeyValue[] | undefined, key: string): string {
  return attributeText(findAttribute(attributes, key));
}

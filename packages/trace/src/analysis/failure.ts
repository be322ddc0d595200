import { attributeText, findAttribute, KeySet } from '../attributes.ts';
import { type KeyValue, type Span, SpanKind, StatusCode } from '../otlp.ts';

/** What a failed span states about its failure. */
export interface Failure {
  /**
   * `timeout`: its time was up · `cancelled`: somebody had no use for it any more · `connection-lost`: the connection
   * broke, for a reason that this side does not know · `stated`: another reason is named · `unstated`: nothing is said.
   */
  readonly cause: 'timeout' | 'cancelled' | 'connection-lost' | 'stated' | 'unstated';
  /** `error.type`, else the type of the last exception, else the status of the response; '' where none is there. */
  readonly type: string;
  /** The message of the last exception, else of the status; '' where neither is there. */
  readonly message: string;
}

/** Reads the attributes, the events and the status of a failed span. */
export function readFailure(span: Span): Failure {
  const { attributes } = span;
  const exception = findException(span);
  const exceptionType = text(exception, 'exception.type');
  const answers = answersOf(span);
  const type = text(attributes, 'error.type') || exceptionType || (answers.find(isFailure) ?? '');
  const message = text(exception, 'exception.message') || (span.status?.message ?? '');
  return { cause: causeOf(span, [type, exceptionType], message, answers), type, message };
}

function findException(span: Span): readonly KeyValue[] | undefined {
  return span.events?.findLast((event) => event.name === 'exception')?.attributes;
}

function causeOf(span: Span, types: readonly string[], message: string, answers: readonly string[]): Failure['cause'] {
  // The status of an HTTP response is all that some instrumentations give as the type.
  const names = [...types, ...answers];
  const isClient = span.kind === SpanKind.client;
  // A caller with a response did not time out: 504 and 408 are about the side that sent it.
  if (isClient && names.some((name) => HTTP_FAILURE.test(name))) return 'stated';
  if (types.some((type) => isNamed(type, TIMEOUT_TYPE))) return 'timeout';
  // In capitals it is gRPC's word for a conflict.
  const isAborted = types.includes('aborted');
  if (isAborted || types.some((type) => isNamed(type, CANCELLED_TYPE)))
    return isTimeoutMessage(message) ? 'timeout' : 'cancelled';
  if (names.some((name) => TIMEOUT_CODES.has(name))) return CANCELLED_MESSAGE.test(message) ? 'cancelled' : 'timeout';
  if (names.some((name) => CANCELLED_CODES.has(name))) return isTimeoutMessage(message) ? 'timeout' : 'cancelled';
  if (isUnanswered(span)) return 'cancelled';
  // A response has come: whatever its message quotes, this side did not time out, and the connection held.
  if (answers.some(isFailure)) return 'stated';
  if (types.some((type) => LOST_TYPES.has(type)) || LOST_MESSAGE.test(message)) return 'connection-lost';
  // A name such as TransactionAbortedException says more than its message, which may quote anything.
  if (types.some((type) => !isGeneric(type))) return 'stated';
  if (isTimeoutMessage(message)) return 'timeout';
  if (CANCELLED_MESSAGE.test(message)) return 'cancelled';
  return VAGUE_MESSAGE.test(message) && types.every((type) => !isTransport(type)) ? 'unstated' : 'stated';
}

function isGeneric(type: string): boolean {
  return type === '' || GENERIC_TYPES.has(type) || isTransport(type);
}

function isTransport(type: string): boolean {
  return isNamed(type, TRANSPORT_TYPE);
}

/** Without the package or module that it is declared in. */
function isNamed(type: string, pattern: RegExp): boolean {
  return type !== '' && pattern.test(type.slice(type.search(/[^.:$/\\*]*$/)));
}

/** Whether a message says that time was up, with whatever other words. */
export function isTimeoutMessage(message: string): boolean {
  return TIMEOUT_MESSAGE.test(message);
}

/** Whether a message says that time was up, or the operation aborted, and nothing else. */
export function isBareTimeoutMessage(message: string): boolean {
  return BARE_TIMEOUT_MESSAGE.test(message);
}

/** Whether a message could be that of any failure, or only says that another one was passed on. */
export function isVagueMessage(message: string): boolean {
  return VAGUE_MESSAGE.test(message) || PASSED_ON_MESSAGE.test(message) || TRIED_MESSAGE.test(message);
}

/** Whether a type says anything: what went wrong, or the status of a response. */
export function isSayingType(type: string): boolean {
  return isTellingType(type) || isStatus(type) || isTransport(type);
}

/** Whether a type is the name of a failure, and no mere status or a word that fits all of them. */
export function isTellingType(type: string): boolean {
  return !isGeneric(type) && !isStatus(type);
}

function isStatus(type: string): boolean {
  return /^(gRPC )?\d+$/.test(type);
}

/**
 * Whether a span's reason is another one than that of a span below it, and no mere wrapping of it: `message` where it
 * has words of its own, `type` where only the name differs.
 * @param span that of `own`, whose stack trace may name the cause.
 * @param names of the span below: who names it speaks of its failure.
 */
export function ownReason(span: Span, own: Failure, below: Failure, names: readonly string[]): 'message' | 'type' | '' {
  if (isVagueMessage(own.message)) {
    return isTellingType(own.type) && own.type !== below.type ? 'type' : '';
  }
  const said = `${own.message}\n${text(findException(span), 'exception.stacktrace')}`;
  if (isTellingType(below.type) && said.includes(below.type)) return '';
  if (isStatus(below.type) && own.message.includes(below.type)) return '';
  if (below.message !== '' && (said.includes(below.message) || below.message.includes(own.message))) return '';
  const words = own.message.toLowerCase();
  return names.some((name) => name.length > 2 && words.includes(name.toLowerCase())) ? '' : 'message';
}

/** Whether a client span had no response although nothing failed: its application cancelled the request. */
export function isUnanswered(span: Span): boolean {
  if (span.kind !== SpanKind.client || span.status?.code === StatusCode.error) return false;
  const { attributes } = span;
  // In this order most spans are done with after the first: they have a response.
  if (text(attributes, 'http.response.status_code') !== '') return false;
  return text(attributes, 'http.request.method') !== '' && text(attributes, 'url.full') !== '';
}

/** Whether a server span shows that its caller disconnected before it could respond. */
export function lostItsCaller(span: Span): boolean {
  return answersOf(span).some((answer) => CANCELLED_CODES.has(answer));
}

/** Whether a server span shows that its response was a failure, be it the client's fault or its own. */
export function answeredWithFailure(span: Span): boolean {
  return answersOf(span).some(isFailure);
}

/** Durations that people set as timeouts, in milliseconds. Shorter ones are too often a matter of chance. */
const ROUND_MS = [
  500, 600, 750, 800, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 7_500, 8_000, 10_000, 12_000, 15_000,
  20_000, 25_000, 30_000, 40_000, 45_000, 50_000, 60_000, 90_000, 120_000, 180_000, 240_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000,
];

/**
 * The round time, in milliseconds, that a timer would have been set to which ends just so: hardly early, a little late;
 * 0 for none.
 */
export function nearestRoundMs(durationNs: number): number {
  const ms = durationNs / 1e6;
  return ROUND_MS.find((round) => ms >= round - 1 && ms <= round + Math.max(5, round * 0.005)) ?? 0;
}

/** Types whose whole name says that time was up. */
const TIMEOUT_TYPE = /time[-_ ]?d?[-_ ]?out|deadline[-_ ]?exceeded/i;

/**
 * Types whose whole name says that somebody stopped waiting. `Aborted` and `Cancelled` alone, or with a subject, are
 * not among them: transactions are aborted and orders cancelled for reasons of their own.
 */
const CANCELLED_TYPE =
  /^abort[-_ ]?err(or)?$|^err_cancell?ed$|^(task|operation|request|query|job)?[-_ ]?cancell?(ed|ation)(error|exception)?$/i;

/** Says that time was up; one that only speaks of a timeout, as of a setting, is none. */
const TIMEOUT_MESSAGE = new RegExp(
  [
    String.raw`time[-_ ]?d[-_ ]?out\b`,
    String.raw`\btime-?out (of .{1,40} )?(period )?(exceeded|elapsed|elapsing|expired|reached|error)`,
    String.raw`(due to|because of|after|by|hit) (an? |the )?([\w-]+ )?time-?out`,
    String.raw`\b(read|write|connect|connection|request|response|query|statement|headers|body|socket|i\/o|gateway|idle|operation|pool|acquire|upstream|client) time-?out\b`,
    String.raw`\bE(SOCKET)?TIMEDOUT\b`,
    String.raw`deadline[-_ ]?((was|has been) )?(exceeded|elapsed|expired)`,
    String.raw`^time-?out\.?$`,
  ].join('|'),
  'i',
);

const CANCELLED_MESSAGE =
  /(this|the|a|an) (operation|request|call|task|query) (was|has been) (aborted|cancell?ed)\b(?! by)|aborted a request|signal (is|was) aborted|context cancell?ed|client (has )?(disconnected|closed (the )?(request|connection))|due to user request|^(CANCELLED|aborted|cancell?ed)\b\.?:?$/i;

const BARE_TIMEOUT_MESSAGE =
  /^((this|the|a) )?((operation|request|call|connection|context|signal|task|read|query) )?((was|has been|is) )?(time[-_ ]?d?[-_ ]?out|deadline[-_ ]?exceeded|aborted|cancell?ed)( due to (a )?timeout)?\.?$/i;

/** Names for a connection that ended in the middle, which says nothing of why. */
const LOST_TYPES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
const LOST_MESSAGE = /^(socket hang up|fetch failed|other side closed|terminated|(read |write )?(ECONNRESET|EPIPE))$/i;

/** Words that fit any failure, among them the names of HTTP's statuses. */
const VAGUE_MESSAGE =
  /^((an? )?(unknown|unexpected|internal)?[ _]?(server )?(error|failure)( occurred)?|(request |fetch )?failed|bad gateway|service unavailable|gateway time-?out|not found|bad request|forbidden|unauthorized)?\.?$/i;

/** What a caller makes of the status of a response. */
const PASSED_ON_MESSAGE =
  /^(the )?(request|call|http|response|server|upstream|remote)?[\w ,:()]{0,40}\b(status|code|http|error)( code)?[ :=]*\(?[1-5]\d\d\)?\b[\w ()]{0,30}\.?$|^[1-5]\d\d( [\w ]{0,30})?(\b.{0,10}for url: .*)?$/i;

/** What is said after the last of several attempts, each of which says why it failed. */
const TRIED_MESSAGE =
  /^.{0,40}\b((after|all) (\d+ )?(attempts|retries|tries)\b.{0,20}|(max(imum)? )?(attempts|retries)( limit)? (exhausted|exceeded|reached))\.?$/i;

const HTTP_FAILURE = /^[45]\d\d$/;

/**
 * HTTP 408 and 504; the same for gRPC, by number and by name; PostgreSQL's query_canceled, mostly its statement
 * timeout.
 */
const TIMEOUT_CODES: ReadonlySet<string> = new Set(['408', '504', 'gRPC 4', 'DEADLINE_EXCEEDED', '57014']);

/** HTTP 499, and gRPC's by number and by name. */
const CANCELLED_CODES: ReadonlySet<string> = new Set(['499', 'gRPC 1', 'CANCELLED']);

const GENERIC_TYPES: ReadonlySet<string> = new Set([
  '_OTHER',
  'Error',
  'error',
  'Exception',
  'java.lang.Exception',
  'DOMException',
]);

/** Types that say which library speaks, and leave the rest to their message. */
const TRANSPORT_TYPE =
  /^(connect(ion)?(error|exception)|(http)?request(error|exception)|(http)?client(error|exception)|axioserror|fetcherror|urlerror|ioexception|oserror|operr(or)?|(sql|psql|db|dbapi|database|mongo|mongodb|redis|mysql|postgres|operational|query)(failed)?(error|exception)|statusruntimeexception|(_inactive)?rpcerror|errorstring|wraperror)$/i;

const GRPC_STATUS_KEY = 'rpc.grpc.status_code';

const CODE_KEYS = new KeySet(
  'http.response.status_code',
  'http.status_code',
  'rpc.response.status_code',
  GRPC_STATUS_KEY,
);

/** The status codes of the response: HTTP's as they are, gRPC's by name or as `gRPC 4`, since a bare 4 says nothing. */
export function answersOf({ attributes }: Span): string[] {
  const answers: string[] = [];
  for (const { key, value } of attributes ?? []) {
    if (!CODE_KEYS.has(key)) continue;
    const code = attributeText(value);
    if (code !== '') answers.push(key === GRPC_STATUS_KEY ? `gRPC ${code}` : code);
  }
  return answers;
}

function isFailure(answer: string): boolean {
  const httpStatus = Number(answer);
  return Number.isNaN(httpStatus) ? answer !== 'OK' && answer !== 'gRPC 0' : httpStatus >= 400;
}

function text(attributes: readonly KeyValue[] | undefined, key: string): string {
  return attributeText(findAttribute(attributes, key));
}

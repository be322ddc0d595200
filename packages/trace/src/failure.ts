import { attributeText, findAttribute } from './attributes.ts';
import type { KeyValue, Span } from './otlp.ts';

/** What an errored span says about its error. */
export interface Failure {
  /**
   * `deadline`: it was given up (a timeout, an abort, a cancellation); `stated`: another reason is named;
   * `unstated`: nothing is said that would tell the two apart.
   */
  readonly cause: 'deadline' | 'stated' | 'unstated';
  /** `error.type`, else the type of the last exception, else the status of the answer; '' where none is there. */
  readonly type: string;
  /** The message of the last exception, else of the status; '' where neither is there. */
  readonly message: string;
  /** Whether the callee's answer has been received, so that nobody gave up waiting for it. */
  readonly answered: boolean;
}

/** Reads the attributes, the events and the status of a span whose status is ERROR. */
export function readFailure(span: Span): Failure {
  const { attributes } = span;
  const exception = span.events?.findLast((event) => event.name === 'exception')?.attributes;
  const exceptionType = text(exception, 'exception.type');
  const answers = readAnswers(span);
  const type = text(attributes, 'error.type') || exceptionType || (answers.find(isFailure) ?? '');
  const message = text(exception, 'exception.message') || (span.status?.message ?? '');
  const given = answers.some((answer) => GIVEN_UP_CODES.has(answer));
  const answered = answers.length > 0 && !given;

  const names = [type, exceptionType];
  const named = names.some((name) => GIVEN_UP_WORDS.test(name) || GIVEN_UP_CODES.has(name));
  if (given || named) return { cause: 'deadline', type, message, answered };
  const stated = answered || names.some((name) => name !== '' && !GENERIC_TYPES.has(name));
  if (stated) return { cause: 'stated', type, message, answered };
  return { cause: GIVEN_UP_WORDS.test(message) ? 'deadline' : 'unstated', type, message, answered };
}

/** Whether a server span tells that its answer was a failure, be it the client's fault or its own. */
export function answeredWithFailure(span: Span): boolean {
  return readAnswers(span).some(isFailure);
}

/** Durations that people set as timeouts, in milliseconds. */
const ROUND_MS = [
  100, 150, 200, 250, 300, 400, 500, 600, 750, 800, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 7_500,
  8_000, 10_000, 12_000, 15_000, 20_000, 25_000, 30_000, 40_000, 45_000, 50_000, 60_000, 90_000, 120_000, 180_000,
  240_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
];

/** Whether a duration is what a timer set to a round time makes: hardly early, and late by what a busy process needs. */
export function isNearRound(durationNs: number): boolean {
  const ms = durationNs / 1e6;
  return ROUND_MS.some((round) => ms >= round * 0.998 && ms <= round * 1.02);
}

const GIVEN_UP_WORDS = /time[-_ ]?d?[-_ ]?out|deadline|abort|cancell?ed|cancell?ation/i;

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

import { field, isCount, shown } from '../json-value.ts';
import type { ExchangeMessage, ReportedOperation, Total } from './exchange-message.ts';

export interface ExchangeLimits {
  /** Operations of one message. */
  readonly messageOperationsMax: number;
  /** Totals of one message. */
  readonly messageTotalsMax: number;
  /** Of a service, an instance or an operation. */
  readonly nameCharactersMax: number;
}

export const EXCHANGE_VERSION = 1;
const KIND_MAX = 4;
const STATUS_MAX = 2;
/** Scale 3 has eight buckets an octave; durations have 63 bits. */
const BUCKET_MAX = 8 * 63 - 1;
/** Of one total: 10,000 a second for 30 years. Sums of such stay whole numbers. */
const REQUESTS_MAX = 1e13;
const WINDOW_MS_MAX = 24 * 3_600_000;

/** Returns the message that a body holds, or in words why it is rejected. */
export function readMessage(body: Uint8Array, limits: ExchangeLimits): ExchangeMessage | string {
  const isName = (value: unknown): value is string => isText(value, limits) && value !== '';
  let given: unknown;
  try {
    given = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return 'the body is no JSON';
  }
  const version = field(given, 'version');
  if (version !== EXCHANGE_VERSION) return `version is ${shown(version)}; ${EXCHANGE_VERSION} is accepted`;
  const service = field(given, 'service');
  if (!isName(service)) return `service is ${shown(service)}; a text that is not empty is accepted`;
  const instance = field(given, 'instance');
  if (!isName(instance)) return `instance is ${shown(instance)}; a text that is not empty is accepted`;
  const windowMs = field(given, 'windowMs');
  if (!isCount(windowMs) || windowMs > WINDOW_MS_MAX)
    return `windowMs is ${shown(windowMs)}; milliseconds are accepted`;
  const uptimeMs = field(given, 'uptimeMs');
  if (uptimeMs !== undefined && !isCount(uptimeMs)) return `uptimeMs is ${shown(uptimeMs)}; milliseconds are accepted`;
  const operations = field(given, 'operations');
  if (!Array.isArray(operations) || operations.length > limits.messageOperationsMax) {
    return `operations is no list of at most ${limits.messageOperationsMax}`;
  }
  const read: ReportedOperation[] = [];
  const totals: Total[] = [];
  const told = new Set<string>();
  for (const [i, operation] of (operations as unknown[]).entries()) {
    const one = readOperation(operation, limits);
    if (one === undefined) {
      return `operations[${i}] is ${shown(operation)}; a name, a kind from 0 to ${KIND_MAX} and counts are accepted`;
    }
    const key = `${one.kind} ${one.name}`;
    if (told.has(key)) return `operations[${i}] tells of ${shown(one.name)} a second time`;
    told.add(key);
    const ofOperation = readTotals(field(operation, 'totals'), one, limits.messageTotalsMax - totals.length, limits);
    if (typeof ofOperation === 'string') return `operations[${i}].totals${ofOperation}`;
    for (const total of ofOperation) totals.push(total);
    read.push({ ...one, endNames: ofOperation.map((total) => total.name) });
  }
  return { service, instance, windowMs, uptimeMs, operations: read, totals };
}

type ReadOperation = Omit<ReportedOperation, 'endNames'>;

function readOperation(given: unknown, limits: ExchangeLimits): ReadOperation | undefined {
  const name = field(given, 'name');
  const kind = field(given, 'kind');
  const recent = field(given, 'recent');
  if (!isText(name, limits) || !isCount(kind) || kind > KIND_MAX) return undefined;
  const [started, decided, requests, errors] = ['started', 'decided', 'requests', 'errors'].map((count) =>
    field(recent, count),
  );
  if (!isCount(started) || !isCount(decided) || !isCount(requests) || !isCount(errors)) return undefined;
  if (decided > started || errors > requests) return undefined;
  return { name, kind, started, decided, requests, errors };
}

/** Or what is wrong with them, to be read behind their name. */
function readTotals(
  given: unknown,
  operation: ReadOperation,
  totalsMax: number,
  limits: ExchangeLimits,
): Total[] | string {
  if (given === undefined) return [];
  if (!Array.isArray(given)) return ` is ${shown(given)}; a list is accepted`;
  if (given.length > totalsMax) return ` are too many; a message may have ${limits.messageTotalsMax} of all operations`;
  const read: Total[] = [];
  const names = new Set<string>();
  for (const [i, total] of (given as unknown[]).entries()) {
    const one = readTotal(total, operation, limits);
    if (one === undefined) {
      return (
        `[${i}] is ${shown(total)}; accepted are a name, a status from 0 to ${STATUS_MAX}, requests up to ${REQUESTS_MAX}, durationSumNs, and ` +
        `durations with an offset from 0 and as many requests in their counts, in buckets up to ${BUCKET_MAX}`
      );
    }
    const key = `${one.status} ${one.name}`;
    if (names.has(key)) return `[${i}] tells of ${shown(one.name)} with status ${one.status} a second time`;
    names.add(key);
    read.push(one);
  }
  return read;
}

function readTotal(
  given: unknown,
  { name: startName, kind }: ReadOperation,
  limits: ExchangeLimits,
): Total | undefined {
  const name = field(given, 'name');
  const status = field(given, 'status');
  const requests = field(given, 'requests');
  const durationSumNs = field(given, 'durationSumNs');
  const offset = field(field(given, 'durations'), 'offset');
  const counts = field(field(given, 'durations'), 'counts');
  if (!isText(name, limits) || !isCount(status) || status > STATUS_MAX) return undefined;
  if (!isCount(requests) || requests > REQUESTS_MAX) return undefined;
  if (typeof durationSumNs !== 'number' || !(durationSumNs >= 0) || !Number.isFinite(durationSumNs)) return undefined;
  if (!isCount(offset) || !Array.isArray(counts) || offset + counts.length > BUCKET_MAX + 1) return undefined;
  if (!counts.every(isCount) || counts.reduce((sum, count) => sum + count, 0) !== requests) return undefined;
  return { startName, name, kind, status, requests, durationSumNs, offset, counts };
}

function isText(value: unknown, { nameCharactersMax }: ExchangeLimits): value is string {
  return typeof value === 'string' && value.length <= nameCharactersMax;
}

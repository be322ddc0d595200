import { field, isCount, shown } from './json.ts';

/** What a process tells: how much there was of each operation since its last message. */
export interface ExchangeReport {
  readonly service: string;
  /** Names the process, newly drawn at each start. */
  readonly instance: string;
  /** The time that `recent` counts cover. */
  readonly windowMs: number;
  readonly operations: readonly ReportedOperation[];
}

export interface ReportedOperation {
  /** The name that its spans start with. */
  readonly name: string;
  readonly kind: number;
  /** First spans that started here. */
  readonly started: number;
  /** Those of them that the SDK's policy decided, and not a caller. */
  readonly decided: number;
  readonly requests: number;
  readonly errors: number;
}

export const EXCHANGE_VERSION = 1;
export const EXCHANGE_LIMITS = { bodyBytesMax: 4 * 1024 * 1024, operationsMax: 2000, nameCharactersMax: 1024 } as const;
const KIND_MAX = 4;
const WINDOW_MS_MAX = 24 * 3_600_000;

/** The report that a body holds, or in words why it is refused. */
export function readReport(body: Uint8Array): ExchangeReport | string {
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
  const operations = field(given, 'operations');
  if (!Array.isArray(operations) || operations.length > EXCHANGE_LIMITS.operationsMax) {
    return `operations is no list of at most ${EXCHANGE_LIMITS.operationsMax}`;
  }
  const read: ReportedOperation[] = [];
  for (const [i, operation] of (operations as unknown[]).entries()) {
    const one = readOperation(operation);
    if (one === undefined) {
      return `operations[${i}] is ${shown(operation)}; a name, a kind from 0 to ${KIND_MAX} and counts are accepted`;
    }
    read.push(one);
  }
  return { service, instance, windowMs, operations: read };
}

function readOperation(given: unknown): ReportedOperation | undefined {
  const name = field(given, 'name');
  const kind = field(given, 'kind');
  const recent = field(given, 'recent');
  if (typeof name !== 'string' || name.length > EXCHANGE_LIMITS.nameCharactersMax) return undefined;
  if (!isCount(kind) || kind > KIND_MAX) return undefined;
  const [started, decided, requests, errors] = ['started', 'decided', 'requests', 'errors'].map((count) =>
    field(recent, count),
  );
  if (!isCount(started) || !isCount(decided) || !isCount(requests) || !isCount(errors)) return undefined;
  if (decided > started || errors > requests) return undefined;
  return { name, kind, started, decided, requests, errors };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= EXCHANGE_LIMITS.nameCharactersMax;
}

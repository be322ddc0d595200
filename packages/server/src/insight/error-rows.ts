import { StatusCode, type KeyValue } from '@throughline/trace';
import {
  errorGroupId,
  groupErrors,
  readFailure,
  type ErrorGroup,
  type FailedSpan,
  type FailureIdentity,
  type FailureKind,
} from '@throughline/trace/insight';
import type { NativeBlock } from '../query/native-columns.ts';
import { readNative } from '../query/native-reader.ts';
import { NO_PARENT } from '../query/span-reader.ts';
import { WEIGHT_SCALE } from './error-sql.ts';
import type { TimeWindow } from './window-slices.ts';

/** What the engine answered of failed spans, and which groups of them are wanted. */
export interface ErrorsJob {
  readonly question: 'errors';
  readonly window: TimeWindow;
  /** The failed spans of the window and of that before it, in ClickHouse's Native format. */
  readonly answers: readonly Uint8Array[];
  /** Share of the traces that was read. */
  readonly share: number;
  /** Null for all. */
  readonly service: string | null;
  readonly skip: number;
  readonly limit: number;
}

export interface ErrorGroupsPage {
  readonly groups: readonly ErrorGroup[];
  /** How many there are, of all pages. */
  readonly groupCount: number;
  /** Failed spans that were looked at. */
  readonly readSpanCount: number;
}

/** Groups what was read. */
export function errorGroupsOf({ window, answers, share, service, skip, limit }: ErrorsJob): ErrorGroupsPage {
  const read = new FailureReader();
  const spans = blocksOf(answers).flatMap((block) => read.spans(block));
  const groups = groupErrors({ ...window, spans, share });
  const wanted = service === null ? groups : groups.filter((group) => group.service === service);
  return { groups: wanted.slice(skip, skip + limit), groupCount: wanted.length, readSpanCount: spans.length };
}

/** What the engine answered of what failed earlier, in ClickHouse's Native format. */
export interface EarlierErrorsJob {
  readonly question: 'earlier-errors';
  readonly answers: readonly Uint8Array[];
  /** So many rows an answer may have: there it is cut, and what was seen last comes first. */
  readonly rowsMax: number;
}

export interface SeenEarlier {
  /** When failures of each group were seen first, by its ID. */
  readonly firstUnixNano: ReadonlyMap<string, bigint>;
  /** From here on every group that was seen is known; 0 where no answer was cut. */
  readonly completeFromUnixNano: bigint;
}

export function earlierErrorsOf({ answers, rowsMax }: EarlierErrorsJob): SeenEarlier {
  const read = new FailureReader();
  const seen = new Map<string, bigint>();
  let completeFromUnixNano = 0n;
  for (const answer of answers) {
    const rows = readNative(answer).flatMap((block) => read.earlier(block));
    for (const { firstUnixNano, failure } of rows) {
      const id = errorGroupId(failure);
      const known = seen.get(id);
      if (known === undefined || firstUnixNano < known) seen.set(id, firstUnixNano);
    }
    const oldest = rows.length < rowsMax ? 0n : (rows.at(-1)?.lastUnixNano ?? 0n);
    if (oldest > completeFromUnixNano) completeFromUnixNano = oldest;
  }
  return { firstUnixNano: seen, completeFromUnixNano };
}

function blocksOf(answers: readonly Uint8Array[]): NativeBlock[] {
  return answers.flatMap((bytes) => readNative(bytes));
}

/** Most failures say what one before has said, which is read once. */
class FailureReader {
  readonly #known = new Map<string, FailureIdentity>();

  spans(block: NativeBlock): FailedSpan[] {
    const failureAt = this.#failures(block);
    const traceId = block.strings('trace_id');
    const spanId = block.strings('span_id');
    const parentSpanId = block.strings('parent_span_id');
    const startNs = block.bigints('start_ns');
    const weight = block.bigints('weight');
    const version = block.strings('version');
    return Array.from({ length: block.rowCount }, (_, row) => {
      const parent = parentSpanId.hex(row);
      const { service, operation, kind, type, message } = failureAt(row);
      return {
        traceId: traceId.hex(row),
        spanId: spanId.hex(row),
        parentSpanId: parent === NO_PARENT ? '' : parent,
        service,
        operation,
        kind,
        type,
        message,
        version: version.text(row),
        startUnixNano: startNs.at(row),
        weight: Number(weight.at(row)) / WEIGHT_SCALE,
      };
    });
  }

  earlier(block: NativeBlock) {
    const failureAt = this.#failures(block);
    const first = block.bigints('first_ns');
    const last = block.bigints('last_ns');
    return Array.from({ length: block.rowCount }, (_, row) => {
      return { failure: failureAt(row), firstUnixNano: first.at(row), lastUnixNano: last.at(row) };
    });
  }

  #failures(block: NativeBlock): (row: number) => FailureIdentity {
    const kind = block.ints('kind');
    const texts = TEXTS.map((name) => block.strings(name));
    return (row) => {
      const said = [kind.at(row), ...texts.map((column) => column.text(row))] as const;
      const key = said.join('\0');
      let failure = this.#known.get(key);
      if (failure === undefined) this.#known.set(key, (failure = failureOf(said)));
      return failure;
    };
  }
}

const ATTRIBUTE_KEYS = [
  'error.type',
  'http.response.status_code',
  'http.status_code',
  'rpc.response.status_code',
  'rpc.grpc.status_code',
] as const;

const TEXTS = [
  'service_name',
  'span_name',
  'message',
  'exception_type',
  'exception_message',
  'error_type',
  'http_status',
  'old_http_status',
  'rpc_status',
  'grpc_status',
] as const;

function failureOf([spanKind, ...texts]: readonly [number, ...string[]]): FailureIdentity {
  const [service = '', operation = '', statusMessage = '', exceptionType = '', exceptionMessage = '', ...values] =
    texts;
  const attributes = attributesOf(ATTRIBUTE_KEYS.map((key, at) => [key, values[at] ?? '']));
  const exception = attributesOf([
    ['exception.type', exceptionType],
    ['exception.message', exceptionMessage],
  ]);
  const { cause, type, message } = readFailure({
    ...NO_SPAN,
    name: operation,
    kind: spanKind,
    attributes,
    status: { code: StatusCode.error, message: statusMessage },
    ...(exception.length > 0 && { events: [{ timeUnixNano: '0', name: 'exception', attributes: exception }] }),
  });
  return { service, operation, kind: kindOf(cause), type, message };
}

const NO_SPAN = { traceId: '', spanId: '', startTimeUnixNano: '0', endTimeUnixNano: '0' };

function kindOf(cause: string): FailureKind {
  return cause === 'timeout' || cause === 'cancelled' ? cause : 'error';
}

function attributesOf(pairs: readonly (readonly [key: string, value: string])[]): KeyValue[] {
  return pairs.filter(([, value]) => value !== '').map(([key, value]) => ({ key, value: { stringValue: value } }));
}

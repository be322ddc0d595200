import { dependencyKind, inferredDependency, SpanKind, StatusCode, type KeyValue } from '@throughline/trace';
import {
  failureName,
  SpanTableBuilder,
  type SpanRow,
  type SpanTable,
  type Vocabulary,
} from '@throughline/trace/insight';
import type { NativeBlock } from '../query/native-columns.ts';
import { readNative } from '../query/native-reader.ts';
import { NO_PARENT } from '../query/span-reader.ts';
import { INSTANCE_KEYS } from './window-sql.ts';
import type { TimeWindow } from './window-slices.ts';

/** What the engine answered for the slices of a window. */
export interface WindowRows {
  readonly window: TimeWindow;
  readonly slices: readonly SliceRows[];
  /** How many spans begin in the window. */
  readonly spanCount: number;
  /** Share of its traces that was read. */
  readonly share: number;
}

export interface SliceRows {
  readonly slice: TimeWindow;
  /** Until here spans were read. */
  readonly readUntilUnixNano: bigint;
  /** In ClickHouse's Native format. */
  readonly answers: readonly Uint8Array[];
  /** Traces that began before what was read, as hex, where that was asked: no root of theirs is in the answers. */
  readonly begunBefore?: readonly string[];
}

/** What is known of a span besides what every table has. */
type MoreOfSpan = Pick<SpanRow, 'weight' | 'isWeightUnknown'>;

export interface TableOptions {
  /** Reads columns of a block that were asked for besides those of every table. */
  readonly readMore?: (block: NativeBlock) => (row: number) => MoreOfSpan;
  /** Called for each trace that begins in a slice and is longer than what was read. */
  readonly onLongTrace?: () => void;
}

/** The traces that begin in the slices and were read to their end. */
export function tableOf(rows: WindowRows, vocabulary: Vocabulary, options: TableOptions = {}): SpanTable {
  const builder = new SpanTableBuilder(vocabulary);
  for (const slice of rows.slices) addSlice(builder, slice, rows.window.fromUnixNano, options);
  return builder.build();
}

interface TraceTimes {
  /** Of its first span without a parent; of its first span where it has none. */
  start: bigint;
  isRooted: boolean;
  end: bigint;
}

function addSlice(
  builder: SpanTableBuilder,
  { slice, readUntilUnixNano, answers, begunBefore = [] }: SliceRows,
  base: bigint,
  { readMore = () => () => NOTHING_MORE, onLongTrace }: TableOptions,
): void {
  const blocks = answers
    .flatMap((bytes) => readNative(bytes))
    .map((block) => ({ ...columnsOf(block), more: readMore(block) }));
  const traces = new Map<string, TraceTimes>();
  for (const block of blocks) for (let row = 0; row < block.rowCount; row++) noteTimes(traces, block, row);
  for (const traceId of begunBefore) if (traces.get(traceId)?.isRooted === false) traces.delete(traceId);
  const isIn = ({ start }: TraceTimes): boolean => start >= slice.fromUnixNano && start < slice.toUnixNano;
  const isLong = ({ start, end }: TraceTimes): boolean => end - start > readUntilUnixNano - slice.toUnixNano;
  if (onLongTrace !== undefined) for (const times of traces.values()) if (isIn(times) && isLong(times)) onLongTrace();
  const isRead = (times: TraceTimes | undefined): boolean => times !== undefined && isIn(times) && !isLong(times);
  for (const block of blocks) {
    for (let row = 0; row < block.rowCount; row++) {
      const traceId = block.traceId.hex(row);
      if (isRead(traces.get(traceId))) addRow(builder, block, row, traceId, base);
    }
  }
}

const NOTHING_MORE: MoreOfSpan = {};

type Columns = ReturnType<typeof columnsOf> & { readonly more: (row: number) => MoreOfSpan };

function columnsOf(block: NativeBlock) {
  return {
    rowCount: block.rowCount,
    traceId: block.strings('trace_id'),
    spanId: block.strings('span_id'),
    parentSpanId: block.strings('parent_span_id'),
    service: block.strings('service_name'),
    name: block.strings('span_name'),
    kind: block.ints('kind'),
    statusCode: block.ints('status_code'),
    statusMessage: block.strings('message'),
    startNs: block.bigints('start_ns'),
    durationNs: block.bigints('duration'),
    keys: block.stringArrays('keys'),
    values: block.stringArrays('values'),
    exceptionType: block.strings('exception_type'),
    instances: INSTANCE_KEYS.map((_, at) => block.strings(`instance_${at}`)),
    version: block.strings('version'),
    hosts: [block.strings('host_0'), block.strings('host_1')],
  };
}

function noteTimes(traces: Map<string, TraceTimes>, block: Columns, row: number): void {
  const traceId = block.traceId.hex(row);
  const start = block.startNs.at(row);
  const end = start + block.durationNs.at(row);
  const isRoot = block.parentSpanId.hex(row) === NO_PARENT;
  const times = traces.get(traceId);
  if (times === undefined) {
    traces.set(traceId, { start, end, isRooted: isRoot });
    return;
  }
  if (end > times.end) times.end = end;
  if (isRoot === times.isRooted ? start < times.start : isRoot) times.start = start;
  times.isRooted ||= isRoot;
}

function addRow(builder: SpanTableBuilder, block: Columns, row: number, traceId: string, base: bigint): void {
  const kind = block.kind.at(row);
  const statusCode = block.statusCode.at(row);
  const attributes = attributesOf(block, row);
  const text = (...keys: string[]): string => attributes.find(({ key }) => keys.includes(key))?.value.stringValue ?? '';
  const isCall = kind === SpanKind.client || kind === SpanKind.producer;
  const parentSpanId = block.parentSpanId.hex(row);
  const idAt = block.instances.findIndex((column) => column.text(row) !== '');
  builder.add({
    traceId,
    spanId: block.spanId.hex(row),
    parentSpanId: parentSpanId === NO_PARENT ? '' : parentSpanId,
    service: block.service.text(row),
    name: block.name.text(row),
    kind,
    instance: {
      id: idAt < 0 ? '' : block.instances[idAt]!.text(row),
      idKey: idAt < 0 ? '' : INSTANCE_KEYS[idAt]!,
      version: block.version.text(row),
      host: block.hosts[0]!.text(row) || block.hosts[1]!.text(row),
    },
    startNs: Number(block.startNs.at(row) - base),
    durationNs: Number(block.durationNs.at(row)),
    failure: failureName({
      kind,
      statusCode,
      statusMessage: block.statusMessage.text(row),
      errorType: text('error.type'),
      exceptionType: block.exceptionType.text(row),
      httpStatus: text('http.response.status_code', 'http.status_code'),
      rpcStatus: text('rpc.response.status_code', 'rpc.grpc.status_code'),
    }),
    peer: isCall ? (inferredDependency({ ...NO_SPAN, attributes }) ?? '') : '',
    peerKind: isCall ? dependencyKind({ ...NO_SPAN, attributes }) : undefined,
    isError: statusCode === StatusCode.error,
    ...block.more(row),
  });
}

const NO_SPAN = { traceId: '', spanId: '', name: '', startTimeUnixNano: '0', endTimeUnixNano: '0' };

function attributesOf({ keys, values }: Columns, row: number): KeyValue[] {
  const attributes: KeyValue[] = [];
  for (let at = keys.from(row); at < keys.to(row); at++) {
    attributes.push({ key: keys.values.text(at), value: { stringValue: values.values.text(at) } });
  }
  return attributes;
}

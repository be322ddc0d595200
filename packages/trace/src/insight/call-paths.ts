import { ORPHAN_PATH, PATH_DEPTH_MAX, pathId } from '../analysis/call-path.ts';
import { SpanKind } from '../otlp.ts';
import { serviceOf } from './own-times.ts';
import type { SpanTable } from './span-table.ts';

/**
 * A place in the call tree of many traces: the services and operations from the root to a span, in which siblings of
 * the same service, name and kind are one.
 */
export interface CallPath {
  /** 16 hexadecimal digits; the same for the same path, whatever table it is in. */
  readonly id: string;
  readonly service: string;
  readonly operation: string;
  /** OTLP's SpanKind. */
  readonly kind: number;
  /** Such as `web POST /buy › payment POST /pay`; `…` stands for what is cut off, and for a parent that is not here. */
  readonly text: string;
}

export interface CallPaths {
  readonly paths: readonly CallPath[];
  /** Index of each span's path; -1 for spans that are deeper than `PATH_DEPTH_MAX`. */
  readonly ofSpan: Int32Array;
}

const TEXT_LENGTH_MAX = 500;
const NAME_LENGTH_MAX = 100;

export function callPathsOf(table: SpanTable): CallPaths {
  const { vocabulary, operation, parent, isOrphan } = table;
  const ofSpan = new Int32Array(table.count).fill(-1);
  const depths: number[] = [];
  const paths: CallPath[] = [];
  const known = new Map<string, number>();
  for (const span of parentsFirst(table)) {
    const above = parent[span]!;
    const abovePath = above < 0 ? (isOrphan[span] === 1 ? -2 : -1) : ofSpan[above]!;
    // What is below a span without a path has none either.
    if (above >= 0 && abovePath < 0) continue;
    const depth = abovePath < 0 ? 1 : depths[abovePath]! + 1;
    if (depth > PATH_DEPTH_MAX) continue;
    const { service: serviceNumber, name, kind } = vocabulary.operations[operation[span]!]!;
    const service = vocabulary.services.textOf(serviceNumber);
    const key = `${abovePath} ${serviceNumber} ${kind} ${name}`;
    let path = known.get(key);
    if (path === undefined) {
      const before = abovePath === -2 ? ORPHAN : paths[abovePath];
      path = paths.push(pathBelow(before, service, name, kind)) - 1;
      depths.push(depth);
      known.set(key, path);
    }
    ofSpan[span] = path;
  }
  return { paths, ofSpan };
}

const ORPHAN = { id: ORPHAN_PATH, text: '…' };

function pathBelow(
  above: Pick<CallPath, 'id' | 'text'> | undefined,
  service: string,
  operation: string,
  kind: number,
): CallPath {
  const own = `${shortened(service)} ${shortened(operation)}`;
  const text = above === undefined ? own : `${above.text} › ${own}`;
  const id = pathId(above?.id ?? '', service, operation, kind);
  return { id, service, operation, kind, text: text.length > TEXT_LENGTH_MAX ? `… › ${own}` : text };
}

function shortened(name: string): string {
  return name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX - 1)}…` : name;
}

/** All spans, each after its parent. */
function parentsFirst({ count, parent, children, childrenFrom }: SpanTable): Uint32Array {
  const order = new Uint32Array(count);
  let length = 0;
  for (let span = 0; span < count; span++) if (parent[span]! < 0) order[length++] = span;
  for (let at = 0; at < length; at++) {
    const span = order[at]!;
    for (let child = childrenFrom[span]!; child < childrenFrom[span + 1]!; child++) order[length++] = children[child]!;
  }
  return order.subarray(0, length);
}

/** For each span the one by which its request came into its service: itself, where it is a request. */
export function entriesOf(table: SpanTable): Int32Array {
  const entries = new Int32Array(table.count).fill(-1);
  for (const span of parentsFirst(table)) {
    const above = table.parent[span]!;
    const { kind } = table.vocabulary.operations[table.operation[span]!]!;
    const isRequest = kind === SpanKind.server || kind === SpanKind.consumer;
    const isInside = above >= 0 && !isRequest && serviceOf(table, above) === serviceOf(table, span);
    entries[span] = isInside ? entries[above]! : span;
  }
  return entries;
}

import { errorOrigins, formatDuration, SpanKind, type Trace } from '@throughline/trace';

/** A span that went on after the work it belonged to was over. */
export interface Overflow {
  /** The span that ended before: the parent, or the ancestor that stopped waiting. */
  readonly afterIndex: number;
  /** From that span's end to this one's. */
  readonly overflowNs: number;
  /** How `afterIndex` stopped waiting; null where it only ended. */
  readonly stopped: 'timed out' | 'cancelled' | null;
}

/** Less than this is the time a response takes to be noticed, or clocks that differ. */
const overflowNsMin = 1e6;
const overflowShareMin = 0.01;

/** By span index. Consumers are omitted: a message is worked on after its sender has gone on. */
export function overflows(trace: Trace): ReadonlyMap<number, Overflow> {
  const found = new Map<number, Overflow>();
  const leastNs = Math.max(overflowNsMin, overflowShareMin * (trace.durationNs[trace.rootIndex] ?? 0));
  for (let i = 0; i < trace.spanCount; i++) {
    const parent = trace.parentIndex[i] ?? -1;
    if (parent < 0 || trace.kind[i] === SpanKind.consumer || trace.kind[parent] === SpanKind.producer) continue;
    const overflowNs = endNs(trace, i) - endNs(trace, parent);
    if (overflowNs >= leastNs) found.set(i, { afterIndex: parent, overflowNs, stopped: null });
  }
  markStopped(trace, found);
  return found;
}

/** Where it is known who stopped waiting, the overflow counts from there instead of from the parent. */
function markStopped(trace: Trace, found: Map<number, Overflow>): void {
  if (found.size === 0) return;
  const stopped = new Map<number, 'timed out' | 'cancelled'>();
  for (const { kind, waiterIndex } of errorOrigins(trace)) {
    if (kind !== 'error') stopped.set(waiterIndex, kind === 'cancelled' ? 'cancelled' : 'timed out');
  }
  for (const [i, overflow] of found) {
    for (let j = overflow.afterIndex; j >= 0; j = trace.parentIndex[j] ?? -1) {
      const how = stopped.get(j);
      if (how === undefined) continue;
      found.set(i, { afterIndex: j, overflowNs: endNs(trace, i) - endNs(trace, j), stopped: how });
      break;
    }
  }
}

function endNs(trace: Trace, index: number): number {
  return (trace.startNs[index] ?? 0) + (trace.durationNs[index] ?? 0);
}

/** `kept running 3.2 s after payment timed out`, or after the span that it belongs to ended. */
export function overflowText(
  model: {
    readonly services: readonly string[];
    readonly serviceIndex: ArrayLike<number>;
    readonly names: readonly string[];
  },
  { afterIndex, overflowNs, stopped }: Overflow,
): string {
  const service = model.services[model.serviceIndex[afterIndex] ?? 0] ?? '';
  const after = stopped === null ? `${service} ${model.names[afterIndex] ?? ''} ended` : `${service} ${stopped}`;
  return `kept running ${formatDuration(overflowNs)} after ${after}`;
}

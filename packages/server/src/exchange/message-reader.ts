import { notAccepted, shown } from '../schema/json-checker.ts';
import type { ExchangeMessage, ReportedOperation, Total } from './exchange-message.ts';
import {
  BUCKET_MAX,
  wireMessage,
  type ExchangeLimits,
  type WireMessage,
  type WireMessageSchema,
} from './wire-message.ts';

type WireOperation = WireMessage['operations'][number];
type WireTotal = NonNullable<WireOperation['totals']>[number];

/** Reads what a message of the SDK says that fits `schema`. */
export class MessageReader {
  readonly #totalsMax: number;
  readonly schema: WireMessageSchema;

  constructor(limits: ExchangeLimits) {
    this.#totalsMax = limits.messageTotalsMax;
    this.schema = wireMessage(limits);
  }

  /** Returns the message, or in one line why it is rejected: what a schema does not say. */
  read({ service, instance, windowMs, uptimeMs, operations: given }: WireMessage): ExchangeMessage | string {
    const operations: ReportedOperation[] = [];
    const totals: Total[] = [];
    const reported = new Set<string>();
    for (const [i, operation] of given.entries()) {
      const at = `operations[${i}]`;
      const problem = this.#add(operation, at, operations, totals, reported);
      if (problem !== null) return problem;
    }
    return { service, instance, windowMs, uptimeMs, operations, totals };
  }

  /** Adds an operation with its totals to what was read; returns what is wrong with it beyond its shape. */
  #add(
    { name, kind, recent, totals: ofOperation = [] }: WireOperation,
    at: string,
    operations: ReportedOperation[],
    totals: Total[],
    reported: Set<string>,
  ): string | null {
    const { started, decided, requests, errors } = recent;
    if (decided > started) return notAccepted(`${at}.recent.decided`, decided, `at most started, which is ${started}`);
    if (errors > requests) return notAccepted(`${at}.recent.errors`, errors, `at most requests, which is ${requests}`);
    if (!added(reported, `${kind} ${name}`)) return `${at} reports ${shown(name)} twice`;
    if (totals.length + ofOperation.length > this.#totalsMax) {
      return `${at}.totals are too many; a message may have ${this.#totalsMax} of all operations`;
    }
    const names = new Set<string>();
    for (const [i, total] of ofOperation.entries()) {
      const problem = problemOfTotal(total, `${at}.totals[${i}]`, names);
      if (problem !== null) return problem;
      const { durations, status, durationSumNs } = total;
      const { offset, counts } = durations;
      totals.push({
        startName: name,
        name: total.name,
        kind,
        status,
        requests: total.requests,
        durationSumNs,
        offset,
        counts,
      });
    }
    operations.push({
      name,
      kind,
      started,
      decided,
      requests,
      errors,
      endNames: ofOperation.map((total) => total.name),
    });
    return null;
  }
}

function problemOfTotal(
  { name, status, requests, durations }: WireTotal,
  at: string,
  names: Set<string>,
): string | null {
  const { offset, counts } = durations;
  if (offset + counts.length > BUCKET_MAX + 1) {
    return notAccepted(`${at}.durations`, durations, `an offset and counts of buckets up to ${BUCKET_MAX}`);
  }
  let sum = 0;
  for (const count of counts) sum += count;
  if (sum !== requests)
    return notAccepted(`${at}.durations.counts`, counts, `counts whose sum is ${requests}, the number of requests`);
  if (!added(names, `${status} ${name}`)) return `${at} reports ${shown(name)} with status ${status} twice`;
  return null;
}

/** False where it was there. */
function added(set: Set<string>, value: string): boolean {
  const { size } = set;
  return set.add(value).size > size;
}

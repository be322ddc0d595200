import { isDeepStrictEqual } from 'node:util';
import type { Span, TracesData } from '@throughline/trace';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans } from '../../columns/rejected-spans.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { MalformedRequestError, RequestTooLargeError } from '../../columns/ingest-result.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { SPAN_COLUMNS } from '../../storage/schema.ts';
import { expectedRows } from './expected-rows.ts';
import { readNativeRows } from './read-native.ts';
import type { PlainRequest } from './read-protobuf.ts';

export type Decoder = (bytes: Uint8Array, block: SpanBlock, rejected: RejectedSpans) => void;

export interface JudgeOptions {
  readonly decode: Decoder;
  /** Throws for what is no request, as the decoder has to. */
  readonly read: (bytes: Buffer) => PlainRequest;
}

interface Taken {
  readonly payload: Buffer;
  readonly rows: number;
  readonly rejected: RejectedSpans;
  /** What the block left out of the spans that it kept. */
  readonly losses: ReadonlyMap<string, number>;
}

/** Payloads that share a block, as requests do that arrive together. */
const PAYLOADS_PER_BLOCK = 40;

/**
 * Gives payloads to a decoder and compares what the block then holds with what an independent reader finds in them.
 * Throws for the first difference, with the payload.
 */
export class PayloadJudge {
  readonly #options: JudgeOptions;
  readonly #block = new SpanBlock(7);
  readonly #native = new ByteBuffer();
  readonly #taken: Taken[] = [];
  readonly counts = { payloads: 0, bytes: 0, accepted: 0, refused: 0, spans: 0, spansRefused: 0, undecided: 0 };

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  take(payload: Buffer): void {
    const block = this.#block;
    const before = { rows: block.rowCount, bytes: block.byteLength };
    const rejected = new RejectedSpans();
    this.counts.payloads += 1;
    this.counts.bytes += payload.length;
    block.mark();
    try {
      this.#options.decode(payload, block, rejected);
      this.counts.accepted += 1;
      const losses = new Map(block.losses.counts);
      this.#taken.push({ payload, rows: block.rowCount - before.rows, rejected, losses });
      // As `Ingest` does: a request without a span leaves no resource behind.
      if (block.rowCount === before.rows) block.rollback();
    } catch (error) {
      if (!(error instanceof MalformedRequestError || error instanceof RequestTooLargeError))
        throw because(payload, error);
      block.rollback();
      this.counts.refused += 1;
      const after = { rows: block.rowCount, bytes: block.byteLength };
      if (after.rows !== before.rows || after.bytes !== before.bytes) throw because(payload, 'a refused request stays');
      if (error instanceof MalformedRequestError) this.#expectRefusal(payload, error);
    }
    if (this.counts.payloads % PAYLOADS_PER_BLOCK === 0) this.flush();
  }

  /** Compares what has been taken since the last time. */
  flush(): void {
    this.#native.clear();
    writeNativeBlock(this.#block, this.#native);
    this.#block.clear();
    const rows = readNativeRows(Buffer.from(this.#native.content()));
    for (const taken of this.#taken.splice(0)) this.#compare(taken, rows.splice(0, taken.rows));
    if (rows.length > 0) throw new Error(`${rows.length} spans of nobody`);
  }

  #expectRefusal(payload: Buffer, error: Error): void {
    try {
      this.#options.read(payload);
    } catch {
      return;
    }
    throw because(payload, `refused although it is a request: ${error.message}`);
  }

  #compare({ payload, rejected, losses }: Taken, rows: unknown[][]): void {
    let request: PlainRequest;
    try {
      request = this.#options.read(payload);
    } catch (error) {
      // An attribute is left where its value is too deep; what is wrong behind that is not looked at.
      if (!losses.has('ingest.valueDepthMax')) throw because(payload, error);
      this.counts.undecided += 1;
      return;
    }
    const expected = expectedRows(withStorableSpans(request.data), 'latin1');
    const sentRows = expected.map((row) => JSON.stringify(row));
    let at = 0;
    for (const row of rows) {
      const stored = JSON.stringify(row);
      while (at < expected.length && sentRows[at] !== stored) at += 1;
      if (at++ === expected.length) throw because(payload, `a row that was not sent: ${differences(row, expected)}`);
    }
    const sent = spansOf(request.data).length;
    // Limits may refuse more than what OTLP itself forbids.
    const missing = expected.length - rows.length;
    const byLimits = (rejected.counts.get('limit') ?? 0) + (rejected.counts.get('start_time') ?? 0);
    if (rows.length + rejected.total !== sent || missing > byLimits)
      throw because(payload, `${missing} rows are missing`);
    this.counts.spans += rows.length;
    this.counts.spansRefused += rejected.total;
  }
}

class DifferenceError extends Error {}

function because(payload: Buffer, why: unknown): DifferenceError {
  const what = why instanceof Error ? (why.stack ?? why.message) : String(why);
  return new DifferenceError(
    `${what.slice(0, 2_000)}\npayload (base64): ${payload.toString('base64').slice(0, 4_000)}`,
  );
}

/** From the row that was sent and is most like it. */
function differences(row: readonly unknown[], expected: readonly (readonly unknown[])[]): string {
  const candidates = expected.map((candidate) =>
    SPAN_COLUMNS.flatMap(([name], column) => {
      const [stored, sent] = [row[column], candidate[column]];
      return isDeepStrictEqual(stored, sent) ? [] : [{ name, stored, sent }];
    }),
  );
  const [nearest = []] = candidates.toSorted((left, right) => left.length - right.length);
  return JSON.stringify(nearest);
}

export function spansOf({ resourceSpans }: TracesData): Span[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

/**
 * As it is stored: without the spans that OTLP, or the columns of the store, forbid, and without the parts of others
 * that they forbid.
 */
export function withStorableSpans({ resourceSpans }: TracesData): TracesData {
  return {
    resourceSpans: resourceSpans.map((outer) => ({
      ...outer,
      scopeSpans: outer.scopeSpans.map((inner) => ({
        ...inner,
        spans: inner.spans.filter((span) => isStorable(span)).map((span) => withStorableParts(span)),
      })),
    })),
  };
}

const TIME_MAX = 2n ** 63n - 1n;

function withStorableParts(span: Span): Span {
  const { parentSpanId = '', events = [], links = [] } = span;
  const kept = links.filter((link) => isId(link.traceId, 16) && isId(link.spanId, 8));
  return {
    ...span,
    parentSpanId: isId(parentSpanId, 8) ? parentSpanId : '',
    endTimeUnixNano: storableTime(span.endTimeUnixNano),
    events: events.map((event) => ({ ...event, timeUnixNano: storableTime(event.timeUnixNano) })),
    links: kept,
    droppedLinksCount: ((span.droppedLinksCount ?? 0) + links.length - kept.length) >>> 0,
  };
}

function storableTime(decimal: string): string {
  return BigInt(decimal) > TIME_MAX ? String(TIME_MAX) : decimal;
}

function isId(hex: string, bytes: number): boolean {
  return new RegExp(`^[0-9a-f]{${bytes * 2}}$`).test(hex);
}

/** What OTLP demands of ids, and a start that the store's columns hold. */
function isStorable(span: Span): boolean {
  const { traceId, spanId } = span;
  const startNs = BigInt(span.startTimeUnixNano);
  return (
    isId(traceId, 16) &&
    isId(spanId, 8) &&
    !/^0+$/.test(traceId) &&
    !/^0+$/.test(spanId) &&
    startNs > 0n &&
    startNs < 2n ** 32n * 1_000_000_000n
  );
}

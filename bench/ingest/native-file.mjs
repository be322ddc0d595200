/** Requests as the collector would write them into a segment. */
import { writeFileSync } from 'node:fs';
import { decodeOtlp } from '../../packages/server/dist/receivers/otlp/decode-otlp.js';
import { ArrivalClock } from '../../packages/server/dist/ingest/arrival-clock.js';
import { ByteBuffer } from '../../packages/server/dist/columns/growable-buffers.js';
import { RejectedSpans } from '../../packages/server/dist/columns/rejected-spans.js';
import { writeNativeBlock } from '../../packages/server/dist/columns/write-native-block.js';
import { SpanBlock } from '../../packages/server/dist/columns/span-block.js';

/** As many as share a commit when the collector is busy. */
const REQUESTS_PER_BLOCK = 8;

/** Writes files one after the other; the blocks of all of them have arrivals that increase. */
export class NativeFiles {
  #arrivals = new ArrivalClock();
  #block = new SpanBlock(1);
  #native = new ByteBuffer();
  #requests = 0;

  /** Of what has been added. */
  get lastArrival() {
    return this.#arrivals.last;
  }

  /** Takes the bytes of a request; they may change afterwards. Throws where a span is refused. */
  add(request) {
    const rejected = new RejectedSpans();
    this.#block.mark();
    decodeOtlp(request, this.#block, rejected);
    if (rejected.total > 0) throw new Error(rejected.message);
    this.#requests += 1;
    if (this.#requests % REQUESTS_PER_BLOCK === 0) this.#flush();
  }

  /** Writes what has been added since the last file. */
  write(path) {
    this.#flush();
    writeFileSync(path, this.#native.content());
    this.#native = new ByteBuffer();
  }

  #flush() {
    writeNativeBlock(this.#block, this.#native, null, this.#arrivals.next());
    this.#block.clear();
  }
}

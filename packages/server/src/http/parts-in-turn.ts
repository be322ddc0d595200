import type { IncomingMessage } from 'node:http';

/**
 * With more parts of bodies in one turn of the event loop, those that bring more than a few wait for a turn of their
 * own.
 */
const PARTS_PER_TURN = 1_024;
const A_FEW_PARTS = 16;

/**
 * Lets those whose bodies come in very many small chunks take turns: one of them is read in each turn of the event
 * loop. Node hands over every chunk by itself, which takes about 1 µs, and reads up to 2 MiB of each connection before
 * it does anything else, 350,000 chunks of one byte. What it has read at once, 64 KiB, cannot be parted.
 */
export class PartsInTurn {
  readonly #waiting: (() => void)[] = [];
  #turn = 0;
  #parts = 0;
  #isTurnOpen = false;

  /** To be called before the body is read. */
  watch(request: IncomingMessage): void {
    // Without chunks a part is what one read of the socket brings.
    if (request.headers['transfer-encoding'] === undefined) return;
    const push = request.push.bind(request);
    // What Node calls when more is wanted of a stream; for one that has to wait it is done later.
    // oxlint-disable-next-line no-underscore-dangle -- its name in Node
    const read = request._read.bind(request);
    let isHeld = false;
    let isWanted = false;
    let turn = 0;
    let parts = 0;
    const release = (): void => {
      isHeld = false;
      if (isWanted) read(0);
      isWanted = false;
    };
    request.push = (part: unknown, encoding?: BufferEncoding): boolean => {
      const isMoreWanted = push(part, encoding);
      this.#countPart();
      parts = turn === this.#turn ? parts + 1 : 1;
      turn = this.#turn;
      if (this.#parts <= PARTS_PER_TURN || parts <= A_FEW_PARTS) return isMoreWanted;
      if (!isHeld) this.#waiting.push(release);
      isHeld = true;
      return false;
    };
    // oxlint-disable-next-line no-underscore-dangle -- its name in Node
    request._read = (size: number): void => {
      if (isHeld) isWanted = true;
      else read(size);
    };
  }

  #countPart(): void {
    this.#parts += 1;
    if (!this.#isTurnOpen) this.#openTurn();
  }

  #openTurn(): void {
    this.#isTurnOpen = true;
    setImmediate(() => {
      this.#isTurnOpen = false;
      this.#turn += 1;
      this.#parts = 0;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#openTurn();
    });
  }
}

import type { Readable } from 'node:stream';
import type { Reservation } from './byte-budget.ts';

/** A body that has been read: it can be taken once. */
export class Body {
  readonly length: number;
  readonly #reservation: Reservation;
  #parts: readonly Uint8Array[];

  constructor(parts: readonly Uint8Array[], length: number, reservation: Reservation) {
    this.#parts = parts;
    this.length = length;
    this.#reservation = reservation;
  }

  /** Gives its memory back to the budget, when nothing of the request is needed any more. */
  release(): void {
    this.#parts = [];
    this.#reservation.release();
  }

  /** Its bytes as they came; empty when they have been taken. */
  get parts(): readonly Uint8Array[] {
    return this.#parts;
  }

  /**
   * Its bytes, which are in `memory` where they had to be joined: they are good until that joins the next. The body
   * keeps nothing, so that a request that waits for the disk holds no memory for the collection of garbage to look at.
   */
  borrow(memory: BodyMemory): Uint8Array {
    const [first, ...others] = this.#parts;
    const bytes = first !== undefined && others.length === 0 ? first : memory.join(this.#parts, this.length);
    this.#parts = [];
    return bytes;
  }

  /** Borrows it for `read`; if that throws, the body keeps its parts. */
  read<T>(memory: BodyMemory, read: (bytes: Uint8Array) => T): T {
    const parts = this.#parts;
    try {
      return read(this.borrow(memory));
    } catch (error) {
      this.#parts = parts;
      throw error;
    }
  }

  /** Copies its bytes to where the caller has room for them, and lets its parts go. */
  copyInto(target: Uint8Array): void {
    copyParts(this.#parts, target);
    this.#parts = [];
  }

  /** Its bytes in memory of their own; its parts are let go. */
  copy(): Uint8Array {
    const bytes = Buffer.concat(this.#parts, this.length);
    this.#parts = [];
    return bytes;
  }
}

/** Larger bodies are joined in memory of their own. */
const JOINED_BYTES_MAX = 4 * 1024 * 1024;

/** One piece of memory in which one body after the other is joined. */
export class BodyMemory {
  #bytes: Buffer = Buffer.alloc(0);

  join(parts: readonly Uint8Array[], length: number): Uint8Array {
    if (length > JOINED_BYTES_MAX) return Buffer.concat(parts, length);
    if (length > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)));
    copyParts(parts, this.#bytes);
    return this.#bytes.subarray(0, length);
  }
}

function copyParts(parts: readonly Uint8Array[], target: Uint8Array): void {
  let at = 0;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
}

/** When a body must have arrived. */
export interface Deadline {
  readonly timeoutMs: number;
  /** What reading is rejected with then. */
  readonly error: () => Error;
}

/**
 * Hands over the parts of a body as they arrive. Rejects with what `take` throws, and then leaves the rest of the body
 * to whoever answers; with Node's own error when the connection breaks; with the deadline's even where the connection
 * does not learn of it, since its sender takes no answers.
 */
export function eachPart(request: Readable, take: (part: Buffer) => void, deadline?: Deadline): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('error', onError);
      request.off('close', onClose);
    };
    const onData = (part: Buffer): void => {
      try {
        take(part);
      } catch (error) {
        refuse(error);
      }
    };
    const refuse = (error: unknown): void => {
      request.pause();
      onError(error);
    };
    const onEnd = (): void => {
      leave();
      resolve();
    };
    const onError = (error: unknown): void => {
      leave();
      reject(error);
    };
    const timer = deadline && setTimeout(() => refuse(deadline.error()), deadline.timeoutMs);
    const onClose = (): void => onError(new Error('the connection has ended before the body'));
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', onError);
    request.on('close', onClose);
    if (request.destroyed) onClose();
  });
}

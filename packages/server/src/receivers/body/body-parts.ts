import type { Reservation } from './byte-budget.ts';

/** What a part takes beside its bytes: the objects that hold it. */
export const PART_OVERHEAD_BYTES = 512;

/** Smaller parts are copied together: each of them would hold more memory than it has bytes. */
const KEPT_BYTES_MIN = 4 * 1024;
const JOINT_BYTES_MIN = 1024;
const JOINT_BYTES_MAX = 64 * 1024;
/** What is read from a socket at a time. */
const READ_BYTES_MAX = 64 * 1024;

/**
 * The parts of a body as they arrive, in memory that is reserved before it is used: by what a part holds and not by its
 * length, since one byte can hold everything that was read from the socket with it.
 */
export class BodyParts {
  length = 0;
  readonly #reservation: Reservation;
  readonly #parts: Uint8Array[] = [];
  /** Where small parts are copied together; the last of the parts while it has room. */
  #joint: Buffer | null = null;
  #jointLength = 0;
  /** Parts of one read behind those, while it is not known how much of it belongs to the body. */
  #pending: Uint8Array[] = [];
  #pendingLength = 0;
  #reservedBytes = 0;

  constructor(reservation: Reservation) {
    this.#reservation = reservation;
  }

  /** What is reserved for them. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** Throws `BodyError` when there is no memory left for it. */
  add(part: Uint8Array): void {
    this.length += part.length;
    if (this.#pending[0]?.buffer === part.buffer) this.#pend(part, 0);
    else {
      this.#settle();
      this.#append(part);
    }
  }

  /** All of them, in order. Nothing can be added afterwards. Throws as `add`. */
  end(): readonly Uint8Array[] {
    this.#settle();
    if (this.#joint !== null) this.#parts.push(this.#joint.subarray(0, this.#jointLength));
    this.#joint = null;
    return this.#parts;
  }

  #append(part: Uint8Array): void {
    const rest = this.#joint === null ? part : this.#fill(this.#joint, part);
    if (this.#joint === null && this.#isWorthKeeping(rest)) this.#pend(rest, rest.buffer.byteLength);
    else this.#copy(rest);
  }

  /** Whether keeping it is cheaper than a copy, or may become so with what comes next. Most bodies have one part. */
  #isWorthKeeping({ length, buffer }: Uint8Array): boolean {
    if (length < KEPT_BYTES_MIN) return this.#parts.length === 0 && length * 2 >= buffer.byteLength;
    return buffer.byteLength <= READ_BYTES_MAX || length * 2 >= buffer.byteLength;
  }

  #pend(part: Uint8Array, bytes: number): void {
    if (part.length === 0) return;
    this.#reserve(bytes);
    this.#pending.push(part);
    this.#pendingLength += part.length;
  }

  /** Keeps what is pending, or copies it where most of the read belongs to others. */
  #settle(): void {
    const [first] = this.#pending;
    if (first === undefined) return;
    const pending = this.#pending;
    const isKept = this.#pendingLength * 2 >= first.buffer.byteLength;
    this.#pending = [];
    this.#pendingLength = 0;
    if (isKept) {
      this.#parts.push(...pending);
      return;
    }
    for (const part of pending) this.#copy(part);
    const reserved = first.buffer.byteLength + pending.length * PART_OVERHEAD_BYTES;
    this.#reservation.giveBack(reserved);
    this.#reservedBytes -= reserved;
  }

  #copy(part: Uint8Array): void {
    let rest = part;
    while (rest.length > 0) rest = this.#fill(this.#joint ?? this.#open(rest.length), rest);
  }

  #open(bytes: number): Buffer {
    const wanted = Math.max(JOINT_BYTES_MIN, bytes, this.length);
    const size = Math.min(2 ** Math.ceil(Math.log2(wanted)), JOINT_BYTES_MAX);
    this.#reserve(size);
    this.#jointLength = 0;
    return (this.#joint = Buffer.allocUnsafeSlow(size));
  }

  /** Copies as much as there is room for; returns what is left. */
  #fill(joint: Buffer, part: Uint8Array): Uint8Array {
    const copied = Math.min(joint.length - this.#jointLength, part.length);
    joint.set(copied === part.length ? part : part.subarray(0, copied), this.#jointLength);
    this.#jointLength += copied;
    if (this.#jointLength === joint.length) {
      this.#parts.push(joint);
      this.#joint = null;
    }
    return part.subarray(copied);
  }

  #reserve(bytes: number): void {
    this.#reservation.take(bytes + PART_OVERHEAD_BYTES);
    this.#reservedBytes += bytes + PART_OVERHEAD_BYTES;
  }
}

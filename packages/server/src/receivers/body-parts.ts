import type { Reservation } from './byte-budget.ts';

/** What a part takes beside its bytes: the objects that hold it. */
export const PART_OVERHEAD_BYTES = 512;

/** Smaller parts are copied together: each of them would hold more memory than it has bytes. */
const KEPT_BYTES_MIN = 4 * 1024;
const JOINT_BYTES_MIN = 1024;
const JOINT_BYTES_MAX = 64 * 1024;

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
    let rest = part;
    this.length += part.length;
    while (rest.length > 0) {
      if (this.#joint !== null) rest = this.#fill(this.#joint, rest);
      else if (this.#isKept(rest)) {
        this.#reserve(rest.buffer.byteLength);
        this.#parts.push(rest);
        return;
      } else this.#open(rest.length);
    }
  }

  /** All of them, in order. Nothing can be added afterwards. */
  end(): readonly Uint8Array[] {
    if (this.#joint !== null) this.#parts.push(this.#joint.subarray(0, this.#jointLength));
    this.#joint = null;
    return this.#parts;
  }

  /** Whether it is cheaper than a copy. Most bodies have one part. */
  #isKept({ length, buffer }: Uint8Array): boolean {
    return (length >= KEPT_BYTES_MIN || this.#parts.length === 0) && length * 2 >= buffer.byteLength;
  }

  #open(bytes: number): void {
    const wanted = Math.max(JOINT_BYTES_MIN, bytes, this.length);
    const size = Math.min(2 ** Math.ceil(Math.log2(wanted)), JOINT_BYTES_MAX);
    this.#reserve(size);
    this.#joint = Buffer.allocUnsafeSlow(size);
    this.#jointLength = 0;
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

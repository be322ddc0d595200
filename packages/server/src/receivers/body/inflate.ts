import { createGunzip, createInflate, createInflateRaw, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { BodyError } from './body-error.ts';
import { PART_OVERHEAD_BYTES } from './body-parts.ts';
import type { Reservation } from './byte-budget.ts';

/** `deflate` is RFC 1950's, `deflate-raw` the same without its frame. */
export type ZlibFormat = 'gzip' | 'deflate' | 'deflate-raw';

/** What is decompressed, and reserved, at a time. */
export const STEP_BYTES = 128 * 1024;

/** The least that Node takes. */
const CHUNK_BYTES_MIN = 64;

const SYNC = { gzip: gunzipSync, deflate: inflateSync, 'deflate-raw': inflateRawSync };
const STREAMS = { gzip: createGunzip, deflate: createInflate, 'deflate-raw': createInflateRaw };

/**
 * In this turn of the event loop; null where there are more than `bytesMax` bytes. `isExpected`: there should be that
 * many. Throws `BodyError`.
 */
export function inflateNow(
  sent: Uint8Array,
  format: ZlibFormat,
  { bytesMax, isExpected }: { readonly bytesMax: number; readonly isExpected: boolean },
): Buffer | null {
  // With one byte more than there are, zlib is called once, and there is nothing to join.
  const chunkSize = isExpected ? Math.max(bytesMax + 1, CHUNK_BYTES_MIN) : STEP_BYTES;
  try {
    return SYNC[format](sent, { maxOutputLength: Math.max(bytesMax, 1), chunkSize });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return null;
    throw malformed(format, error);
  }
}

export interface Inflated {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

/**
 * Beside the event loop, in steps that are reserved before they begin. Stops as soon as there are more than `bytesMax`
 * bytes or no more memory for them, however many more would come; rejects with `BodyError` then. What has been reserved
 * is for the caller to give back.
 */
export function inflate(
  sent: readonly Uint8Array[],
  format: ZlibFormat,
  bytesMax: number,
  reservation: Reservation,
): Promise<Inflated> {
  return new Promise((resolve, reject) => {
    const stream = STREAMS[format]({ chunkSize: STEP_BYTES });
    const parts: Buffer[] = [];
    let length = 0;
    const step = (): void => reservation.take(STEP_BYTES + PART_OVERHEAD_BYTES);
    stream.on('data', (part: Buffer) => {
      length += part.length;
      try {
        if (length > bytesMax) {
          throw new BodyError(413, `the body is larger than ${bytesMax} bytes when it is decompressed`, {
            limit: 'decompressed',
          });
        }
        // The rest of a step that has not been filled is the next part's; each step but the first is reserved while the
        // one before is looked at.
        if (part.buffer === parts.at(-1)?.buffer) reservation.take(PART_OVERHEAD_BYTES);
        else step();
        parts.push(part);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    stream.on('end', () => {
      reservation.giveBack(STEP_BYTES + PART_OVERHEAD_BYTES);
      // It waits for the end of what follows the last member, if anything does.
      stream.destroy();
      resolve({ parts, length });
    });
    stream.on('error', (error) => reject(error instanceof BodyError ? error : malformed(format, error)));
    try {
      step();
    } catch (error) {
      stream.destroy(error as Error);
      return;
    }
    for (const part of sent) stream.write(part);
    stream.end();
  });
}

function malformed(format: ZlibFormat, cause: unknown): BodyError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  // Raw or not: senders know it by one name.
  const name = format === 'gzip' ? 'gzip' : 'deflate';
  return new BodyError(400, `the body is not valid ${name}: ${reason}`, { cause });
}

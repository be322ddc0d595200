/** The thread that decompresses large zstd bodies, one after the other. */
import { parentPort } from 'node:worker_threads';
import { BodyError } from './body-error.ts';
import { decompressZstd } from './zstd.ts';

export interface ZstdJob {
  readonly id: number;
  readonly sent: ArrayBuffer;
  readonly bytesMax: number;
}

export interface ZstdResponse {
  readonly id: number;
  /** The decompressed body, or why there is none. */
  readonly outcome: Uint8Array<ArrayBuffer> | Pick<BodyError, 'status' | 'limit' | 'message'>;
}

// An error that is none of the body's ends the thread, whose owner hears of it.
parentPort?.on('message', (job: ZstdJob) => void answer(job));

async function answer({ id, sent, bytesMax }: ZstdJob): Promise<void> {
  try {
    const outcome = (await decompressZstd(Buffer.from(sent), bytesMax)) as Uint8Array<ArrayBuffer>;
    parentPort?.postMessage({ id, outcome } satisfies ZstdResponse, [outcome.buffer]);
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    const { status, limit, message } = error;
    parentPort?.postMessage({ id, outcome: { status, limit, message } } satisfies ZstdResponse, []);
  }
}

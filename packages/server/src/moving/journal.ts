import { open, readFile, type FileHandle } from 'node:fs/promises';
import { replaceFile } from '../durable-file.ts';
import { nameOf, type FilledSlice } from './slices.ts';

/** A line of the file. */
type Entry =
  | { readonly begun: string; readonly arrival: number }
  | { readonly ended: string }
  | { readonly done: string; readonly spans: number; readonly digest: string }
  | { readonly again: string };

/**
 * What has been moved, durably, as lines of JSON: an insert before it is sent and when it has ended, and the slices
 * that are in the target, with what they held. A line that was not written whole is none.
 */
export class Journal {
  readonly #file: FileHandle;
  readonly #inDoubt: Map<string, number>;
  readonly #done: Map<string, { readonly spans: number; readonly digest: string }>;
  #lastArrival: number;

  private constructor(file: FileHandle, { inDoubt, done, lastArrival }: Read) {
    this.#file = file;
    this.#inDoubt = inDoubt;
    this.#done = done;
    this.#lastArrival = lastArrival;
  }

  /** Rejects with what the file system says. */
  static async open(path: string): Promise<Journal> {
    const read = entriesIn(await readFile(path, 'utf8').catch(emptyIfMissing));
    // Without what later lines have overtaken, and without a line that was not written whole.
    const { inDoubt, done, lastArrival } = read;
    const entries: Entry[] = [
      ...(lastArrival > 0 ? [{ begun: '', arrival: lastArrival }, { ended: '' }] : []),
      ...Array.from(inDoubt, ([begun, arrival]) => ({ begun, arrival })),
      ...Array.from(done, ([name, held]) => ({ done: name, ...held })),
    ];
    await replaceFile(path, entries.map(lineOf).join(''));
    return new Journal(await open(path, 'a', 0o600), read);
  }

  /** The arrivals of inserts that were begun, and of which it is not known whether they have ended, by their tokens. */
  get inDoubt(): ReadonlyMap<string, number> {
    return this.#inDoubt;
  }

  /** The greatest arrival that was given to anything; 0 where none was. */
  get lastArrival(): number {
    return this.#lastArrival;
  }

  isDone(slice: FilledSlice): boolean {
    const done = this.#done.get(nameOf(slice));
    return done?.spans === slice.spans && done.digest === String(slice.digest);
  }

  async begin(token: string, arrival: number): Promise<void> {
    await this.#write({ begun: token, arrival });
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    this.#inDoubt.set(token, arrival);
  }

  async end(token: string): Promise<void> {
    await this.#write({ ended: token });
    this.#inDoubt.delete(token);
  }

  async done(slice: FilledSlice): Promise<void> {
    const held = { spans: slice.spans, digest: String(slice.digest) };
    await this.#write({ done: nameOf(slice), ...held });
    this.#done.set(nameOf(slice), held);
  }

  /** A slice that is to be moved again. */
  async again(slice: FilledSlice): Promise<void> {
    if (!this.#done.has(nameOf(slice))) return;
    await this.#write({ again: nameOf(slice) });
    this.#done.delete(nameOf(slice));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #write(entry: Entry): Promise<void> {
    await this.#file.appendFile(lineOf(entry));
    await this.#file.datasync();
  }
}

interface Read {
  readonly inDoubt: Map<string, number>;
  readonly done: Map<string, { readonly spans: number; readonly digest: string }>;
  readonly lastArrival: number;
}

function entriesIn(text: string): Read {
  const inDoubt = new Map<string, number>();
  const done = new Map<string, { spans: number; digest: string }>();
  let lastArrival = 0;
  // The last one was not written whole where nothing stands behind it.
  for (const line of text.split('\n').slice(0, -1)) {
    const entry = parse(line);
    if (entry === null) continue;
    if ('begun' in entry) {
      inDoubt.set(entry.begun, entry.arrival);
      lastArrival = Math.max(lastArrival, entry.arrival);
    } else if ('ended' in entry) inDoubt.delete(entry.ended);
    else if ('done' in entry) done.set(entry.done, { spans: entry.spans, digest: entry.digest });
    else done.delete(entry.again);
  }
  return { inDoubt, done, lastArrival };
}

/** Null for a line that a write has left in part, and another one has been appended to. */
function parse(line: string): Entry | null {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return null;
  }
}

function lineOf(entry: Entry): string {
  return `${JSON.stringify(entry)}\n`;
}

function emptyIfMissing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}

import { open } from 'node:fs/promises';

export interface RereadFileOptions<T> {
  readonly path: string;
  /** What was read of it before. */
  readonly initial: T;
  /** A file that is larger is broken. */
  readonly bytesMax: number;
  /** Throws for what the file must not hold, with a message that quotes nothing of it. */
  readonly parse: (bytes: Buffer) => T;
  /** There is something new in it. */
  readonly onChange: () => void;
  /** It cannot be read, or holds what it must not; called once until it is well again. `problem` is in words. */
  readonly onBroken: (problem: string) => void;
}

/** A small file that somebody may replace while we run. What was read last stays in use while it is broken. */
export class RereadFile<T> {
  readonly #options: RereadFileOptions<T>;
  #value: T;
  /** Of the file that was read last; null before the first. */
  #identity: string | null = null;
  #problem: string | null = null;
  #looking: Promise<void> | null = null;

  constructor(options: RereadFileOptions<T>) {
    this.#options = options;
    this.#value = options.initial;
  }

  get value(): T {
    return this.#value;
  }

  /** Why the file as it is now is not used; null where it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Reads the file if it is another one than before, or has changed. Never rejects. */
  async look(): Promise<void> {
    this.#looking ??= this.#read().finally(() => (this.#looking = null));
    await this.#looking;
  }

  async #read(): Promise<void> {
    const { path, bytesMax, parse } = this.#options;
    try {
      const file = await open(path);
      try {
        const { ino, mtimeNs, size } = await file.stat({ bigint: true });
        const identity = `${ino} ${mtimeNs} ${size}`;
        if (identity === this.#identity && this.#problem === null) return;
        if (size > bytesMax) throw new RangeError(`is larger than ${bytesMax} bytes`);
        this.#take(parse(await file.readFile()));
        this.#identity = identity;
      } finally {
        await file.close();
      }
    } catch (error) {
      // The message of a failed system call names the path; ours say only what is wrong.
      const reason = error instanceof Error ? error.message : String(error);
      const isNew = this.#problem === null;
      this.#problem = `${path}: ${reason}`;
      if (isNew) this.#options.onBroken(this.#problem);
    }
  }

  #take(value: T): void {
    const isNew = value !== this.#value;
    this.#value = value;
    this.#problem = null;
    if (isNew) this.#options.onChange();
  }
}

import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { replaceFileSync } from '../../durable-file.ts';

/**
 * The days of the stored spans as a small file, so that a start knows them before the store is open. It may be lost:
 * what was noted is not needed where the clock is right.
 */
export class NotedDays {
  readonly #path: string;
  readonly #log: Logger;
  #text: string | null;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#text = read(path);
  }

  /** As `YYYY-MM-DD`, the oldest first; empty where nothing is noted, or nothing that is days. */
  get days(): readonly string[] {
    return (this.#text ?? '').split('\n').filter((line) => /^\d{4}-\d{2}-\d{2}$/.test(line));
  }

  /** Writes them where they have changed. */
  note(days: readonly string[]): void {
    const text = days.map((day) => `${day}\n`).join('');
    if (text === this.#text) return;
    try {
      replaceFileSync(this.#path, text, { sync: false });
      this.#text = text;
    } catch (error) {
      this.#log.warn({ err: error, path: this.#path }, 'could not record the days of the store');
    }
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

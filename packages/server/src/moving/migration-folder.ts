import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { replaceFileSync } from '../durable-file.ts';
import {
  DataDirectoryError,
  holderOf,
  openDataDirectory,
  type DataDirectory,
} from '../storage/directory/data-directory.ts';
import { Journal } from './journal.ts';
import { MigrationError } from './migration-error.ts';

/** What a migration is between. */
interface Ends {
  readonly source: string;
  readonly target: string;
}

interface Noted extends Ends {
  readonly format: 1;
  readonly migration: string;
}

const NOTE = 'migration.json';
const JOURNAL = 'journal';
const SNAPSHOT = 'snapshot';

/** Where a migration notes what it has done, from its first run to its last. One process has it at a time. */
export class MigrationFolder {
  readonly path: string;
  readonly #directory: DataDirectory;

  private constructor(directory: DataDirectory) {
    this.#directory = directory;
    this.path = directory.path;
  }

  /** Creates it where it is missing. Rejects with `MigrationError` or `DataDirectoryError`. */
  static async open(path: string, log: Logger): Promise<MigrationFolder> {
    try {
      return new MigrationFolder(await openDataDirectory(path, { log }));
    } catch (error) {
      if (!(error instanceof DataDirectoryError)) throw error;
      if (error.code === 'data_directory_locked') {
        const holder = (await holderOf(path)) ?? 'unknown';
        throw new MigrationError(`${path} is in use by another migration (process ${holder}): wait for it, or stop it`);
      }
      if (error.why === null) throw error;
      throw new MigrationError(`the working folder ${path} cannot be used: ${error.why}; ${OTHER_FOLDER}`);
    }
  }

  /** So that the next run can end it when this one was killed. */
  noteEngine(pid: number): void {
    this.#directory.noteEngine(pid);
  }

  /** Of a snapshot that was taken for an earlier run; null where none is noted. */
  get snapshot(): string | null {
    const path = readText(join(this.path, SNAPSHOT));
    return path === null || path === '' ? null : path;
  }

  /** Throws what the file system says. */
  noteSnapshot(path: string): void {
    replaceFileSync(join(this.path, SNAPSHOT), path);
  }

  /**
   * The id of the migration. Where the folder is new, it is noted which one it is of. Throws `MigrationError` where it
   * is of another one.
   */
  identify({ source, target }: Ends): string {
    const text = readText(join(this.path, NOTE));
    if (text === null) {
      const noted: Noted = { format: 1, migration: randomUUID(), source, target };
      replaceFileSync(join(this.path, NOTE), `${JSON.stringify(noted)}\n`);
      return noted.migration;
    }
    const noted = parse(text);
    if (noted === null) throw new MigrationError(`${join(this.path, NOTE)} cannot be read: ${OTHER_FOLDER}`);
    const what = noted.source === source ? `into the store ${noted.target}` : `of the store ${noted.source}`;
    if (noted.source === source && noted.target === target) return noted.migration;
    const is = noted.source === source ? `--store is the store ${target}` : `--data-dir has the store ${source}`;
    throw new MigrationError(`${this.path} is of a migration ${what}, and ${is}: ${OTHER_FOLDER}`);
  }

  /** Rejects with what the file system says. */
  async openJournal(): Promise<Journal> {
    return await Journal.open(join(this.path, JOURNAL));
  }

  async release(): Promise<void> {
    await this.#directory.release();
  }
}

const OTHER_FOLDER = 'choose another directory with --work-dir';

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parse(text: string): Noted | null {
  try {
    const { format, migration, source, target } = JSON.parse(text) as Partial<Noted>;
    const isWhole = format === 1 && [migration, source, target].every((id) => typeof id === 'string');
    return isWhole ? ({ format, migration, source, target } as Noted) : null;
  } catch {
    return null;
  }
}

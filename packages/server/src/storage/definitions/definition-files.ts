import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { replaceFile } from '../../durable-file.ts';
import { createDurableDirectory } from '../directory/durable-directory.ts';
import { DATABASE } from '../tables.ts';

/** A file in which the engine says what a table, or the database, is. */
export interface Definition {
  readonly text: string;
  /** The engine replaces a definition that it changes by a new file; what changes within the same file is damage. */
  readonly inode: bigint;
}

export const DATABASE_DEFINITION = `metadata/${DATABASE}.sql`;
const TABLES = `metadata/${DATABASE}`;
const DATABASE_TEXT = /^ATTACH DATABASE _ UUID '([0-9a-f-]{36})'\nENGINE = Atomic\n?$/;
const TABLE_BEGIN = /^ATTACH [A-Z ]+ _ UUID '([0-9a-f-]{36})'/;

/** What a table of the engine has from its begin on. */
const NO_PARTS: readonly string[] = ['detached', 'deduplication_logs'];

/** A character a byte, so that no two texts are read as the same. */
const ENCODING = 'latin1';

/** As it is given to the engine. */
export function statementOf(text: string): string {
  return Buffer.from(text, ENCODING).toString('utf8');
}

/** Tables that each start creates again, empty: what they hold is elsewhere. */
const DISPOSABLE = /^spans_(?:fresh(?:_\d)?|repair)\.sql$/;

/** `metadata/throughline/spans.sql`: what messages and notes call the definition of the table. */
export function pathOfTable(table: string): string {
  return `${TABLES}/${table}.sql`;
}

export function tableOf(path: string): string {
  return basename(path, '.sql');
}

/** What identifies the table's data; null where the text does not begin as the engine writes it. */
export function uuidOf(text: string): string | null {
  return TABLE_BEGIN.exec(text)?.[1] ?? null;
}

export function uuidOfDatabase(text: string): string | null {
  return DATABASE_TEXT.exec(text)?.[1] ?? null;
}

export function databaseText(uuid: string): string {
  return `ATTACH DATABASE _ UUID '${uuid}'\nENGINE = Atomic\n`;
}

/** The definitions of a store, on its disk. Where the tables' are follows from the database's. */
export class DefinitionFiles {
  readonly #store: string;

  constructor(store: string) {
    this.#store = store;
  }

  /** Null where there is none. */
  async readDatabase(): Promise<Definition | null> {
    return await readDefinition(join(this.#store, DATABASE_DEFINITION));
  }

  /** By `metadata/throughline/….sql`, without the tables that each start creates again. */
  async readTables(database: string): Promise<Map<string, Definition>> {
    const directory = this.#directoryOf(database);
    const found = new Map<string, Definition>();
    for (const name of await namesIn(directory)) {
      if (!name.endsWith('.sql') || DISPOSABLE.test(name)) continue;
      const definition = await readDefinition(join(directory, name));
      if (definition !== null) found.set(`${TABLES}/${name}`, definition);
    }
    return found;
  }

  /** Whether there are tables, or were, in the database of this id. */
  async hasTables(database: string): Promise<boolean> {
    return (await namesIn(this.#directoryOf(database))).length > 0;
  }

  /** Of a database or table of this id. */
  async hasDirectory(uuid: string): Promise<boolean> {
    return (await lstatOrNull(this.#directoryOf(uuid))) !== null;
  }

  /** Whether the table of this id has its directory, and never had anything in it. */
  async isUnusedTable(uuid: string): Promise<boolean> {
    const directory = this.#directoryOf(uuid);
    try {
      const entries = await readdir(directory, { withFileTypes: true });
      const parts = entries.filter((entry) => entry.isDirectory() && !NO_PARTS.includes(entry.name));
      const detached = await readdir(join(directory, 'detached'));
      const logs = join(directory, 'deduplication_logs');
      const inserts = await Promise.all((await namesIn(logs)).map((name) => lstat(join(logs, name))));
      return parts.length === 0 && detached.length === 0 && inserts.every(({ size }) => size === 0);
    } catch {
      return false;
    }
  }

  /** What the links beside the definitions say, which the engine makes for those who look at the directory. */
  async linkedDatabase(): Promise<string | null> {
    return await linkedUuid(join(this.#store, TABLES));
  }

  async linkedTable(table: string): Promise<string | null> {
    return await linkedUuid(join(this.#store, 'data', DATABASE, table));
  }

  /**
   * Removes the tables that each start creates again, before the engine meets a definition of one that it cannot read.
   */
  async removeDisposable(database: string): Promise<void> {
    const directory = this.#directoryOf(database);
    const names = (await namesIn(directory)).filter((name) => DISPOSABLE.test(name));
    if (names.length === 0) return;
    const links = join(this.#store, 'data', DATABASE);
    const targets = await Promise.all((await namesIn(links)).map((name) => linkedUuid(join(links, name))));
    for (const name of names) {
      const text = (await readDefinition(join(directory, name)))?.text ?? '';
      const uuid = await this.linkedTable(tableOf(name));
      // Its data goes only where nothing says that it is another table's.
      const isItsOwn = uuid !== null && uuid === uuidOf(text) && targets.filter((other) => other === uuid).length === 1;
      await rm(join(directory, name), { force: true });
      await rm(join(links, tableOf(name)), { force: true });
      if (isItsOwn) await rm(this.#directoryOf(uuid), { recursive: true, force: true });
    }
  }

  /** Puts this text in the place of what is there, durably. `beside`: a directory on the same file system. */
  async replace(path: string, text: string, database: string, beside: string): Promise<Definition> {
    // The engine refuses a directory with files that it does not know.
    const temporary = join(beside, 'restoring');
    const target =
      path === DATABASE_DEFINITION
        ? join(this.#store, DATABASE_DEFINITION)
        : join(this.#directoryOf(database), `${tableOf(path)}.sql`);
    await createDurableDirectory(dirname(target));
    await replaceFile(target, Buffer.from(text, ENCODING), { temporary });
    return { text, inode: (await lstat(target, { bigint: true })).ino };
  }

  #directoryOf(uuid: string): string {
    return join(this.#store, 'store', uuid.slice(0, 3), uuid);
  }
}

async function readDefinition(path: string): Promise<Definition | null> {
  const stats = await lstatOrNull(path);
  if (stats === null) return null;
  try {
    return { text: await readFile(path, ENCODING), inode: stats.ino };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    // What the disk does not give back is as good as damaged.
    if (code === 'EIO') return { text: '', inode: stats.ino };
    throw error;
  }
}

async function lstatOrNull(path: string): Promise<BigIntStats | null> {
  return await lstat(path, { bigint: true }).catch(() => null);
}

async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => []);
}

async function linkedUuid(path: string): Promise<string | null> {
  const name = basename(await readlink(path).catch(() => ''));
  return /^[0-9a-f-]{36}$/.test(name) ? name : null;
}

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { replaceFile } from '../../durable-file.ts';
import { createDurableDirectory } from '../directory/durable-directory.ts';
import { EngineError } from '../engine.ts';
import { pathOfCopy } from './changed-definitions.ts';
import {
  DATABASE_DEFINITION,
  databaseText,
  DefinitionFiles,
  pathOfTable,
  tableOf,
  uuidOf,
  uuidOfDatabase,
  type Definition,
} from './definition-files.ts';
import { NotedDefinitions, type DefinitionTexts } from './noted-definitions.ts';
import { ScratchStore, type AdaptTables, type StartScratch } from './scratch-store.ts';
import { registerGauge } from '../../register-gauge.ts';

export interface StoreDefinitionsOptions {
  /** The store's own directory. */
  readonly store: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly startScratch: StartScratch;
  readonly adaptTables: AdaptTables;
  /** The store is no longer wanted. */
  readonly signal: AbortSignal;
}

/** Tables without which a store is none of this program's, or of before its first release. */
const SINCE_FIRST_RELEASE = ['operation_15m', 'request_1m', 'weight_15m', 'counted_1m', 'rollup_progress'];
/** Damaged definitions that are kept; beyond it they are only told of. */
const KEPT_MAX = 100;
const DDL =
  /^\s*(?:CREATE|DROP|RENAME|EXCHANGE|ATTACH|DETACH|UNDROP)\s|^\s*ALTER\s+TABLE\s+\S+\s+(?:ADD|MODIFY|RENAME|COMMENT|RESET|DROP\s+(?:COLUMN|INDEX|CONSTRAINT|PROJECTION|STATISTICS))\s/i;

/**
 * Sees to it that the engine never opens a table by a damaged definition, which has no checksum of its own: with a
 * column of another name the table opens, and its merges drop what they do not find in it. A copy of each definition is
 * kept beside the store, and compared before the engine is started. What is damaged is put back as it was; what was
 * altered by hand, and still has all that is relied upon, is accepted.
 */
export class StoreDefinitions {
  readonly #options: StoreDefinitionsOptions;
  readonly #files: DefinitionFiles;
  readonly #noted: NotedDefinitions;
  readonly #directory: string;
  /** What the engine has opened, or null where it was not looked at. */
  #checked: Map<string, Definition> | null = null;
  #lastNote: Promise<unknown> = Promise.resolve();

  constructor(options: StoreDefinitionsOptions) {
    this.#options = options;
    this.#directory = join(options.store, 'definitions');
    this.#files = new DefinitionFiles(options.store);
    this.#noted = new NotedDefinitions(pathOfCopy(options.store), options.log);
    const help = 'Damaged table definitions that were restored; the damaged files are kept in definitions/damaged';
    registerGauge(options.registry, 'throughline_store_damaged_definitions', help, () => this.damaged.length);
  }

  /**
   * Definitions that were damaged and have been put back, as they are kept in `definitions/damaged` until that is
   * emptied.
   */
  get damaged(): readonly string[] {
    try {
      return readdirSync(join(this.#directory, 'damaged')).toSorted();
    } catch {
      return [];
    }
  }

  /**
   * Call it while no engine has the store open, and before one opens it. Rejects with `EngineError`, which names the
   * file, where a definition is damaged and not known.
   */
  async check(): Promise<void> {
    this.#checked = null;
    await this.#removeScratch();
    const noted = await this.#noted.read();
    const database = await this.#checkDatabase(noted);
    if (database === null) {
      this.#checked = new Map();
      return;
    }
    await this.#files.removeDisposable(database);
    const found = await this.#files.readTables(database);
    const unsure = [...new Set([...found.keys(), ...(noted?.keys() ?? [])])].filter(
      (path) => path !== DATABASE_DEFINITION && (found.get(path)?.text !== noted?.get(path) || noted === null),
    );
    if (unsure.length > 0) {
      const scratch = await this.#openScratch();
      if (scratch === null) return;
      try {
        for (const path of unsure) await this.#checkTable(scratch, path, found, noted, database);
      } finally {
        await scratch.close();
      }
    }
    this.#checked = found;
  }

  /**
   * Keeps a copy of what the engine has written since. Call it when tables were made or altered. Rejects, with
   * `EngineError`, only where the engine has not written one as a whole, which it does not say: with that definition
   * the store could not be opened again.
   */
  async note(): Promise<void> {
    const noted = this.#lastNote.then(() => this.#note());
    this.#lastNote = noted.catch(() => {});
    await noted;
  }

  /** Whether the statement makes the engine write definitions. */
  static areChangedBy(sql: string): boolean {
    return DDL.test(sql);
  }

  async #note(): Promise<void> {
    const checked = this.#checked;
    // What was not looked at is not taken for what it should be.
    if (checked === null) return;
    try {
      const current = new Map<string, Definition>();
      const database = await this.#files.readDatabase();
      if (database !== null) {
        current.set(DATABASE_DEFINITION, database);
        const tables = await this.#files.readTables(uuidOfDatabase(database.text) ?? '');
        for (const [path, definition] of tables) {
          const before = checked.get(path);
          current.set(path, before?.inode === definition.inode ? before : definition);
        }
      }
      for (const [path, { text }] of current) {
        if (path !== DATABASE_DEFINITION && !isWritten(text)) throw this.#unwritten(path);
      }
      const texts = new Map(Array.from(current, ([path, { text }]) => [path, text]));
      if (!isSame(texts, await this.#noted.read())) {
        await createDurableDirectory(this.#directory);
        await this.#noted.write(texts);
      }
      current.delete(DATABASE_DEFINITION);
      this.#checked = current;
    } catch (error) {
      if (error instanceof EngineError) throw error;
      this.#options.log.warn({ err: error }, 'could not copy the table definitions; will retry at the next start');
    }
  }

  /** Returns the id of the database; null where there is none yet. */
  async #checkDatabase(noted: DefinitionTexts | null): Promise<string | null> {
    const found = (await this.#files.readDatabase())?.text ?? null;
    const foundId = uuidOfDatabase(found ?? '');
    const known = noted?.get(DATABASE_DEFINITION) ?? (await this.#linkedDatabase());
    const knownId = uuidOfDatabase(known ?? '');
    const isKnownThere = knownId !== null && (await this.#files.hasTables(knownId));
    if (known === null || !isKnownThere || found?.trimEnd() === known.trimEnd()) {
      if (found === null) return null;
      if (foundId === null) throw this.#refusal(DATABASE_DEFINITION, 'it does not start the way the engine writes it');
      return foundId;
    }
    if (noted === null && foundId !== null && (await this.#files.hasTables(foundId))) {
      throw this.#refusal(
        DATABASE_DEFINITION,
        `it names ${foundId}, and the link beside it ${knownId}, which has tables as well`,
      );
    }
    await this.#putBack(DATABASE_DEFINITION, found, known, knownId, 'it differs from what the engine wrote');
    return knownId;
  }

  async #linkedDatabase(): Promise<string | null> {
    const uuid = await this.#files.linkedDatabase();
    return uuid === null ? null : databaseText(uuid);
  }

  async #checkTable(
    scratch: ScratchStore,
    path: string,
    found: Map<string, Definition>,
    noted: DefinitionTexts | null,
    database: string,
  ): Promise<void> {
    const { log } = this.#options;
    const text = found.get(path)?.text;
    const copy = noted?.get(path);
    if (text === undefined) {
      // Dropped by a person, or by a migration that was interrupted.
      if (copy === undefined || !scratch.makes(path)) return;
      found.set(path, await this.#putBack(path, null, copy, database, 'it is missing'));
      return;
    }
    const linked = await this.#files.linkedTable(tableOf(path));
    const made = scratch.textFor(path, uuidOf(copy ?? '') ?? linked ?? uuidOf(text) ?? '');
    if (text === made) return;
    const fault = await this.#findFault(scratch, path, text, copy, linked, found);
    if (fault === null) {
      if (copy !== undefined) {
        log.warn({ path }, 'another program altered a table definition; it is compatible, using it');
      }
      return;
    }
    const isKnown = made !== null && (differInOneByte(text, made) || (await this.#isOfUnfinishedTable(text, linked)));
    const known = copy ?? (isKnown ? made : null);
    if (known !== null) {
      found.set(path, await this.#putBack(path, text, known, database, fault));
      return;
    }
    throw this.#refusal(path, fault, await this.#keepExpected(path, made));
  }

  /**
   * The engine goes on where it cannot write the definition of a table that it makes. Nobody has altered one that never
   * held anything.
   */
  async #isOfUnfinishedTable(text: string, uuid: string | null): Promise<boolean> {
    return text === '' && uuid !== null && (await this.#files.isUnusedTable(uuid));
  }

  async #findFault(
    scratch: ScratchStore,
    path: string,
    text: string,
    copy: string | undefined,
    linked: string | null,
    found: ReadonlyMap<string, Definition>,
  ): Promise<string | null> {
    const isFirstStore = SINCE_FIRST_RELEASE.every((table) => !found.has(pathOfTable(table)));
    const uuid = uuidOf(text);
    if (text === '') return 'it is empty or cannot be read';
    if (uuid === null) return 'it does not start the way the engine writes it';
    const expected = uuidOf(copy ?? '') ?? linked;
    if (expected !== null && uuid !== expected && (await this.#files.hasDirectory(expected))) {
      return `it names the data of ${uuid} instead of ${expected}`;
    }
    // Nobody alters a table by one byte that still fits: bits of disks turn so.
    if (copy !== undefined && differInOneByte(text, copy)) return 'one byte of it differs from what the engine wrote';
    return await scratch.findFault(isFirstStore ? '' : tableOf(path), text);
  }

  /** What is damaged is kept aside, under a name that the same damage has again. */
  async #putBack(
    path: string,
    found: string | null,
    known: string,
    database: string,
    fault: string,
  ): Promise<Definition> {
    const damaged = join(this.#directory, 'damaged');
    try {
      await createDurableDirectory(damaged);
      const content = Buffer.from(found ?? '', 'latin1');
      const kept = `${basename(path)}.${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
      if ((await readdir(damaged)).length < KEPT_MAX) await replaceFile(join(damaged, kept), content);
      const definition = await this.#files.replace(path, known, database, this.#directory);
      this.#options.log.error(
        { path, reason: fault, kept: join(damaged, kept) },
        'restored a damaged table definition; check the disk',
      );
      return definition;
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw this.#refusal(path, `${fault}, and it could not be restored: ${what}`);
    }
  }

  /** Where only a person can know whether the table was altered. */
  async #keepExpected(path: string, text: string | null): Promise<string | null> {
    if (text === null) return null;
    const expected = join(this.#directory, 'expected');
    const file = join(expected, basename(path));
    try {
      await createDurableDirectory(expected);
      await replaceFile(file, Buffer.from(text, 'latin1'));
      return file;
    } catch {
      return null;
    }
  }

  #unwritten(path: string): EngineError {
    const { store } = this.#options;
    const message = `the definition ${path} of the store ${store} could not be written; check the free disk space and start again`;
    return new EngineError('unavailable', message);
  }

  #refusal(path: string, fault: string, expected: string | null = null): EngineError {
    const { store } = this.#options;
    const instead =
      expected === null ? '' : `if the table was not altered by hand, replace it with ${expected}; otherwise `;
    return new EngineError(
      'unavailable',
      `the store ${store} cannot be opened: the definition ${path} is damaged: ${fault}; ${instead}restore a backup with "throughline restore", or move ${store} away to start with an empty store`,
    );
  }

  /** Null where it cannot be started, for want of room for one: the store may open all the same. */
  async #openScratch(): Promise<ScratchStore | null> {
    try {
      await createDurableDirectory(this.#directory);
      return await ScratchStore.open(this.#directory, this.#options.startScratch, this.#options.adaptTables);
    } catch (error) {
      const isNotInstalled = error instanceof EngineError && error.code === 'not_installed';
      if (isNotInstalled || this.#options.signal.aborted) throw error;
      this.#options.log.warn({ err: error }, 'could not check the table definitions; opening the store as it is');
      return null;
    }
  }

  /** What a killed process has left. */
  async #removeScratch(): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => [])) {
      if (name.startsWith('scratch-')) await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }
}

function isSame(texts: DefinitionTexts, others: DefinitionTexts | null): boolean {
  return others?.size === texts.size && [...texts].every(([path, text]) => others.get(path) === text);
}

function differInOneByte(text: string, other: string): boolean {
  if (text.length !== other.length) return false;
  let differing = 0;
  for (let index = 0; index < text.length; index++) if (text[index] !== other[index]) differing++;
  return differing === 1;
}

/** Whether the engine has come to its end. */
function isWritten(text: string): boolean {
  return uuidOf(text) !== null && text.endsWith('\n');
}

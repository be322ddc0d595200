import { link, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../durable-file.ts';
import type { Logger } from 'pino';
import type { MigratedEngine } from './migrated-engine.ts';
import { findShortParts, TEXTS } from './part-check.ts';
import { sqlIdentifier, sqlString } from '../sql.ts';
import { findReadError } from './verify-part.ts';
import { IN_DATABASE, type TableName } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';
import { DAY_SECONDS } from '../utc-day.ts';
import { countOf } from '../../count-of.ts';

/** For the files of a part that could not be repaired, to tell a disk that fails from damage. */
const READ_TIMEOUT_MS = 20_000;

/** Filled and looked at in private, before its part goes into `spans`. */
const REPAIR_TABLE = 'spans_repair' satisfies TableName;

/** What a part can do without: the engine makes its list of checksums anew when it attaches one without. */
const LEFT_OUT = /^(?:skp_idx_.*|checksums\.txt)$/;

const COUNT_FILE = 'count.txt';
/** Says how each column is written, and how many rows of it. */
const SERIALIZATION_FILE = 'serialization.json';

/**
 * The value of the partition's key, a day, and the first and the last time of the part's spans; without checksums of
 * their own.
 */
const PARTITION_FILE = 'partition.dat';
const RANGE_FILE = 'minmax_start_s.idx';
const RANGE_BYTES = 8;

interface BrokenPart {
  /** In `detached/`. */
  readonly name: string;
  readonly path: string;
  /** As it was called in use. */
  readonly partName: string;
  readonly partition: string;
}

/** An engine that can use parts of `spans` again of which nothing but indexes is damaged. */
export interface RepairsIndexes {
  /**
   * `detached`: names in `detached/`. Returns those of them that are in use again; never rejects. Nothing is inserted
   * meanwhile.
   */
  repairIndexes(detached: readonly string[]): Promise<readonly string[]>;
}

/**
 * Repairs parts of `spans` in `detached/` where nothing but files of their indexes is bad: skip indexes, the primary
 * index, the range of times; or where texts that describe the part were not written with it, and others say the same. A
 * copy without the skip indexes is attached to a table of its own, read from end to end, given new ones, and moved to
 * `spans`; where one of the others is bad, its spans are inserted anew. Only then does the part leave `detached/`. An
 * interrupted repair begins again at the next start, and stores nothing twice.
 *
 * For one life of the collector: a part that cannot be repaired is tried once. Nothing else may insert meanwhile.
 */
export class IndexRepair {
  readonly #log: Logger;
  readonly #tried = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Repairs what the engine has detached at its start, and `detached`: names of others in `detached/`, which may have
   * been detached because of their indexes. Returns the names of those that are in use again. Never rejects: what is
   * not repaired stays where it is, and the log says why.
   */
  async repair(engine: MigratedEngine, detached: readonly string[] = []): Promise<readonly string[]> {
    const repaired: string[] = [];
    try {
      for (const part of await findBroken(engine, detached)) {
        if (this.#tried.has(part.name)) continue;
        this.#tried.add(part.name);
        if (!(await this.#repairPart(engine, part))) continue;
        repaired.push(part.name);
        // Its name may come again: the engine gives numbers of blocks that are free.
        this.#tried.delete(part.name);
      }
    } catch (error) {
      this.#log.error({ err: error }, 'could not look for parts with damaged indexes; will retry at the next start');
    }
    return repaired;
  }

  async #repairPart(engine: MigratedEngine, part: BrokenPart): Promise<boolean> {
    const repairTable = engine.tables[REPAIR_TABLE].local;
    const told = { table: 'spans', part: part.name };
    try {
      const { spans, added } = await restore(engine, part);
      await rm(part.path, { recursive: true });
      this.#log.warn(
        { ...told, spans, added },
        'repaired a part with damaged index files: read all of it, rebuilt its indexes, and attached it again',
      );
      return true;
    } catch (error) {
      const readError = await findReadError(part.path, READ_TIMEOUT_MS);
      this.#log.error(
        { ...told, err: error, ...(readError !== null && { readError }) },
        readError === null
          ? 'could not repair a part in detached/; leaving it there'
          : 'the disk cannot read a part in detached/; leaving it there, will retry at the next start',
      );
      return false;
    } finally {
      await engine.command(`DROP TABLE IF EXISTS ${repairTable} SYNC`).catch(() => {});
    }
  }
}

async function findBroken(engine: MigratedEngine, detached: readonly string[]): Promise<BrokenPart[]> {
  const found = await rowsOf(
    engine,
    `SELECT name, path FROM system.detached_parts WHERE ${IN_DATABASE} AND table = 'spans' ORDER BY name`,
  );
  return found.flatMap(([name, path]) => {
    const [, prefix, partName, partition] =
      /^(broken-on-start_)?((\d{8})_\d+_\d+_\d+(?:_\d+)?)(?:_try\d+)?$/.exec(String(name)) ?? [];
    if (partName === undefined || partition === undefined) return [];
    if (prefix === undefined && !detached.includes(String(name))) return [];
    return [{ name: String(name), path: String(path), partName, partition }];
  });
}

/**
 * Returns how many spans the part has, and how many of them were not in the store. Throws, and changes nothing, where
 * it is not whole.
 */
async function restore(engine: MigratedEngine, part: BrokenPart): Promise<{ spans: number; added: number }> {
  const { tables } = engine;
  const repairTable = tables[REPAIR_TABLE].local;
  const columns = await rowsOf(
    engine,
    `SELECT name, default_kind FROM system.columns WHERE ${IN_DATABASE} AND table = 'spans' AND default_kind != 'ALIAS'`,
  );
  const stored = columns.map(([name]) => sqlIdentifier(String(name)));
  const given = columns.filter(([, kind]) => kind !== 'MATERIALIZED').map(([name]) => sqlIdentifier(String(name)));

  await engine.command(`DROP TABLE IF EXISTS ${repairTable} SYNC`);
  await engine.command(`CREATE TABLE ${repairTable} AS ${tables.spans.local}`);
  const [[[directory] = []] = []] = (await rowsOf(
    engine,
    `SELECT data_paths FROM system.tables WHERE ${IN_DATABASE} AND name = 'spans_repair'`,
  )) as string[][][];
  if (directory === undefined) throw new Error('the table for the repair has no directory');
  const copy = join(directory, 'detached', part.partName);
  await linkFiles(part, copy);
  await mendTexts(engine, part.path, copy);
  const stated = await readFile(join(part.path, COUNT_FILE), 'utf8');
  const expected = Number(stated === '' ? await readFile(join(copy, COUNT_FILE), 'utf8') : stated);
  await engine.command(`ALTER TABLE ${repairTable} ATTACH PART ${sqlString(part.partName)}`);

  const [[spans, , first, last] = []] = await rowsOf(
    engine,
    `SELECT count(), sum(ignore(cityHash64(${stored.join(', ')}))), toUInt32(min(start_s)), toUInt32(max(start_s)) FROM ${repairTable}`,
  );
  if (Number(spans) !== expected) throw new Error(`${String(spans)} of its ${countOf(expected, 'span')} can be read`);
  const isRangeIntact = await hasRange(engine, Number(first), Number(last));
  await makeIndexes(engine);
  const isKeyIntact = isRangeIntact && (await countByKey(engine)) === expected;

  // Each span keeps the time when it came: what was inserted again after the part was detached has the same.
  const inStore = `${tables.spans.read} WHERE arrival IN (SELECT arrival FROM ${repairTable})`;
  const [[shared] = []] = await rowsOf(engine, `SELECT count() FROM ${inStore}`);
  // With a bad primary index, or range of times, its spans are written anew.
  if (Number(shared) === 0 && isKeyIntact) {
    await engine.command(
      `ALTER TABLE ${repairTable} MOVE PARTITION ID ${sqlString(part.partition)} TO TABLE ${tables.spans.local}`,
    );
    return { spans: expected, added: expected };
  }
  const identity = `(trace_id, span_id, cityHash64(${given.join(', ')}))`;
  const missing = `${repairTable} WHERE ${identity} NOT IN (SELECT ${identity} FROM ${inStore})`;
  const [[added] = []] = await rowsOf(engine, `SELECT count() FROM ${missing}`);
  if (Number(added) > 0) {
    const names = given.join(', ');
    await addWhole(
      engine,
      `INSERT INTO ${tables.spans.write} (${names}) SELECT ${names} FROM ${missing} SETTINGS insert_deduplicate = 0`,
    );
    const [[left] = []] = await rowsOf(engine, `SELECT count() FROM ${missing}`);
    if (Number(left) > 0) throw new Error(`the insert left out ${String(left)} of its spans`);
  }
  return { spans: expected, added: Number(added) };
}

/**
 * The engine says nothing where a file of a part cannot be written, and refuses the part at its next start: the one in
 * `detached/` would be gone then.
 */
async function addWhole(engine: MigratedEngine, insert: string): Promise<void> {
  const select = async (sql: string): Promise<unknown[][]> => await rowsOf(engine, sql);
  const before = new Set(
    (await select(`SELECT name FROM system.parts WHERE ${IN_DATABASE} AND table = 'spans' AND active`)).map(
      ([name]) => name,
    ),
  );
  await engine.command(insert);
  const short = (await findShortParts(select, 'spans')).filter(({ name }) => !before.has(name));
  for (const { name } of short)
    await engine.command(`ALTER TABLE ${engine.tables.spans.local} DROP PART ${sqlString(name)}`);
  const [first] = short;
  if (first !== undefined) throw new Error(`what was added of it could not be written: ${first.fault}`);
}

/**
 * The range of times by which a part is left out has no checksum of its own: a wrong one hides spans without a word.
 */
async function hasRange(engine: MigratedEngine, first: number, last: number): Promise<boolean> {
  const ranges = await rowsOf(
    engine,
    `SELECT toUInt32(min_time), toUInt32(max_time) FROM system.parts
WHERE ${IN_DATABASE} AND table = 'spans_repair' AND active`,
  );
  return ranges.every(([begin, end]) => Number(begin) === first && Number(end) === last);
}

/** Reading everything does not look at the primary index, which is loaded when it is needed. */
async function countByKey(engine: MigratedEngine): Promise<number | null> {
  try {
    const [[count] = []] = await rowsOf(
      engine,
      `SELECT count() FROM ${engine.tables[REPAIR_TABLE].local} WHERE tenant >= '' AND service >= ''`,
    );
    return Number(count);
  } catch {
    return null;
  }
}

async function linkFiles({ path: from, partition }: BrokenPart, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (LEFT_OUT.test(entry.name) || entry.name === PARTITION_FILE) continue;
    if (entry.isDirectory()) throw new Error(`it has a directory, ${entry.name}`);
    await link(join(from, entry.name), join(to, entry.name));
  }
  // The name of the part says the day, too.
  const day = secondsOfDay(partition);
  const key = Buffer.alloc(2);
  key.writeUInt16LE(day / DAY_SECONDS);
  await replaceFile(join(to, PARTITION_FILE), key);
  const range = await readFile(join(to, RANGE_FILE)).catch(() => null);
  if (range?.length === RANGE_BYTES) return;
  // All of the day is found to be wrong, or it is right.
  const whole = Buffer.alloc(RANGE_BYTES);
  whole.writeUInt32LE(day);
  whole.writeUInt32LE(day + DAY_SECONDS - 1, 4);
  await replaceFile(join(to, RANGE_FILE), whole);
}

/**
 * Writes texts anew that the engine could not write with the part: it had said that all was well, and refuses the part
 * at its start.
 */
async function mendTexts(engine: MigratedEngine, from: string, to: string): Promise<void> {
  const anew: Readonly<Record<string, () => Promise<string>>> = {
    // It is needed for the next one.
    'columns_substreams.txt': async () => await substreamsOfAnother(engine, from),
    'columns.txt': async () => await columnsBySubstreams(engine, to),
    'metadata_version.txt': () => Promise.resolve('0'),
    [COUNT_FILE]: async () => await countBySerialization(from),
  };
  for (const [name, make] of Object.entries(anew)) {
    const path = join(to, name);
    const isWhole = TEXTS[name] ?? ((text: string): boolean => /^\d+$/.test(text));
    const text = await readFile(path, 'latin1').catch(() => null);
    if (text === null || isWhole(text)) continue;
    // By another file: the one of that name is the part's as well.
    await replaceFile(path, await make());
  }
}

/**
 * The streams of a column follow from its type and from how it is written: those of any part in use with the same
 * columns, written so.
 */
async function substreamsOfAnother(engine: MigratedEngine, path: string): Promise<string> {
  const alike = await writtenHow(path);
  const others = await rowsOf(
    engine,
    `SELECT path FROM system.parts WHERE ${IN_DATABASE} AND table = 'spans' AND active`,
  );
  for (const [other] of others) {
    if ((await writtenHow(String(other)).catch(() => '')) !== alike) continue;
    const text = await readFile(join(String(other), 'columns_substreams.txt'), 'latin1').catch(() => '');
    if (TEXTS['columns_substreams.txt']?.(text) === true) return text;
  }
  throw new Error('its columns_substreams.txt is incomplete, and no other part has the same');
}

async function writtenHow(path: string): Promise<string> {
  const [columns, { columns: written }] = await Promise.all([
    readFile(join(path, 'columns.txt'), 'latin1'),
    readSerialization(path),
  ]);
  return JSON.stringify([columns, written.map(({ name, kind }) => [name, kind])]);
}

async function columnsBySubstreams(engine: MigratedEngine, path: string): Promise<string> {
  const text = await readFile(join(path, 'columns_substreams.txt'), 'latin1');
  const names = [...text.matchAll(/^\d+ substreams for column `(\w+)`:$/gm)].map(([, name]) => name ?? '');
  const types = new Map(
    await rowsOf(engine, `SELECT name, type FROM system.columns WHERE ${IN_DATABASE} AND table = 'spans'`).then(
      (found) => found.map(([name, type]) => [String(name), String(type)] as const),
    ),
  );
  const lines = names.map((name) => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`its columns.txt is incomplete, and there is no column ${name} any more`);
    return `\`${name}\` ${type}\n`;
  });
  if (lines.length === 0) throw new Error('its columns.txt is incomplete, and nothing else names its columns');
  return `columns format version: 1\n${lines.length} columns:\n${lines.join('')}`;
}

async function countBySerialization(path: string): Promise<string> {
  const counts = new Set((await readSerialization(path)).columns.map(({ num_rows: count }) => count));
  const [count] = counts;
  if (count === undefined || counts.size > 1)
    throw new Error('its count.txt is incomplete, and nothing else states it');
  return String(count);
}

interface Serialization {
  readonly columns: readonly { readonly name: string; readonly kind: string; readonly num_rows: number }[];
}

async function readSerialization(path: string): Promise<Serialization> {
  return JSON.parse(await readFile(join(path, SERIALIZATION_FILE), 'utf8')) as Serialization;
}

/** When a partition such as `20261123` begins. */
function secondsOfDay(partition: string): number {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(partition) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day)) / 1_000;
}

/**
 * A part without them would be searched from end to end until a merge takes it, and a large one is never merged again.
 */
async function makeIndexes(engine: MigratedEngine): Promise<void> {
  const indexes = await rowsOf(
    engine,
    `SELECT name FROM system.data_skipping_indices WHERE ${IN_DATABASE} AND table = 'spans_repair'`,
  );
  const actions = indexes.map(([name]) => `MATERIALIZE INDEX ${sqlIdentifier(String(name))}`);
  await engine.command(
    `ALTER TABLE ${engine.tables[REPAIR_TABLE].local} ${actions.join(', ')} SETTINGS mutations_sync = 1`,
  );
  const select = async (sql: string): Promise<unknown[][]> => await rowsOf(engine, sql);
  const [short] = await findShortParts(select, 'spans_repair');
  if (short !== undefined) throw new Error(`its new indexes could not be written: ${short.fault}`);
}

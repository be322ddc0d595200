import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { copyHashed } from '../maintenance/copy-hashed.ts';
import type { FileList } from '../maintenance/file-list.ts';
import { refuseOtherSchema } from '../maintenance/stored-schema.ts';
import { listSpool } from '../spool/spool-contents.ts';
import { Spool } from '../spool/spool.ts';
import { dayOfPartition } from '../storage/damage/lost-parts.ts';
import { EmbeddedEngine } from '../storage/embedded/embedded-engine.ts';
import { EngineError } from '../storage/engine.ts';
import type { EngineLimits } from '../storage/engine-limits.ts';
import { rowsOf } from '../storage/rows-of.ts';
import { SPAN_COLUMNS } from '../storage/schema.ts';
import { sqlString, sqlUInt64 } from '../storage/sql.ts';
import { findStoreId } from '../storage/store-id.ts';
import { IN_DATABASE } from '../storage/tables.ts';
import { nativeRows } from './native-rows.ts';
import { whereOf, type SecondOfSpans, type Slice } from './slices.ts';
import { IDENTITY, PLAIN_IDENTITY, PLAIN_STRUCTURE } from './span-columns.ts';
import { countIds, secondsOf } from './spans-by-second.ts';

export interface SourceOptions {
  /** The store, which nobody else has open, and whose files may have other names elsewhere. */
  readonly storePath: string;
  /** What of a data directory is there: the spool is part of what is moved, each file of it as far as the list says. */
  readonly dataPath: string;
  readonly list: FileList;
  /** For what is written on the way. */
  readonly folder: string;
  readonly log: Logger;
  readonly limits: EngineLimits;
  readonly onProcess: (pid: number) => void;
  readonly signal: AbortSignal;
  /** The built program of the engine's process; the one that is shipped by default. */
  readonly processPath?: URL;
}

interface StoredDay {
  /** `YYYY-MM-DD`. */
  readonly day: string;
  readonly spans: number;
}

/** What is left behind. */
export interface LeftInSpool {
  /** Segments in `rejected/`, which the store has refused, and those that it refuses now. */
  readonly segments: number;
  readonly spans: number;
}

const EXPORT_TIMEOUT_MS = 300_000;
const PIECE = 'piece.native';
const SPOOL_COPY = 'spool';

/** All spans that a data directory holds, of its store and of its spool, as they were at one moment. */
export class Source {
  readonly id: string;
  readonly left: LeftInSpool;
  readonly #engine: EmbeddedEngine;
  readonly #options: SourceOptions;

  private constructor(engine: EmbeddedEngine, id: string, left: LeftInSpool, options: SourceOptions) {
    this.#engine = engine;
    this.#options = options;
    this.id = id;
    this.left = left;
  }

  /** Rejects with `EngineError`, with what the file system says, or with the signal's reason. */
  static async open(options: SourceOptions): Promise<Source> {
    const { storePath: directory, log, limits, onProcess, processPath, signal } = options;
    const engine = new EmbeddedEngine({
      directory,
      log,
      registry: new Registry(),
      limits,
      // Nothing is merged in a store that is there for an hour.
      isForReading: true,
      onProcess,
      ...(processPath !== undefined && { processPath }),
    });
    try {
      await engine.start();
      signal.throwIfAborted();
      await refuseOtherSchema(engine);
      const id = await findStoreId(engine);
      if (id === null) throw new EngineError('rejected', 'the store has no id: start the collector on it once');
      return new Source(engine, id, await loadSpool(engine, options), options);
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The days that spans are stored of, the newest first. Rejects with `EngineError`. */
  async days(): Promise<StoredDay[]> {
    const sql = `SELECT partition_id, toString(sum(rows)) FROM system.parts
WHERE ${IN_DATABASE} AND table = 'spans' AND active GROUP BY partition_id ORDER BY partition_id DESC`;
    const rows = await rowsOf(this.#engine, sql);
    return rows.flatMap(([partition, spans]) => {
      const day = dayOfPartition(String(partition));
      return day === null || Number(spans) === 0 ? [] : [{ day, spans: Number(spans) }];
    });
  }

  /** Another digest as soon as the second holds another span. Rejects with `EngineError`. */
  async secondsOf(day: string): Promise<SecondOfSpans[]> {
    return await secondsOf(this.#engine, day, 'arrivals', this.#options.signal);
  }

  /** The same with digests of the ids alone, as a target has them. */
  async idsBySecond(day: string): Promise<SecondOfSpans[]> {
    return await secondsOf(this.#engine, day, 'ids', this.#options.signal);
  }

  async countIds(slice: Slice): Promise<Map<string, number>> {
    return await countIds(this.#engine, slice);
  }

  /**
   * Writes the spans of a slice to a file, as segments have them: with one arrival for all. `except`: the path of a
   * file with spans that are left out, each as often as it is there. Rejects with `EngineError`: `too_large` where the
   * slice has to be halved.
   */
  async write(
    slice: Slice,
    arrival: number,
    except: string | null,
  ): Promise<{ readonly path: string; readonly spans: number }> {
    const { folder, signal } = this.#options;
    const bytes = await this.#engine.query(this.#select(slice, arrival, except), {
      format: 'Native',
      timeoutMs: EXPORT_TIMEOUT_MS,
      signal,
    });
    const path = join(folder, PIECE);
    await writeFile(path, bytes, { mode: 0o600 });
    return { path, spans: nativeRows(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
  }

  #select(slice: Slice, arrival: number, except: string | null): string {
    const from = `${this.#engine.tables.spans.read} WHERE ${whereOf(slice)}`;
    const names = SPAN_COLUMNS.map(([name]) => name).filter((name) => name !== 'arrival');
    const values = `${sqlUInt64(arrival)} AS arrival, ${names.join(', ')}`;
    if (except === null) return `SELECT ${values} FROM ${from}`;
    return `SELECT ${values} FROM (SELECT ${names.join(', ')}, ${numbered(IDENTITY)} AS copy FROM ${from})
WHERE copy NOT IN (SELECT ${numbered(PLAIN_IDENTITY)} FROM file(${sqlString(except)}, 'Native', ${sqlString(PLAIN_STRUCTURE)}))`;
  }

  async close(): Promise<void> {
    await this.#engine.close();
    await rm(join(this.#options.folder, PIECE), { force: true }).catch(() => {});
  }
}

/** A span that was sent twice, the same in every field, is there twice: each has a number of its own. */
function numbered(identity: string): string {
  return `tuple(${identity}, row_number() OVER (PARTITION BY ${identity}))`;
}

/**
 * Puts into the store what waits for it. The files are copied first: those of a snapshot may be the ones that a
 * collector is writing to.
 */
async function loadSpool(engine: EmbeddedEngine, options: SourceOptions): Promise<LeftInSpool> {
  const { dataPath, list, folder, log, signal } = options;
  const spool = join(folder, SPOOL_COPY);
  await rm(spool, { recursive: true, force: true });
  try {
    for (const { path, bytes } of list.files) {
      if (!path.startsWith(`${SPOOL_COPY}/`)) continue;
      const to = join(folder, path);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await copyHashed(join(dataPath, path), to, { bytesMax: bytes, signal });
    }
    const opened = new Spool({ directory: spool, log, registry: new Registry() });
    await opened.open();
    let segments = 0;
    let spans = 0;
    try {
      for (const segment of opened.sealed) {
        signal.throwIfAborted();
        try {
          await engine.insertMissingSpans(segment.path);
        } catch (error) {
          if (!(error instanceof EngineError) || error.code !== 'rejected') throw error;
          log.warn({ err: error, segment: segment.name }, 'a segment of the spool cannot be loaded; it stays there');
          segments += 1;
          spans += segment.rows;
        }
      }
    } finally {
      await opened.close();
    }
    for (const { state, rows } of await listSpool(spool)) {
      if (state !== 'quarantined') continue;
      segments += 1;
      spans += rows;
    }
    return { segments, spans };
  } finally {
    await rm(spool, { recursive: true, force: true });
  }
}

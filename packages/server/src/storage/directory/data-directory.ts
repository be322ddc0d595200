import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { replaceFileSync } from '../../durable-file.ts';
import { claimDirectory, isSocketAlive, type DirectoryClaim } from './directory-claim.ts';
import { foreignFile } from './foreign-files.ts';
import { createDurableDirectory } from './durable-directory.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts';

/** `data_directory_locked`: another collector holds it. `data_directory_unusable`: it cannot be created or written. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
  readonly code: 'data_directory_locked' | 'data_directory_unusable';
  /** What is in the way, for messages about a directory with another name; null where the message says it alone. */
  readonly why: string | null;

  constructor(
    code: DataDirectoryError['code'],
    message: string,
    { why = null, ...options }: ErrorOptions & { readonly why?: string | null } = {},
  ) {
    super(message, options);
    this.code = code;
    this.why = why;
  }
}

/** A data directory that this process holds until `release`. */
export interface DataDirectory {
  readonly path: string;
  readonly spoolPath: string;
  readonly storePath: string;
  /**
   * Writes the engine's process into the lock, so that a later start can end it when we were killed. Where that fails,
   * the log says so, and it is tried again until it is written.
   */
  noteEngine(pid: number): void;
  /** Writes the ports that we listen on into the lock, for the message to a second collector. */
  notePorts(ports: Readonly<Record<string, number>>): void;
  release(): Promise<void>;
}

/** A backup is restored in it; it goes when everything is in its place. */
export const RESTORING_FOLDER = 'restoring';

/**
 * What the holder writes about itself. Whether it lives, its socket says: process ids mean nothing to other containers.
 */
interface Lock {
  readonly socket: string;
  readonly holder: ProcessIdentity;
  readonly engine?: ProcessIdentity;
  readonly ports?: Readonly<Record<string, number>>;
}

export interface DataDirectoryOptions {
  readonly log: Logger;
  /** How long the engine of a collector that was killed may take to go; it has the store open until then. */
  readonly engineEndTimeoutMs?: number;
  /** When a lock that could not be written is written again. */
  readonly lockRepeatMs?: number;
}

/** A write that the disk is busy with ends before its process does. */
const ENGINE_END_TIMEOUT_MS = 10_000;
const LOCK_REPEAT_MS = 1_000;

/** Creates the directory (not its parents) where it is missing and takes its lock. Throws `DataDirectoryError`. */
export async function openDataDirectory(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
  const directory = resolve(path);
  // The engine reads a file's name as a pattern and has no escape for it.
  if (/[*?{}]/.test(directory)) throw unusable(directory, 'its path holds one of the characters * ? { }');
  await create(directory);
  const foreign = foreignFile(directory);
  if (foreign !== null) throw unusable(directory, foreign);
  const holder = identifyProcess(process.pid);
  if (holder === null) throw unusable(directory, 'the start time of our own process cannot be read');
  const lockPath = join(directory, 'server.lock');
  const { claim, stale } = await take(lockPath, directory);
  // Not before: a restore that begins now sees our claim.
  if (existsSync(join(directory, RESTORING_FOLDER))) {
    await claim.release();
    const why = `it holds an unfinished restore in ${RESTORING_FOLDER}/: wait for it, or empty the directory and restore again`;
    throw unusable(directory, why);
  }
  const leftover = stale?.engine;
  // Until it has ended: whoever comes after us ends it, where we could not.
  let lock: Lock = { holder, socket: claim.socket, ...(leftover !== undefined && { engine: leftover }) };
  const note = (change: Partial<Lock>): void => {
    lock = { ...lock, ...change };
    writeLock(lockPath, lock);
  };
  let repeat: NodeJS.Timeout | undefined;
  const tryToNote = (change: Partial<Lock>): void => {
    const isRepeated = repeat !== undefined;
    clearTimeout(repeat);
    repeat = undefined;
    try {
      note(change);
      if (isRepeated) options.log.info(`wrote ${lockPath} after an earlier failure`);
    } catch (error) {
      // On a full disk, say. Commands find the collector by it, and the next start finds an engine that hangs.
      if (!isRepeated) {
        options.log.warn(
          { err: error },
          `could not write ${lockPath}; commands such as backup cannot find this collector until it is written`,
        );
      }
      repeat = setTimeout(() => tryToNote({}), options.lockRepeatMs ?? LOCK_REPEAT_MS).unref();
    }
  };
  try {
    removeUnfinished(directory);
    note({});
    if (leftover !== undefined) {
      await endEngine(leftover, directory, options);
      lock = { holder, socket: claim.socket };
      note({});
    }
  } catch (error) {
    await claim.release();
    throw error instanceof DataDirectoryError ? error : unusable(directory, explain(error), error);
  }
  return {
    path: directory,
    spoolPath: join(directory, 'spool'),
    storePath: join(directory, 'store'),
    noteEngine: (pid) => {
      const engine = identifyProcess(pid);
      if (engine !== null) tryToNote({ engine });
    },
    notePorts: (ports) => tryToNote({ ports }),
    release: async () => {
      clearTimeout(repeat);
      rmSync(lockPath, { force: true });
      await claim.release();
    },
  };
}

async function create(directory: string): Promise<void> {
  try {
    await createDurableDirectory(directory);
  } catch (error) {
    throw unusable(directory, explain(error), error);
  }
}

/**
 * At once or not at all, for whoever reads it while we live, or finds it when we were killed. It is not synced: after a
 * power failure nothing that it names runs any more, and an empty one is none.
 */
function writeLock(lockPath: string, lock: Lock): void {
  const temporary = `${lockPath}.${process.pid}-${randomBytes(4).toString('hex')}`;
  replaceFileSync(lockPath, JSON.stringify(lock), { sync: false, temporary });
}

/** Locks that a killed process had not moved to their place. */
function removeUnfinished(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (UNFINISHED_LOCK.test(name)) rmSync(join(directory, name), { force: true });
  }
}

const UNFINISHED_LOCK = /^server\.lock\.\d+-[0-9a-f]{8}$/;

/** Claims the directory, and reads the lock of a holder that is gone; it is null where there was none. */
async function take(lockPath: string, directory: string): Promise<{ claim: DirectoryClaim; stale: Lock | null }> {
  let claim: DirectoryClaim | null;
  try {
    claim = await claimDirectory(directory, (socket) => readLock(lockPath)?.socket === socket);
  } catch (error) {
    throw unusable(directory, explain(error), error);
  }
  const found = readLock(lockPath);
  if (claim === null) throw locked(directory, found);
  return { claim, stale: found };
}

/** Resolves when nothing of it has the store open any more. */
async function endEngine(
  engine: ProcessIdentity,
  directory: string,
  { log, engineEndTimeoutMs = ENGINE_END_TIMEOUT_MS }: DataDirectoryOptions,
): Promise<void> {
  if (!isRunning(engine)) return;
  log.warn({ enginePid: engine.pid }, 'stopping the engine that a killed collector left behind');
  try {
    process.kill(engine.pid, 'SIGKILL');
  } catch (error) {
    // It has gone by itself meanwhile.
    if (errorCode(error) !== 'ESRCH') throw error;
  }
  const deadline = performance.now() + engineEndTimeoutMs;
  while (isRunning(engine)) {
    if (performance.now() > deadline) {
      throw new DataDirectoryError(
        'data_directory_unusable',
        `the data directory ${directory} cannot be used yet: the engine of a killed collector (process id ${engine.pid}) still has its store open ${engineEndTimeoutMs} ms after it was killed, perhaps because the disk is slow; try again in a moment`,
      );
    }
    await delay(10);
  }
}

/** Null where there is none, and for a text that is no lock, as a power failure can leave it. */
function readLock(lockPath: string): Lock | null {
  try {
    const lock = JSON.parse(readFileSync(lockPath, 'utf8')) as Partial<Lock> | null;
    return typeof lock?.holder?.pid === 'number' && typeof lock.holder.startTime === 'string' ? (lock as Lock) : null;
  } catch {
    return null;
  }
}

/** The process id of the collector that holds the directory; null where none does. */
export async function holderOf(directory: string): Promise<number | null> {
  const lock = readLock(join(directory, 'server.lock'));
  return lock !== null && (await isSocketAlive(directory, lock.socket)) ? lock.holder.pid : null;
}

function locked(directory: string, lock: Lock | null): DataDirectoryError {
  const ports = Object.entries(lock?.ports ?? {}).map(([name, port]) => `${port} (${name})`);
  const holder = lock === null ? 'another collector' : `the collector with process id ${lock.holder.pid}`;
  const listens = ports.length === 0 ? '' : `, listening on ${ports.join(', ')}`;
  return new DataDirectoryError(
    'data_directory_locked',
    `the data directory ${directory} is in use by ${holder}${listens}; stop it, or give this one another directory with --data-dir or THROUGHLINE_DATA_DIR`,
  );
}

function unusable(directory: string, why: string, cause?: unknown): DataDirectoryError {
  return new DataDirectoryError(
    'data_directory_unusable',
    `the data directory ${directory} cannot be used: ${why}; choose another with --data-dir or THROUGHLINE_DATA_DIR`,
    { why, cause },
  );
}

function explain(error: unknown): string {
  const explanations: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOENT: 'it cannot be created there',
    ENOTDIR: 'a part of its path is not a directory',
    ENOSPC: 'the disk is full',
    EOPNOTSUPP: 'its file system does not support Unix sockets, which show that a collector is running',
  };
  return explanations[errorCode(error)] ?? (error instanceof Error ? error.message : String(error));
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

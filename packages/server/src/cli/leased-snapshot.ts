import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { askRunning, isResponse } from './running-collector.ts';
import { CommandError } from './command-error.ts';

/** Whoever is interrupted waits so long for a snapshot that was requested, to have it removed. */
const SNAPSHOT_WAIT_MS = 5_000;
/** For the collector to answer whether a snapshot is there, and to remove it. */
const RESPONSE_TIMEOUT_MS = 30_000;
/** It hears of us so often before it removes the snapshot. */
const SIGNS_OF_LIFE = 4;

/** A snapshot that a running collector has taken for this process, and keeps as long as it hears of it. */
export class LeasedSnapshot {
  /** A data directory that nobody changes. */
  readonly path: string;
  readonly #command: string;
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    command: string,
    url: string,
    { path, idleMs }: { readonly path: string; readonly idleMs: number },
  ) {
    this.path = path;
    this.#command = command;
    this.#url = url;
    // What is the matter is found out by `confirm`.
    this.#timer = setInterval(() => void this.#ask('PUT').catch(() => {}), idleMs / SIGNS_OF_LIFE);
  }

  /**
   * `command`: what it is for, in messages. Rejects with `CommandError` in the collector's words, or with the signal's
   * reason where it is aborted for long.
   */
  static async take(command: 'backup' | 'migration', api: string, signal: AbortSignal): Promise<LeasedSnapshot> {
    const url = urlOf(api);
    const leaving = new AbortController();
    const leave = (): void => void setTimeout(() => leaving.abort(), SNAPSHOT_WAIT_MS).unref();
    signal.addEventListener('abort', leave, { once: true });
    try {
      const taken = (await askRunning(url, 'PUT', leaving.signal)) as { path: string; token: string; idleMs: number };
      return new LeasedSnapshot(command, `${url}/${taken.token}`, taken);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Removes one that a process took which was killed. Never rejects: its collector removes it a little later. */
  static async removeLeftBehind(api: string, path: string): Promise<void> {
    const url = `${urlOf(api)}/${basename(path)}`;
    await askRunning(url, 'DELETE', AbortSignal.timeout(RESPONSE_TIMEOUT_MS)).catch(() => {});
  }

  /** Rejects with `CommandError` where the snapshot may not be there any more, or not have been there all the time. */
  async confirm(): Promise<void> {
    try {
      await this.#ask('PUT');
    } catch (error) {
      const why = isResponse(error, 404)
        ? `the collector was restarted, or this ${this.#command} was silent for too long (maintenance.snapshotIdleMs)`
        : String(error instanceof Error ? error.message : error);
      throw new CommandError(`the ${this.#command} failed because its snapshot is gone: ${why}; run it again`);
    }
  }

  /** Removes it. Never rejects: what is left is removed by the collector. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    try {
      await this.#ask('DELETE');
    } catch {
      // Nobody else has this path, and the collector may have ended.
      await rm(this.path, { recursive: true, force: true }).catch(() => {});
    }
  }

  async #ask(method: 'PUT' | 'DELETE'): Promise<void> {
    await askRunning(this.#url, method, AbortSignal.timeout(RESPONSE_TIMEOUT_MS));
  }
}

function urlOf(api: string): string {
  return `${api}/api/v1/snapshot`;
}

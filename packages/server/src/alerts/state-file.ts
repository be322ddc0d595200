import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from '../durable-file.ts';
import { parseSaved, type AlertStates, type SavedAlerts } from './saved-alerts.ts';

/** In the data directory of the only collector that uses the store. */
export class StateFile implements AlertStates {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<SavedAlerts | null> {
    try {
      return parseSaved(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async save(alerts: SavedAlerts): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await replaceFile(this.#path, JSON.stringify(alerts));
  }
}

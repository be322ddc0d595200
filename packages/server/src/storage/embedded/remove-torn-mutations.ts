import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';

const MUTATION_FILE = /^mutation_\d+\.txt$/;

/**
 * Removes the notes of mutations that could not be written as a whole, in a store that no engine has open. The engine
 * carries a mutation out though its note is empty, and cannot open the store again with it. What was not carried out
 * yet is repeated by whoever wanted it: what a rebuild deletes, and what a migration alters. Never rejects.
 */
export async function removeTornMutations(store: string, log: Logger): Promise<void> {
  try {
    for (const directory of await directoriesBelow(join(store, 'store'))) {
      for (const name of (await readdir(directory)).filter((file) => MUTATION_FILE.test(file))) {
        const path = join(directory, name);
        const text = await readFile(path, 'latin1');
        if (!isTorn(text)) continue;
        await rm(path);
        log.warn({ path, text }, 'removed an incomplete mutation file; check the free disk space');
      }
    }
  } catch (error) {
    log.warn({ err: error }, 'could not look for incomplete mutation files; opening the store without the check');
  }
}

/** Of the first version alone it is known how it ends. */
function isTorn(text: string): boolean {
  if (!text.startsWith('format version: ') || !text.includes('\n')) return true;
  return text.startsWith('format version: 1\n') && !/\ncommands: [^]*\n$/.test(text);
}

/** Of tables: two floors down. */
async function directoriesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const first of await namesIn(directory)) {
    for (const second of await namesIn(join(directory, first))) found.push(join(directory, first, second));
  }
  return found;
}

async function namesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

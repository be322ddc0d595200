import { join } from 'node:path';
import type { Logger } from 'pino';
import { DATABASE_DEFINITION, DefinitionFiles, uuidOfDatabase } from './definition-files.ts';
import { NotedDefinitions } from './noted-definitions.ts';

/** Where the copy of a store's definitions is. */
export function pathOfCopy(store: string): string {
  return join(store, 'definitions', 'copy');
}

/**
 * Definitions that are not what the engine has written, while it runs: it has read them before, and the next start will
 * meet them. None where there is no copy.
 */
export async function findChangedDefinitions(store: string, log: Logger): Promise<string[]> {
  const noted = await new NotedDefinitions(pathOfCopy(store), log).read();
  if (noted === null) return [];
  const files = new DefinitionFiles(store);
  const found = await files.readTables(uuidOfDatabase(noted.get(DATABASE_DEFINITION) ?? '') ?? '');
  const database = await files.readDatabase();
  if (database !== null) found.set(DATABASE_DEFINITION, database);
  return [...noted].filter(([path, text]) => found.get(path)?.text !== text).map(([path]) => path);
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Why a store may not open that the engine has refused without a reason: the first definition of a database or a table
 * that is no statement, and what to do. The engine opens nothing where it cannot read one.
 */
export function explainUnopened(directory: string): string {
  const found = [
    ...definitionsOf(directory, 'metadata', 'ATTACH DATABASE'),
    ...definitionsOf(directory, 'metadata/throughline', 'ATTACH '),
  ];
  const what =
    found.length === 0
      ? 'a table definition in metadata/ may be damaged or unreadable'
      : `the definition ${found.join(', ')} is damaged`;
  return `${what}; restore a backup with "throughline restore", or move ${directory} away to start with an empty store`;
}

/** Those that do not begin as the engine writes them. */
function definitionsOf(directory: string, below: string, begin: string): string[] {
  const folder = join(directory, below);
  return filesIn(folder)
    .filter((name) => name.endsWith('.sql'))
    .filter((name) => {
      try {
        return !readFileSync(join(folder, name), 'utf8').startsWith(begin);
      } catch {
        return true;
      }
    })
    .map((name) => join(below, name));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

import { readFileSync } from 'node:fs';

/**
 * What a file holds, `undefined` where there is none. Throws where it cannot be read, and `SyntaxError` where it is no
 * JSON.
 */
export function readJsonFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text);
}

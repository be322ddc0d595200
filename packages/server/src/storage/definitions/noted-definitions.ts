import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { replaceFile } from '../../durable-file.ts';

/** Texts by the path of their file below the store. */
export type DefinitionTexts = ReadonlyMap<string, string>;

/** The definitions as the engine has last written them, in a file with a checksum. */
export class NotedDefinitions {
  readonly #path: string;
  readonly #log: Logger;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** Null where nothing is noted, or where the note itself is damaged. */
  async read(): Promise<DefinitionTexts | null> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      text = '';
    }
    const end = text.indexOf('\n');
    const content = text.slice(end + 1);
    if (end > 0 && text.slice(0, end) === checksumOf(content)) {
      return new Map(JSON.parse(content) as [string, string][]);
    }
    this.#log.warn({ path: this.#path }, 'the copy of the table definitions is damaged; making a new one');
    return null;
  }

  /** Durable when it resolves. Rejects with what the file system says. */
  async write(texts: DefinitionTexts): Promise<void> {
    const content = JSON.stringify([...texts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    await replaceFile(this.#path, `${checksumOf(content)}\n${content}`);
  }
}

function checksumOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { RereadFile } from '../reread-file.ts';
import { AlertRulesError, parseAlertRules } from './rules/read-rules.ts';
import { NO_RULES, type AlertRules } from './rules/rule.ts';

/** A file that is larger is none that a person wrote. */
const FILE_BYTES_MAX = 1024 * 1024;

/** Reads a file of rules once. Throws `AlertRulesError`, also where it cannot be read. */
export function readAlertFile(path: string, rulesMax: number): AlertRules {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new AlertRulesError([`the file of alerts ${path} cannot be read (${code})`]);
  }
  if (bytes.length > FILE_BYTES_MAX) throw new AlertRulesError([`${path} has more than ${FILE_BYTES_MAX} bytes`]);
  return parseAlertRules(textOf(bytes, path), path, rulesMax);
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AlertRulesError([`${path} is not UTF-8`]);
  }
}

/** The rules of a collector that runs: read again when the file changes, and as they were while it is wrong. */
export class RuleFile {
  /** Absolute; null where there is none. */
  readonly path: string | null;
  readonly #file: RereadFile<AlertRules> | null;

  /** Throws `AlertRulesError` for a file that is wrong now. `path`: '' for none. */
  constructor(path: string, rulesMax: number, log: Pick<Logger, 'warn' | 'info'>) {
    this.path = path === '' ? null : resolve(path);
    this.#file =
      this.path === null
        ? null
        : new RereadFile({
            path: this.path,
            initial: readAlertFile(this.path, rulesMax),
            bytesMax: FILE_BYTES_MAX,
            parse: (bytes) => parseAlertRules(textOf(bytes, path), path, rulesMax),
            onChange: () => log.info({ path }, 'alerts read'),
            onBroken: (problem) => log.warn({ problem }, 'the file of alerts is wrong; the rules from before are used'),
          });
  }

  get rules(): AlertRules {
    return this.#file?.value ?? NO_RULES;
  }

  /** Why the file as it is now is not used; null where it is. */
  get problem(): string | null {
    return this.#file?.problem ?? null;
  }

  /** Looks whether the file has changed. Never rejects. */
  async look(): Promise<void> {
    await this.#file?.look();
  }
}

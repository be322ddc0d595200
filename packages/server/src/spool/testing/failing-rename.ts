import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type RenameOrder = 'enospc' | 'kill-before' | 'kill-after';

/** Engines that start between this and `off` can be ordered to fail at the rename of a part. */
export class FailingRename {
  readonly #orderPath: string;

  /** Where there is no C compiler, or no way to put a library before another, tests of it are skipped. */
  static isPossible(): boolean {
    return process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;
  }

  /** `directory`: a temporary one of the test. Compiles the library there. */
  constructor(directory: string) {
    const library = join(directory, 'failing-rename.so');
    const source = fileURLToPath(new URL('failing-rename.c', import.meta.url));
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
    this.#orderPath = join(directory, 'failing-rename.order');
    process.env['LD_PRELOAD'] = library;
    process.env['FAULT_RENAME'] = this.#orderPath;
  }

  /** Fails once, at the next rename of a directory or file whose path holds the text, which has no white space. */
  order(what: RenameOrder, text: string): void {
    writeFileSync(this.#orderPath, `${what} ${text}\n`);
  }

  get isCarriedOut(): boolean {
    return !existsSync(this.#orderPath);
  }

  off(): void {
    delete process.env['LD_PRELOAD'];
    delete process.env['FAULT_RENAME'];
  }
}

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newDirectory } from './collector.ts';

const MIB = 1024 * 1024;

/** A disk of its own, which can be filled. */
export interface SmallDisk {
  readonly path: string;
  /** Writes until not a byte is left. */
  readonly fill: () => void;
  /** Takes that away again. */
  readonly free: () => void;
  readonly unmount: () => void;
}

/** Undefined where nobody may mount a tmpfs. */
export function mountSmallDisk(mib: number): SmallDisk | undefined {
  if (process.platform !== 'linux') return undefined;
  const path = newDirectory();
  const ballast = join(path, 'ballast');
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path]).status === 0;
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  if (!isMounted) {
    remove();
    return undefined;
  }
  return {
    path,
    fill: () => {
      const { bavail, bsize } = statfsSync(path);
      for (let size = bavail * bsize; size >= 1; size = Math.floor(size / 2)) append(ballast, size);
    },
    free: () => rmSync(ballast),
    unmount: () => {
      spawnSync('umount', [path]);
      remove();
    },
  };
}

function append(path: string, bytes: number): void {
  const piece = randomBytes(Math.min(bytes, MIB)).toString('latin1');
  try {
    const encoding = 'latin1';
    writeFileSync(path, piece.repeat(Math.max(1, Math.floor(bytes / MIB))), { flag: 'a', encoding });
  } catch {
    // No space for this piece: a smaller one may still fit.
  }
}

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Whether a path is a directory, or lies below it, by whatever links; neither has to be there. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(realPath(directory), realPath(path));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}

/** Of what is there of it, with the rest as it is written. */
function realPath(path: string): string {
  const whole = resolve(path);
  let there = whole;
  while (!existsSync(there)) there = dirname(there);
  return join(realpathSync(there), relative(there, whole));
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** True while a process with this id runs; a zombie that nobody has waited for yet does not count. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return statFields(pid)?.[0] !== 'Z';
}

/** The ids of all processes below this one, as /proc tells (Linux); read it before the process is killed. */
export function descendantsOf(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const child = Number(entry);
    if (!Number.isInteger(child)) continue;
    const parent = Number(statFields(child)?.[1]);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), child]);
  }
  const found: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const children = childrenOf.get(next) ?? [];
    found.push(...children);
    waiting.push(...children);
  }
  return found;
}

/** The ids of all processes that have a file open below the directory (Linux). */
export function usersOf(directory: string): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => openPaths(pid).some((path) => path.startsWith(`${directory}/`)));
}

function openPaths(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((file) => pathOrNothing(`${folder}/${file}`));
  } catch {
    return [];
  }
}

/** Closed meanwhile. */
function pathOrNothing(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

const POLL_PAUSE_MS_MAX = 100;

/** Polls until the condition holds; fails with the given words after the deadline. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 240_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let pauseMs = 10;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`, { cause: lastError });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    // What is asked costs the processes that it waits for some of their time.
    pauseMs = Math.min(pauseMs * 1.5, POLL_PAUSE_MS_MAX);
  }
}

/** Resident memory of a process in bytes, as /proc tells (Linux). */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** The fields of /proc/<pid>/stat from the state on: [state, parent id, …]. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

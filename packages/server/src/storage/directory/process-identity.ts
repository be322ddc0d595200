import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process, safe against the reuse of its number: start times differ. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process as long as the machine is up. */
  readonly startTime: string;
}

/** Null where no such process runs. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const startTime = process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startTime === null ? null : { pid, startTime };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/**
 * `/proc/<pid>/stat`, proc(5): the command is in parentheses and may hold any character. A process that is being killed
 * is a zombie as soon as its first thread has ended; as long as another one has not, its files are open and locked.
 */
function startTimeFromProc(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isDead = state === 'X' || (state === 'Z' && Number(rest[16]) <= 1);
  return isDead ? null : (rest[18] ?? null);
}

function startTimeFromPs(pid: number): string | null {
  try {
    const answer = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return answer === '' ? null : answer;
  } catch {
    return null;
  }
}

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const TYPESCRIPT = new URL('typescript.mjs', import.meta.url).href;

/** A Node process that runs TypeScript sources of this package as they are. */
export interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  /** The next line of its standard output. */
  line(): Promise<string>;
  /** What it has written to standard error. */
  stderr(): string;
  exited(): Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

// Node 26 warns of the way in which TypeScript is loaded, and the tests look at all that is written to standard error.
const NODE_ARGUMENTS = ['--disable-warning=DEP0205', '--import', TYPESCRIPT];

/** Runs one of the files beside this one, with arguments. */
export function runChild(file: string, ...args: string[]): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return started(spawn(process.execPath, [...NODE_ARGUMENTS, path, ...args], { cwd: PACKAGE }));
}

/** Runs a module given as text; it imports from `./src/…`. */
export function evalChild(source: string, env: NodeJS.ProcessEnv = {}): Child {
  const args = [...NODE_ARGUMENTS, '--input-type=module', '--eval', source];
  return started(spawn(process.execPath, args, { cwd: PACKAGE, env: { ...process.env, ...env } }));
}

function started(child: ChildProcessWithoutNullStreams): Child {
  const lines: string[] = [];
  const waiters: { readonly resolve: (line: string) => void; readonly reject: (error: Error) => void }[] = [];
  let isClosed = false;
  const noLine = (): Error => new Error(`the process has ended without another line; it wrote: ${stderr}`);
  let rest = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    const parts = (rest + data.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      const waiter = waiters.shift();
      if (waiter === undefined) lines.push(line);
      else waiter.resolve(line);
    }
  });
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => {
      isClosed = true;
      for (const waiter of waiters.splice(0)) waiter.reject(noLine());
      resolve({ code, signal });
    });
  });
  return {
    process: child,
    line: () => {
      const line = lines.shift();
      if (line !== undefined) return Promise.resolve(line);
      if (isClosed) return Promise.reject(noLine());
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
    },
    stderr: () => stderr,
    exited: () => exit,
  };
}

import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { DemoError } from './demo-error.ts';

export interface ProcessOptions {
  /** For messages. */
  readonly name: string;
  /** A JavaScript file. */
  readonly path: string;
  readonly args?: readonly string[];
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
}

/** A line of JSON that a process has printed. */
export type JsonLine = Readonly<Record<string, unknown>>;

/** How long a process may take to end by itself before it is killed. */
const DEFAULT_STOP_TIMEOUT_MS = 4_000;
/** What is kept of each process' standard error, for the message when it ends. */
const STDERR_CHARACTERS_MAX = 4_096;

interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/**
 * Child processes that live no longer than this object, and no longer than this process: each has an IPC channel, and
 * ends itself when the channel closes.
 */
export class DemoProcesses {
  /** Rejects with a DemoError when a process ends that should not have. */
  readonly failure: Promise<never>;
  #fail: (error: DemoError) => void = () => {};
  readonly #stopTimeoutMs: number;
  #running = new Set<Running>();
  #stopping = false;

  constructor({ stopTimeoutMs = DEFAULT_STOP_TIMEOUT_MS }: { readonly stopTimeoutMs?: number } = {}) {
    this.#stopTimeoutMs = stopTimeoutMs;
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Those who wait for it see it all the same; nobody waiting is not an error of its own.
    this.failure.catch(() => {});
  }

  /** Starts a server; resolves to the `url` of the line of JSON that it prints when it is ready. */
  startServer(options: ProcessOptions): Promise<string> {
    return new Promise((resolve) => {
      this.#start(options, { endsByItself: false }, (line) => {
        if (typeof line['url'] === 'string') resolve(line['url']);
      });
    });
  }

  /** Runs a program to its end, and passes on each line of JSON that it prints. */
  async run(options: ProcessOptions, onLine: (line: JsonLine) => void): Promise<void> {
    await this.#start(options, { endsByItself: true }, onLine).ended;
  }

  /** Asks all to end, kills those that do not in time, and resolves when none is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const running = [...this.#running];
    for (const { child } of running) child.kill('SIGTERM');
    const timeout = new AbortController();
    await Promise.race([
      Promise.all(running.map(({ ended }) => ended)),
      delay(this.#stopTimeoutMs, undefined, { signal: timeout.signal }).catch(() => {}),
    ]);
    timeout.abort();
    this.kill();
    await Promise.all(running.map(({ ended }) => ended));
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping = true;
    for (const { child } of this.#running) child.kill('SIGKILL');
  }

  #start(
    options: ProcessOptions,
    { endsByItself }: { endsByItself: boolean },
    onLine: (line: JsonLine) => void,
  ): Running {
    const { name, path, args = [], env } = options;
    const child = fork(path, args, { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARACTERS_MAX);
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (text) => {
        const line = jsonLine(text);
        if (line !== null) onLine(line);
      });
    }
    const ended = new Promise<void>((resolve) => {
      const end = (how: string, isFailure: boolean): void => {
        this.#running.delete(running);
        if (isFailure && !this.#stopping) {
          this.#fail(new DemoError('process_ended', `${name} ${how}${lastWords(stderr)}`));
        }
        resolve();
      };
      child.once('error', (error) => end(`could not be started: ${error.message}`, true));
      // `close` and not `exit`: by then its standard error has been read to the end.
      child.once('close', (code, signal) => {
        end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`, !(endsByItself && code === 0));
      });
    });
    const running: Running = { name, child, ended };
    this.#running.add(running);
    if (this.#stopping) child.kill('SIGKILL');
    return running;
  }
}

/** The line that says most: an error's own, else the last one. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const words = lines.findLast((line) => /^\w*(Error|Exception)\b.*: /.test(line)) ?? lines.at(-1);
  return words === undefined ? '' : `: ${words.trim()}`;
}

function jsonLine(text: string): JsonLine | null {
  try {
    const value: JsonLine | null = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

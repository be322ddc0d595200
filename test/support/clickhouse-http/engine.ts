import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ClickHouseException } from './exception.ts';

export interface EngineResponse {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

type Reply =
  | { readonly kind: 'opened' }
  | ({ readonly kind: 'done'; readonly id: number } & EngineResponse)
  | { readonly kind: 'failed'; readonly id: number; readonly code: number; readonly message: string };

interface Waiting {
  readonly resolve: (answer: EngineResponse) => void;
  readonly reject: (error: Error) => void;
}

export interface EngineOptions {
  readonly timeZone: string;
  /** A file of ClickHouse's configuration. */
  readonly configPath?: string;
}

/** The ClickHouse behind the test server: chDB in a process of its own, in the given time zone. */
export class Engine {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #opened: Promise<void>;
  #nextId = 1;

  constructor(directory: string, { timeZone, configPath }: EngineOptions) {
    const connectionArgs = [
      ...(configPath === undefined ? [] : [`--config-file=${configPath}`]),
      '--logger.level=none',
      '--max_server_memory_usage=1500000000',
      '--mark_cache_size=67108864',
      '--max_thread_pool_size=256',
      '--background_pool_size=2',
      '--max_threads=2',
      // As of a server: chDB takes an expression for a SELECT.
      '--implicit_select=0',
    ];
    const program = fileURLToPath(new URL('engine-process.mjs', import.meta.url));
    this.#child = fork(program, [JSON.stringify({ directory, connectionArgs })], {
      serialization: 'advanced',
      execArgv: [],
      env: { ...process.env, TZ: timeZone, UV_THREADPOOL_SIZE: '24' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#opened = new Promise((resolve, reject) => {
      this.#child.on('message', (reply: Reply) => {
        if (reply.kind === 'opened') resolve();
        else this.#settle(reply);
      });
      this.#child.once('exit', (code, signal) => {
        const error = new Error(`the engine of the test server ended by ${signal ?? code}`);
        for (const { reject: fail } of this.#waiting.values()) fail(error);
        this.#waiting.clear();
        reject(error);
      });
    });
    this.#opened.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  opened(): Promise<void> {
    return this.#opened;
  }

  /** Settings hold for this statement alone. Rejects with `ClickHouseException`. */
  async run(sql: string, options: EngineRun = {}): Promise<EngineResponse> {
    const { format = 'TabSeparated', settings = {}, profile = {}, database = '', signal } = options;
    const id = this.#nextId++;
    const statements = [
      ...(database === '' ? [] : [`USE ${identifier(database)}`]),
      // What it is cancelled by; one that a client gives a comment of its own cannot be.
      setOf({ log_comment: `query-${id}`, ...profile }),
      ...(Object.keys(settings).length === 0 ? [] : [setOf(settings)]),
      sql,
    ];
    const answer = new Promise<EngineResponse>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.send({ kind: 'run', id, sql: statements.join('; '), format });
    const cancel = (): void => void this.#child.send({ kind: 'cancel', id });
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    return answer.finally(() => signal?.removeEventListener('abort', cancel));
  }

  async rows(sql: string): Promise<unknown[][]> {
    const { bytes } = await this.run(sql, { format: 'JSONCompactEachRow' });
    const lines = Buffer.from(bytes).toString('utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown[]);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  #settle(reply: Exclude<Reply, { kind: 'opened' }>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === 'done') waiting?.resolve(reply);
    else waiting?.reject(ClickHouseException.ofEngine(reply.code, reply.message));
  }
}

interface EngineRun {
  readonly format?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Of the user's profile: the others come after them, and may be refused for `readonly`. */
  readonly profile?: Readonly<Record<string, string>>;
  readonly database?: string;
  readonly signal?: AbortSignal;
}

function setOf(settings: Readonly<Record<string, string>>): string {
  return `SET ${Object.entries(settings)
    .map(([name, value]) => `${identifier(name)} = ${quoted(value)}`)
    .join(', ')}`;
}

export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

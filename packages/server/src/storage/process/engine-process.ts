import { fork, type ChildProcess } from 'node:child_process';
import { toEngineError } from '../to-engine-error.ts';
import { EngineError } from '../engine.ts';
import type { EngineUsage } from '../engine-metrics.ts';
import type { EngineArguments, EngineReply, EngineRequest, SessionKind } from './embedded-protocol.ts';

/** Output on stderr that is kept to explain a death. */
const LAST_WORDS_BYTES_MAX = 4096;

interface Pending {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: EngineError) => void;
}

export interface Statement {
  readonly session: SessionKind;
  readonly sql: string;
  readonly format: string;
  /** 0 for no limit. */
  readonly timeoutMs: number;
}

/** One life of the engine's process, seen from the collector: it opens once, answers statements and ends once. */
export class EngineProcess {
  readonly pid: number;
  /** Resolves with a sentence that says how the process ended. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #opened: Promise<void>;
  #nextId = 1;
  #lastWords = '';
  #endedBy: string | null = null;
  #killedBecause = "the engine's process ended by";
  #unansweredPings = 0;
  #usage: EngineUsage = { residentBytes: 0, cpuSeconds: 0, unmappedBytes: 0 };

  constructor(processPath: URL, engineArguments: EngineArguments) {
    this.#child = fork(processPath, [JSON.stringify(engineArguments)], {
      serialization: 'advanced',
      // A loader or inspector of ours is not for the engine.
      execArgv: [],
      env: {
        ...inheritedEnvironment(process.env),
        TZ: 'UTC',
        // What an insert has used goes back soon, so that the next one, or a merge, need not find more.
        JE_MALLOC_CONF: 'dirty_decay_ms:500,muzzy_decay_ms:0,narenas:2',
        // Each running statement holds a thread of the pool.
        UV_THREADPOOL_SIZE: String(engineArguments.querySessions + 5),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('latin1')).slice(-LAST_WORDS_BYTES_MAX);
    });
    this.#opened = new Promise((resolve, reject) => {
      this.#pending.set(0, { resolve: () => resolve(), reject });
    });
    // `open` hands the failure on; without a caller it is no unhandled rejection.
    this.#opened.catch(() => {});
    this.ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        const lastWords = this.#lastWords.trim();
        const sentence = lastWords === '' ? reason : `${reason}: ${lastWords}`;
        for (const pending of this.#pending.values()) pending.reject(new EngineError('unavailable', sentence));
        this.#pending.clear();
        this.#endedBy = sentence;
        resolve(sentence);
      };
      this.#child.once('error', (error) => end(`the engine's process could not be started: ${error.message}`));
      this.#child.once('exit', (code, signal) => end(`${this.#killedBecause} ${signal ?? `exit code ${code}`}`));
    });
    this.#child.on('message', (reply: EngineReply) => this.#receive(reply));
  }

  /** Resolves when the store is open. Rejects with `EngineError`. */
  open(): Promise<void> {
    return this.#opened;
  }

  /** The answer's bytes in the statement's format. Rejects with `EngineError`; once `cancel` aborts, soon. */
  run(statement: Statement, cancel?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== null) {
        reject(new EngineError('unavailable', this.#endedBy));
        return;
      }
      const id = this.#nextId++;
      const end = (): void => this.#send({ kind: 'cancel', id });
      const settled = (): void => cancel?.removeEventListener('abort', end);
      this.#pending.set(id, {
        resolve: (bytes) => {
          settled();
          resolve(bytes);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#send({ kind: 'run', id, ...statement });
      // A signal that has been aborted before says so no more.
      if (cancel?.aborted === true) end();
      else cancel?.addEventListener('abort', end, { once: true });
    });
  }

  /** Asks the process to close the store. Follow it with `kill` for one that does not answer. */
  close(): void {
    this.#send({ kind: 'close' });
  }

  /**
   * How often it was pinged since it last said anything. Statements run beside it and do not keep it from answering.
   */
  get unansweredPings(): number {
    return this.#unansweredPings;
  }

  /** As of its last answer to a ping. */
  get usage(): EngineUsage {
    return this.#usage;
  }

  ping(): void {
    this.#unansweredPings += 1;
    this.#send({ kind: 'ping' });
  }

  /** `because`: a sentence's begin for those who wait, which the signal ends. */
  kill(because?: string): void {
    if (because !== undefined) this.#killedBecause = `${because}; its process was ended by`;
    this.#child.kill('SIGKILL');
  }

  #send(request: EngineRequest): void {
    // A channel that has broken meanwhile is reported by `exit`, which answers everything that is pending.
    if (this.#child.connected) this.#child.send(request, () => {});
  }

  #receive(reply: EngineReply): void {
    this.#unansweredPings = 0;
    if (reply.kind === 'pong') {
      const { residentBytes, cpuSeconds, unmappedBytes } = reply;
      this.#usage = { residentBytes, cpuSeconds, unmappedBytes };
      return;
    }
    const id = reply.kind === 'opened' || reply.kind === 'failed' ? 0 : reply.id;
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (reply.kind === 'opened') pending?.resolve(new Uint8Array());
    else if (reply.kind === 'failed') pending?.reject(new EngineError(reply.code, reply.message));
    else if (reply.kind === 'done') pending?.resolve(reply.bytes);
    else pending?.reject(toEngineError(reply.clickhouseCode, reply.message));
  }
}

/**
 * What the engine, Node and libraries that were loaded before them look at. Nothing else is handed on: settings of the
 * collector, and whatever else its environment holds, may be secrets.
 */
const INHERITED = /^(?:PATH|HOME|USER|TMPDIR|LANG|LC_\w+|LD_\w+|DYLD_\w+|MALLOC_\w+|NODE_\w+|FAULT_\w+)$/;

function inheritedEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => INHERITED.test(name)));
}

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { descendantsOf, eventually, isAlive } from './processes.ts';

export const commandPath = fileURLToPath(new URL('../../packages/server/dist/cli/main.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Collector {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly apiUrl: string;
  readonly otlpUrl: string;
  readonly otlpGrpcUrl: string;
  /** Settles when the process has ended. */
  readonly exited: Promise<Exit>;
  /** What it wrote to standard output and standard error so far. */
  readonly output: () => string;
  /** The process of the embedded engine that runs at this moment. */
  readonly enginePid: () => number;
  /** SIGTERM, its exit, and the check that no process stays behind. Removes the data directory unless told to keep it. */
  readonly stop: (options?: { keepData?: boolean }) => Promise<Exit>;
}

export interface CollectorOptions {
  /** Default: a new folder below the system's temporary one. */
  readonly dataDirectory?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its store cannot be used yet: it takes spans, and is not ready. */
  readonly startsDown?: boolean;
}

/** Tests wait for the store and the derived tables, and ask nothing meanwhile. */
const SOON = {
  THROUGHLINE_SPOOL_SEGMENT_AGE_MS: '500ms',
  THROUGHLINE_ROLLUPS_INTERVAL_MS: '500ms',
  THROUGHLINE_ROLLUPS_IDLE_INTERVAL_MS: '1s',
};

/** Starts `throughline up` on free ports and waits until it can ingest and query. Rejects as soon as it has ended. */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  const dataDirectory = options.dataDirectory ?? newDirectory();
  const command = runCommand(
    [
      'up',
      '--http-port',
      '0',
      '--otlp-http-port',
      '0',
      '--otlp-grpc-port',
      '0',
      '--data-dir',
      dataDirectory,
      ...(options.args ?? []),
    ],
    { ...SOON, ...options.env },
  );
  const addresses = await eventually('the collector is ready', async () => {
    if (!isAlive(command.pid)) return null;
    const { holder, ports } = readLock(dataDirectory);
    if (holder.pid !== command.pid || !ports) return undefined;
    const found = {
      apiUrl: `http://127.0.0.1:${ports['UI and API']}`,
      otlpUrl: `http://127.0.0.1:${ports['OTLP/HTTP']}`,
      otlpGrpcUrl: `http://127.0.0.1:${ports['OTLP/gRPC']}`,
    };
    const { status } = await fetch(`${found.apiUrl}/readyz`);
    return status === 200 || options.startsDown === true ? found : undefined;
  }).catch(async (error: unknown) => {
    // Nobody else could end it, and what it said tells why.
    if (isAlive(command.pid)) process.kill(command.pid, 'SIGKILL');
    await command.exited;
    throw new Error(`the collector was not ready in time:\n${command.output()}`, { cause: error });
  });
  if (addresses === null) throw new Error(`the collector ended before it was ready:\n${command.output()}`);
  const { apiUrl, otlpUrl, otlpGrpcUrl } = addresses;
  return {
    ...command,
    dataDirectory,
    apiUrl,
    otlpUrl,
    otlpGrpcUrl,
    enginePid: () => readLock(dataDirectory).engine.pid,
    stop: async ({ keepData = false } = {}) => {
      const below = descendantsOf(command.pid);
      if (isAlive(command.pid)) process.kill(command.pid, 'SIGTERM');
      const exit = await command.exited;
      await eventually('every process of the collector has ended', () => !below.some((pid) => isAlive(pid)));
      if (!keepData) rmSync(dataDirectory, { recursive: true, force: true });
      return exit;
    },
  };
}

export interface ReadyzFinding {
  readonly code: string;
  readonly message: string;
}

/** What a collector says at `/readyz`. */
export async function readyz({ apiUrl }: Pick<Collector, 'apiUrl'>): Promise<{
  readonly ready: boolean;
  readonly problems: readonly ReadyzFinding[];
  readonly warnings: readonly ReadyzFinding[];
}> {
  const response = await fetch(`${apiUrl}/readyz`);
  return (await response.json()) as Awaited<ReturnType<typeof readyz>>;
}

/** Whether the store has taken everything that was acknowledged. */
export async function isSpoolEmpty({ apiUrl }: Collector): Promise<boolean> {
  const metrics = await (await fetch(`${apiUrl}/metrics`)).text();
  return (
    /^throughline_spool_backlog_segments 0$/m.test(metrics) && /^throughline_rollup_waiting_spans 0$/m.test(metrics)
  );
}

export interface Command {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly output: () => string;
}

export interface CommandOptions {
  /** The user, and the group, that it runs as; only root may choose. */
  readonly uid?: number;
  /** Variables that it does not get. */
  readonly unset?: readonly string[];
  /** A program and its arguments that runs it. */
  readonly through?: readonly string[];
}

/** Runs the built `throughline` with these arguments, untouched by the settings of whoever runs the tests. */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: CommandOptions = {},
): Command {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(THROUGHLINE|OTEL|VITEST|NODE_OPTIONS)/.test(name)),
  );
  const [program, ...first] = [...(options.through ?? []), process.execPath, commandPath];
  const given: Record<string, string | undefined> = { ...inherited, NO_COLOR: '1', ...env };
  for (const name of options.unset ?? []) delete given[name];
  const child = spawn(program, [...first, ...args], {
    env: given,
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  return { pid: child.pid ?? -1, exited, output: () => output };
}

export function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'throughline-test-'));
}

interface Lock {
  readonly holder: { readonly pid: number };
  readonly engine: { readonly pid: number };
  readonly ports?: { readonly 'OTLP/gRPC': number; readonly 'OTLP/HTTP': number; readonly 'UI and API': number };
}

function readLock(dataDirectory: string): Lock {
  return JSON.parse(readFileSync(join(dataDirectory, 'server.lock'), 'utf8')) as Lock;
}

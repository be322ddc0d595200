/**
 * The process that the embedded engine lives in. It opens the store, runs one statement at a time on each of its
 * sessions, and never outlives the collector.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type * as Chdb from 'chdb';
import type { Session } from 'chdb';
import { FilePages, loadUnmap } from '../../file-pages.ts';
import { explainUnopened } from './explain-unopened.ts';
import type { EngineArguments, EngineReply, EngineRequest, SessionKind } from './embedded-protocol.ts';

// The channel closes when the collector is gone, however it went. SIGKILL, because an ordinary exit waits for running
// statements and keeps the store locked meanwhile.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A Ctrl-C reaches the whole process group; the collector decides when the engine stops.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const { directory, connectionArgs, querySessions, unmapIntervalMs } = JSON.parse(
  process.argv[2] ?? '',
) as EngineArguments;

/** Ends statements of the others. */
let controlSession: Session | null = null;
/** Statements that run. */
const running = new Set<number>();
/** How long a statement may take to begin, or to end, before it is asked to end again. */
const CANCEL_REPEAT_MS = 100;

/** The collector never sends more statements at once than there are sessions of the kind. */
const idleSessions: Record<SessionKind, Session[]> = { insert: [], fresh: [], command: [], query: [] };

void open();

async function open(): Promise<void> {
  let chdb: typeof Chdb;
  try {
    chdb = await import('chdb');
  } catch (error) {
    const message = `the embedded engine is not installed; run "npm install chdb" (Linux with glibc or macOS, x64 or arm64): ${firstLine(error)}`;
    reply({ kind: 'failed', code: 'not_installed', message });
    return;
  }
  const openSession = (): Session => new chdb.Session(directory, { connectionArgs });
  try {
    idleSessions.insert.push(openSession());
    idleSessions.fresh.push(openSession());
    idleSessions.command.push(openSession());
    controlSession = openSession();
    for (let index = 0; index < querySessions; index++) idleSessions.query.push(openSession());
  } catch (error) {
    const message = `the store ${directory} cannot be opened: ${firstLine(error)}; ${explainUnopened(directory)}`;
    reply({ kind: 'failed', code: 'unavailable', message });
    return;
  }
  process.on('message', (request: EngineRequest) => {
    if (request.kind === 'close') close();
    else if (request.kind === 'ping') reply(pong());
    else if (request.kind === 'cancel') void cancel(request.id);
    else void run(request, openSession);
  });
  reply({ kind: 'opened' });
  await unmapFiles();
}

let filePages: FilePages | null = null;

async function unmapFiles(): Promise<void> {
  const unmap = unmapIntervalMs === 0 ? null : await loadUnmap();
  if (unmap === null) return;
  filePages = new FilePages({ intervalMs: unmapIntervalMs, unmap });
  filePages.start();
}

async function run(request: EngineRequest & { kind: 'run' }, openSession: () => Session): Promise<void> {
  const idle = idleSessions[request.session];
  let session = idle.pop();
  if (session === undefined) {
    reply({ kind: 'error', id: request.id, clickhouseCode: 0, message: `no ${request.session} session is idle` });
    return;
  }
  running.add(request.id);
  if (request.session === 'insert') filePages?.lookBeforeLargeWork();
  try {
    // A session keeps its settings, so they are set with every statement; the comment is what it is cancelled by.
    const sql = `SET max_execution_time = ${request.timeoutMs / 1000}, log_comment = '${commentOf(request.id)}'; ${request.sql}`;
    const result = await session.queryAsync(sql, { format: request.format });
    reply({ kind: 'done', id: request.id, bytes: result.bytes() });
  } catch (error) {
    // What a failed statement had answered already would come before the session's next answer.
    session.close();
    session = openSession();
    const clickhouseCode = (error as { clickhouseCode?: unknown }).clickhouseCode;
    reply({
      kind: 'error',
      id: request.id,
      clickhouseCode: typeof clickhouseCode === 'number' ? clickhouseCode : 0,
      message: error instanceof Error ? error.message : String(error),
    });
  } finally {
    running.delete(request.id);
    idle.push(session);
  }
}

/** The session's results are read one after the other: it runs one statement at a time. */
let lastKill: Promise<unknown> = Promise.resolve();

async function cancel(id: number): Promise<void> {
  // One that has not begun is not found yet, and the engine looks only between blocks.
  while (running.has(id)) {
    lastKill = lastKill.then(() => kill(id));
    await lastKill;
    await delay(CANCEL_REPEAT_MS);
  }
}

async function kill(id: number): Promise<void> {
  if (!running.has(id)) return;
  const sql = `KILL QUERY WHERE Settings['log_comment'] = '${commentOf(id)}' ASYNC`;
  // A statement that cannot be cancelled ends by its time limit.
  await controlSession?.queryAsync(sql, { format: 'Null' }).catch(() => {});
}

function commentOf(id: number): string {
  return `throughline-${id}`;
}

function pong(): EngineReply {
  const { user, system } = process.cpuUsage();
  const unmappedBytes = filePages?.unmappedBytes ?? 0;
  return { kind: 'pong', residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6, unmappedBytes };
}

function close(): void {
  // Sessions that still run a statement are left: closing waits for them, and their answer is no longer wanted.
  for (const session of Object.values(idleSessions).flat()) session.close();
  process.kill(process.pid, 'SIGKILL');
}

function reply(message: EngineReply): void {
  if (process.connected) process.send?.(message);
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}

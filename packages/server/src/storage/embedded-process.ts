/**
 * The process that the embedded engine lives in. It opens the store, runs one statement at a time on each of its
 * sessions, and never outlives the collector.
 */
import type * as Chdb from 'chdb';
import type { Session } from 'chdb';
import type { EngineArguments, EngineReply, EngineRequest } from './embedded-protocol.ts';

// The channel closes when the collector is gone, however it went. SIGKILL, because an ordinary exit waits for running
// statements and keeps the store locked meanwhile.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A Ctrl-C reaches the whole process group; the collector decides when the engine stops.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const { directory, connectionArgs, querySessions } = JSON.parse(process.argv[2] ?? '') as EngineArguments;

/** The collector never asks for more statements at once than there are sessions of the kind. */
const idleSessions: Record<'insert' | 'query', Session[]> = { insert: [], query: [] };

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
    for (let index = 0; index < querySessions; index++) idleSessions.query.push(openSession());
  } catch (error) {
    const message = `the store ${directory} cannot be opened: ${firstLine(error)}`;
    reply({ kind: 'failed', code: 'unavailable', message });
    return;
  }
  process.on('message', (request: EngineRequest) => {
    if (request.kind === 'close') close();
    else if (request.kind === 'ping') reply({ kind: 'pong' });
    else void run(request, openSession);
  });
  reply({ kind: 'opened' });
}

async function run(request: EngineRequest & { kind: 'run' }, openSession: () => Session): Promise<void> {
  const idle = idleSessions[request.session];
  let session = idle.pop();
  if (session === undefined) {
    reply({ kind: 'error', id: request.id, clickhouseCode: 0, message: `no ${request.session} session is idle` });
    return;
  }
  try {
    // A session keeps its settings, so the limit is set with every statement.
    const sql = `SET max_execution_time = ${request.timeoutMs / 1000}; ${request.sql}`;
    const result = await session.queryAsync(sql, { format: request.format });
    reply({ kind: 'done', id: request.id, bytes: result.bytes() });
  } catch (error) {
    // What a failed statement had answered already would stand in front of the session's next answer.
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
    idle.push(session);
  }
}

function close(): void {
  // Sessions that still run a statement are left: closing waits for them, and their answer is no longer wanted.
  for (const session of [...idleSessions.query, ...idleSessions.insert]) session.close();
  process.kill(process.pid, 'SIGKILL');
}

function reply(message: EngineReply): void {
  if (process.connected) process.send?.(message);
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}

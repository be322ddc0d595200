/**
 * chDB in a process of its own. Each statement gets a session of its own, so that settings end with it as they do with
 * a request; the first one is kept, because the store closes with its last.
 */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

// It is the server's dependency.
const { Session } = createRequire(new URL('../../../packages/server/package.json', import.meta.url))('chdb');

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('SIGINT', () => {});

const { directory, connectionArgs } = JSON.parse(process.argv[2] ?? '{}');
const openSession = () => new Session(directory, { connectionArgs });
const control = openSession();
const running = new Set();
let lastKill = Promise.resolve();

process.on('message', (request) => {
  if (request.kind === 'cancel') void cancel(request.id);
  else void run(request);
});
process.send({ kind: 'opened' });

async function run({ id, sql, format }) {
  running.add(id);
  const session = openSession();
  try {
    const result = await session.queryAsync(sql, { format });
    const { rowsRead, bytesRead } = result;
    process.send({ kind: 'done', id, bytes: result.bytes(), rowsRead, bytesRead });
  } catch (error) {
    process.send({ kind: 'failed', id, code: error.clickhouseCode ?? 0, message: error.message });
  } finally {
    running.delete(id);
    session.close();
  }
}

/** The engine looks between blocks, and does not find a statement that has not begun. */
async function cancel(id) {
  while (running.has(id)) {
    const sql = `KILL QUERY WHERE Settings['log_comment'] = 'query-${id}' ASYNC`;
    lastKill = lastKill.then(() => control.queryAsync(sql, { format: 'Null' }).catch(() => {}));
    await lastKill;
    await delay(50);
  }
}

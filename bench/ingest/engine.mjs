/** The engine without a collector. */
import { createRequire } from 'node:module';
import { EmbeddedEngine } from '../../packages/server/dist/storage/embedded/embedded-engine.js';

export const { Registry } = createRequire(new URL('../../packages/server/package.json', import.meta.url))(
  'prom-client',
);

export const SILENT = { debug() {}, info() {}, warn: console.error, error: console.error };

/** Opens the engine on a store; answers it with the process id of its process, and a way to ask for rows. */
export async function openEngine(directory) {
  let pid = 0;
  const engine = new EmbeddedEngine({
    directory,
    log: SILENT,
    registry: new Registry(),
    onProcess: (started) => (pid = started),
  });
  await engine.start();
  const ask = async (sql) => {
    const bytes = await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: 60_000 });
    const lines = Buffer.from(bytes).toString().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  };
  return { engine, pid, ask };
}

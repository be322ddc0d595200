import { eventually, type StartedEngine } from './start-engine.ts';

/** Two inserts of a hundred rows each as one part, in a table that is empty; where that is. */
export async function mergedPart(store: StartedEngine, table: string): Promise<string> {
  await insertPart(store, table, 1);
  await insertPart(store, table, 2);
  await store.engine.command(`OPTIMIZE TABLE throughline.${table} FINAL`);
  const [[path] = []] = await store.rows(pathsInUse(table));
  return String(path).replace(/\/$/, '');
}

export function pathsInUse(table: string): string {
  return `SELECT path FROM system.parts WHERE database = 'throughline' AND table = '${table}' AND active`;
}

/** A hundred rows of 2026-11-18; of counts, of the same hundred keys each time. */
export async function insertPart({ engine }: StartedEngine, table: string, number: number): Promise<void> {
  await engine.command(
    table === 'spans'
      ? `INSERT INTO throughline.spans (span_id, start_s) SELECT reinterpretAsFixedString(toUInt64(${number})), toDateTime(1795000000) FROM numbers(100)`
      : `INSERT INTO throughline.${table} (time, operation, requests) SELECT toDateTime(1795000000), toString(number), 1 FROM numbers(100)`,
  );
}

/** What the collector has counted of merges that were not written whole, by what came of them. */
export async function shortMerges({ registry }: StartedEngine): Promise<Readonly<Record<string, number>>> {
  const { values = [] } = (await registry.getSingleMetric('throughline_engine_short_merges_total')?.get()) ?? {};
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels['outcome']), value]));
}

/** Resolves when the one that took its place is ready. */
export async function killEngine({ engine, pids }: StartedEngine): Promise<void> {
  const lives = pids.length;
  process.kill(pids.at(-1) ?? 0, 'SIGKILL');
  await eventually(() => pids.length > lives && engine.state.kind === 'ready');
}

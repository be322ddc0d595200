/** What a store holds that a collector has left, by the engine alone. */
import { join } from 'node:path';
import { openEngine } from './engine.mjs';

/** All ids at once would take more memory than a query may. */
const ID_PARTS = 16;

/**
 * Counts every id, and what the derived tables say, against what was acknowledged; throws where they differ. Returns the bytes a span of
 * all tables, when the parts of spans are merged.
 */
export async function countStored(directory, acknowledged) {
  const { engine, ask } = await openEngine(join(directory, 'store'));
  const number = async (sql) => Number((await ask(sql))[0][0]);
  try {
    const rows = await number('SELECT count() FROM throughline.spans');
    let ids = 0;
    for (let part = 0; part < ID_PARTS; part++) {
      const where = `cityHash64(span_id) % ${ID_PARTS} = ${part}`;
      ids += await number(`SELECT uniqExact(span_id) FROM throughline.spans WHERE ${where}`);
    }
    const counted = await number('SELECT sum(spans) FROM throughline.operation_15m');
    if ([rows, ids, counted].some((found) => found !== acknowledged)) {
      const found = `${rows} are stored, with ${ids} distinct ids, and ${counted} are counted in operation_15m`;
      throw new Error(`${acknowledged} spans were acknowledged, ${found}`);
    }
    await engine.command('OPTIMIZE TABLE throughline.spans FINAL');
    return (
      (await number("SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'throughline' AND active")) / rows
    );
  } finally {
    await engine.close();
  }
}

import { sqlString } from '../sql.ts';
import { IN_DATABASE } from '../tables.ts';

/** A replica keeps a part that Keeper does not know for five minutes, and looks at it some time later. */
const KEPT_S = 900;

/**
 * A part of `spans` that a replica shows and Keeper does not know, or null. Where the session with Keeper is lost as a
 * part is committed, the replica keeps it until it has looked whether it was; whoever inserts repeats it, and the spans
 * are there twice until then. A part that is older is none of these: what removes it is a person.
 *
 * `select`: returns rows of one SELECT on that replica.
 * @see https://clickhouse.com/docs/operations/system-tables/replicas (`parts_to_check`)
 */
export async function findUnnotedPart(select: (sql: string) => Promise<unknown[][]>): Promise<string | null> {
  const isSpans = `${IN_DATABASE} AND table = 'spans'`;
  const [[path = '', suspected = 0] = []] = await select(
    `SELECT replica_path, toUInt32(parts_to_check) FROM system.replicas WHERE ${isSpans}`,
  );
  // Without one nothing is asked of Keeper, which answers for each part by itself.
  if (suspected === 0) return null;
  // First those that are shown: one that comes between the two questions is in both answers, or in the second alone.
  const shown = await select(
    `SELECT name FROM system.parts WHERE ${isSpans} AND active AND modification_time > now() - ${KEPT_S}`,
  );
  const noted = await select(`SELECT name FROM system.zookeeper WHERE path = ${sqlString(`${String(path)}/parts`)}`);
  const known = new Set(noted.map(([name]) => String(name)));
  return shown.map(([name]) => String(name)).find((name) => !known.has(name)) ?? null;
}

import type { ClickHouseCluster } from './clickhouse-cluster.ts';

const IS_REQUEST = "(kind = 2 OR kind = 5 OR hex(parent_span_id) = '0000000000000000')";

/** What a derived table holds, and what it must, in words that 18.16 has. */
const AUDITS = [
  [
    'operation_15m',
    `SELECT toUInt32(time) AS t, toString(service_name) AS s, toString(operation) AS o, sum(spans) AS n, minMerge(first_ns) AS first, maxMerge(last_ns) AS last
FROM throughline.operation_15m GROUP BY t, s, o ORDER BY t, s, o`,
    `SELECT toUInt32(toStartOfFifteenMinutes(start_s)) AS t, toString(service) AS s, toString(name) AS o, count() AS n, min(start_ns) AS first, max(start_ns) AS last
FROM throughline.spans GROUP BY t, s, o ORDER BY t, s, o`,
  ],
  ...['Minute', 'Hour'].map((unit) => [
    `request_1${unit === 'Minute' ? 'm' : 'h'}`,
    `SELECT toUInt32(time) AS t, toUInt16(bucket) AS b, sum(spans) AS n FROM throughline.request_1${unit === 'Minute' ? 'm' : 'h'} GROUP BY t, b ORDER BY t, b`,
    `SELECT toUInt32(toStartOf${unit}(start_s)) AS t, toUInt16(floor(8 * log2(if(duration_ns < 1, 1, duration_ns)))) AS b, count() AS n
FROM throughline.spans WHERE ${IS_REQUEST} GROUP BY t, b ORDER BY t, b`,
  ]),
  [
    'trace_times',
    `SELECT hex(trace_id) AS id, toDate(first_s) AS day, toUInt32(min(first_s)) AS first, toUInt64(max(toUInt32(first_s) + length_s)) AS last, max(has_root) AS root
FROM throughline.trace_times GROUP BY id, day ORDER BY id, day`,
    `SELECT hex(trace_id) AS id, toDate(start_s) AS day, toUInt32(min(start_s)) AS first, toUInt64(max(toUInt32(start_s))) AS last, max(hex(parent_span_id) = '0000000000000000') AS root
FROM throughline.spans GROUP BY id, day ORDER BY id, day`,
  ],
  [
    'attribute_values',
    `SELECT toString(day) AS d, key, toUInt64(sum(weight)) AS w FROM throughline.attribute_values WHERE key_slot >= 4096 GROUP BY d, key ORDER BY d, key`,
    `SELECT toString(toDate(start_s)) AS d, key, count() AS w FROM throughline.spans ARRAY JOIN arrayConcat(attrs_k, res_k) AS key GROUP BY d, key ORDER BY d, key`,
  ],
] as const;

/** The derived tables of a store on ClickHouse servers of any age that do not hold what its spans say. */
export async function wrongTables(rows: (sql: string) => Promise<unknown[][]>): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, table, spans] of AUDITS) {
    const [held, said] = [await rows(table), await rows(spans)];
    if (JSON.stringify(held) !== JSON.stringify(said)) wrong.push(name);
  }
  return wrong;
}

/** The same of a cluster, of which a replica that was away may know neither the newest spans nor what is counted. */
export async function isCountedOn(cluster: Pick<ClickHouseCluster, 'rows' | 'settled'>): Promise<boolean> {
  await cluster.settled();
  return await isCounted(cluster.rows);
}

/** Whether the collectors of a cluster have counted all that is stored. */
export async function isCounted(rows: (sql: string) => Promise<unknown[][]>): Promise<boolean> {
  const [[uncounted] = []] = await rows(
    `SELECT count() FROM throughline.spans WHERE arrival > (SELECT argMax(counted_until, version) FROM throughline.rollup_progress WHERE collector = 'collector')`,
  );
  const pending = await rows(
    'SELECT collector, argMax(pending_until, version) AS pending FROM throughline.rollup_progress GROUP BY collector HAVING pending > 0',
  );
  return Number(uncounted) === 0 && pending.length === 0;
}

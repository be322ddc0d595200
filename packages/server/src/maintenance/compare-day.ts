import type { Engine } from '../storage/engine.ts';
import {
  COUNTS_PER_KEY,
  IS_COMPLETED,
  LOOKED_AT,
  SECOND_SLOT_OF_KEY,
  SLOT_OF_KEY,
  SLOT_OF_VALUES,
  VALUES_PER_BATCH,
  WITH_ATTRIBUTES,
} from '../storage/rollups/attribute-values.ts';
import { readProgress } from '../storage/rollups/rollup-progress.ts';
import { ROLLUP_JOB_LIMITS } from '../storage/rollups/rollup-limits.ts';
import { BATCH_SETTINGS } from '../storage/rollups/rollup-rebuild.ts';
import { OPERATION_NAME, SERVICE_NAME } from '../storage/rollups/rollup-names.ts';
import { BUCKETS_PER_OCTAVE, IS_REQUEST, LONG_TRACE_SECONDS, startOf } from '../storage/rollups/rollups.ts';
import { RARE } from '../storage/rollups/rare-columns.ts';
import { sqlString, sqlUInt64 } from '../storage/sql.ts';
import { IS_UNKNOWN } from '../storage/rollups/weights.ts';
import type { Table, Tables } from '../storage/tables.ts';
import { rowsOf } from '../storage/rows-of.ts';

type Asked = Pick<Engine, 'query' | 'tables'>;

export interface WrongDay {
  readonly day: string;
  readonly table: string;
  /** What of it is wrong, such as `spans` or `errors`; the first of more. */
  readonly of: string;
  /** What the table holds, and what it should. */
  readonly found: number;
  readonly expected: number;
}

/** A statement reads one day; the largest take long. */
const STATEMENT_TIMEOUT_MS = 3_600_000;
/** Traces of so many spans are compared at a time. */
const SPANS_AT_ONCE = 2_000_000;
/** Sums of doubles depend on their order. */
const ROUNDING = 1e-6;
/**
 * Weights that are estimated out of a part of the spans may be off by so much, if so many of that part have the key.
 */
const ESTIMATE_FACTOR = 4;
const ESTIMATED_FROM = 32;
/** Of a key with no more values on a day all are kept, even where a batch has spans of as many days as one may have. */
const VALUES_KEPT = VALUES_PER_BATCH / 64;

/**
 * Holds what the derived tables say of one day against its spans: sums over the day, and sums of hashes of what each
 * count is of, which no group has to be made for. What the sampling of attributes leaves open is not held against them.
 */
export async function compareDay(engine: Asked, day: string, storedSpans: number): Promise<WrongDay[]> {
  const { counted, isPending } = await findProgress(engine);
  if (isPending)
    throw new Error(
      'not all stored spans are in the derived tables yet; check again after the collector has run for a minute',
    );
  const ofDay = `toDate(start_s) = toDate(${sqlString(day)}) AND arrival <= ${sqlUInt64(counted)}`;
  const said = await askSums(engine, ...ofSpans(engine.tables, ofDay));
  const wrong: WrongDay[] = [];
  const compare = (table: string, found: Sums, expected: Sums): void => {
    const of = Object.keys(found).find((name) => !isSame(found[name] ?? 0, expected[name] ?? 0));
    if (of === undefined || wrong.some((other) => other.table === table)) return;
    wrong.push({ day, table, of, found: found[of] ?? 0, expected: expected[of] ?? 0 });
  };
  compare('trace_times', ...(await traceTimes(engine, day, ofDay, storedSpans)));
  compare('trace_times', ...(await unnoted(engine, day, ofDay, storedSpans)));
  compare(
    'long_traces',
    await askSums(engine, { 'traces that are missing': 'uniqExact(trace_id)' }, unnotedLong(engine.tables, day, ofDay)),
    {
      'traces that are missing': 0,
    },
  );
  compare('operation_15m', await askSums(engine, ...ofOperations(engine.tables, day)), said);
  for (const [table, seconds] of [
    ['request_1m', 60],
    ['request_1h', 3_600],
  ] as const) {
    compare(table, await askSums(engine, ...ofRequests(engine.tables[table], day)), {
      spans: said['requests'] ?? 0,
      errors: said['errors of requests'] ?? 0,
      weight: said['weight of requests'] ?? 0,
      [SPANS_BY_OPERATION]: said[`requests by ${seconds}`] ?? 0,
    });
  }
  for (const ofService of [1, 0] as const)
    compare('weight_15m', await askSums(engine, ...ofWeights(engine.tables, day, ofService)), said);
  const ofKeys = await attributes(engine, day, ofDay, OF_KEYS);
  wrong.push(...(ofKeys.length > 0 ? ofKeys : await attributes(engine, day, ofDay, OF_VALUES)));
  return wrong;
}

/**
 * The newest arrival that the derived tables hold, and whether more was being added to them when their collector ended.
 */
export async function findProgress(engine: Asked): Promise<{ counted: number; isPending: boolean }> {
  const { countedUntil, pendingUntil, late, days } = await readProgress(engine);
  return { counted: countedUntil, isPending: pendingUntil > 0 || late.length > 0 || days.length > 0 };
}

/** Expressions, by what they are of. */
type Terms = Readonly<Record<string, string>>;
type Sums = Readonly<Record<string, number>>;

/** Small, so that sums of it are exact as JavaScript's numbers. */
function hashOf(...columns: readonly string[]): string {
  return `cityHash64(${columns.join(', ')}) % 65521`;
}

const IS_ROOT = "parent_span_id = unhex('0000000000000000')";
const SPANS_BY_OPERATION = 'spans by operation';

/** Everything that is said of spans one by one, in one reading. */
function ofSpans(tables: Tables, ofDay: string): [Terms, string] {
  const operation = hashOf('t', `toUInt32(${startOf(900, 'start_s')})`, 's', 'o');
  const request = (seconds: number): string =>
    hashOf('t', `toUInt32(${startOf(seconds, 'start_s')})`, 's', 'o', 'e', 'bucket');
  const terms = {
    spans: 'count()',
    errors: 'countIf(e)',
    weight: 'sum(w)',
    'weight of errors': 'sumIf(w, e)',
    [SPANS_BY_OPERATION]: `sum(${operation})`,
    'errors by operation': `sumIf(${operation}, e)`,
    'first start': 'min(start_ns)',
    'last start': 'max(start_ns)',
    requests: 'countIf(r)',
    'errors of requests': 'countIf(r AND e)',
    'weight of requests': 'sumIf(w, r)',
    'requests by 60': `sumIf(${request(60)}, r)`,
    'requests by 3600': `sumIf(${request(3_600)}, r)`,
    excess: 'sum(w - 1)',
    'excess of requests': 'sumIf(w - 1, r)',
    unknown: 'countIf(u)',
    'unknown requests': 'countIf(u AND r)',
  };
  return [
    terms,
    `(
  SELECT toString(tenant) AS t, start_s, start_ns, toUInt8(status_code = 2) AS e, sampling_weight AS w, ${IS_REQUEST} AS r, ${IS_UNKNOWN} AS u,
    ${SERVICE_NAME}, ${OPERATION_NAME} AS operation, toString(service_name) AS s, toString(operation) AS o,
    toUInt16(floor(log2(greatest(duration_ns, 1)) * ${BUCKETS_PER_OCTAVE})) AS bucket
  FROM ${tables.spans.read} WHERE ${ofDay}
)`,
  ];
}

const NAMED = 'toString(tenant), toUInt32(time), toString(service_name), toString(operation)';

function ofOperations(tables: Tables, day: string): [Terms, string] {
  const terms = {
    spans: 'sum(spans)',
    errors: 'sum(errors)',
    weight: 'sum(weight)',
    'weight of errors': 'sum(error_weight)',
    [SPANS_BY_OPERATION]: `sum(spans * (${hashOf(NAMED)}))`,
    'errors by operation': `sum(errors * (${hashOf(NAMED)}))`,
    'first start': 'minMerge(first_ns)',
    'last start': 'maxMerge(last_ns)',
  };
  return [terms, `${tables.operation_15m.read} WHERE ${isOn('time', day)}`];
}

function ofRequests({ read }: Table, day: string): [Terms, string] {
  const terms = {
    spans: 'sum(spans)',
    errors: 'sumIf(spans, is_error)',
    weight: 'sum(weight)',
    [SPANS_BY_OPERATION]: `sum(spans * (${hashOf(NAMED, 'toUInt8(is_error)', 'bucket')}))`,
  };
  return [terms, `${read} WHERE ${isOn('time', day)}`];
}

/** Variances are of traces, and less where a trace was counted in parts. */
function ofWeights(tables: Tables, day: string, ofService: 0 | 1): [Terms, string] {
  const terms = {
    excess: 'sum(excess)',
    'excess of requests': 'sum(request_excess)',
    unknown: 'sum(unknown)',
    'unknown requests': 'sum(unknown_requests)',
  };
  return [terms, `${tables.weight_15m.read} WHERE of_service = ${ofService} AND ${isOn('time', day)}`];
}

/** From when to when the spans of each trace start, in as many steps as keep the memory of each bounded. */
async function traceTimes(engine: Asked, day: string, ofDay: string, storedSpans: number): Promise<[Sums, Sums]> {
  const steps = stepsOf(storedSpans);
  const ask = async (columns: string, from: string): Promise<Sums> => {
    const sums: Record<string, number> = {};
    for (let step = 0; step < steps; step++) {
      const part = await askSums(
        engine,
        { traces: 'count()', starts: 'sum(first % 86400 * h)', ends: 'sum(last % 86400 * h)' },
        `(
  SELECT ${columns}, ${hashOf('trace_id')} AS h FROM ${from} AND cityHash64(trace_id) % ${steps} = ${step} GROUP BY trace_id
) SETTINGS ${BATCH_SETTINGS}`,
      );
      for (const [name, value] of Object.entries(part)) sums[name] = (sums[name] ?? 0) + value;
    }
    return sums;
  };
  return [
    await ask(
      'toUInt64(min(first_s)) AS first, toUInt64(max(toUInt32(first_s) + length_s)) AS last',
      `${engine.tables.trace_times.read} WHERE ${isOn('first_s', day)}`,
    ),
    await ask(
      'toUInt64(min(start_s)) AS first, toUInt64(max(start_s)) AS last',
      `${engine.tables.spans.read} WHERE ${ofDay}`,
    ),
  ];
}

function stepsOf(storedSpans: number): number {
  return Math.max(1, Math.ceil(storedSpans / SPANS_AT_ONCE));
}

/**
 * Traces whose root is stored, or whose spans have something in rare columns, and of which `trace_times` does not say
 * so: they are read without it. It may say more: what was counted before these were noted counts as having everything.
 */
async function unnoted(engine: Asked, day: string, ofDay: string, storedSpans: number): Promise<[Sums, Sums]> {
  const steps = stepsOf(storedSpans);
  const of = 'traces with a root or rare columns that are not noted';
  let traces = 0;
  for (let step = 0; step < steps; step++) {
    const ofStep = `cityHash64(trace_id) % ${steps} = ${step}`;
    const sums = await askSums(
      engine,
      { [of]: 'countIf(bitAnd(had, bitNot(noted)) != 0)' },
      `(
  SELECT trace_id, groupBitOr(has) AS had, groupBitOr(note) AS noted FROM (
    SELECT trace_id, toUInt16(${IS_ROOT}) + 2 * toUInt16(${RARE}) AS has, toUInt16(0) AS note
    FROM ${engine.tables.spans.read} WHERE ${ofDay} AND ${ofStep}
    UNION ALL
    SELECT trace_id, toUInt16(0) AS has, toUInt16(has_root) + 2 * toUInt16(rare) AS note
    FROM ${engine.tables.trace_times.read} WHERE ${isOn('first_s', day)} AND ${ofStep}
  ) GROUP BY trace_id
) SETTINGS ${BATCH_SETTINGS}`,
    );
    traces += sums[of] ?? 0;
  }
  return [{ [of]: traces }, { [of]: 0 }];
}

/** Traces with a span that lasts as long as a long trace, and not among those of the day. */
function unnotedLong(tables: Tables, day: string, ofDay: string): string {
  return `${tables.spans.read} WHERE ${ofDay} AND duration_ns >= ${LONG_TRACE_SECONDS}000000000
  AND (tenant, trace_id) NOT IN (SELECT tenant, trace_id FROM ${tables.long_traces.read} WHERE day = toDate(${sqlString(day)}))`;
}

/** What a row of `attribute_values` counts: a key as such, or one of its values. */
const OF_KEYS = {
  slot: `(${SLOT_OF_KEY}) * 65536 + ${SECOND_SLOT_OF_KEY}`,
  storedSlot: 'key_slot * 65536 + value_slot',
  isCounted: '1',
  isStored: COUNTS_PER_KEY,
  of: 'weight of',
} as const;
const OF_VALUES = {
  slot: SLOT_OF_VALUES,
  storedSlot: 'key_slot',
  isCounted: IS_COMPLETED,
  isStored: `NOT (${COUNTS_PER_KEY})`,
  of: 'weight of the values of',
} as const;

/**
 * By slots, in which keys may meet. Of a batch with many spans only a part was looked at, so that the weights of a day
 * are estimates unless every batch was small; of keys that few spans have it is then not known whether they should be
 * there.
 */
async function attributes(
  engine: Asked,
  day: string,
  ofDay: string,
  what: typeof OF_KEYS | typeof OF_VALUES,
): Promise<WrongDay[]> {
  const { spans } = engine.tables;
  const [[ofAll = 0, ofThisDay = 0] = []] = await rowsOf(
    engine,
    `SELECT (SELECT count() FROM ${spans.read}), count() FROM ${spans.read} WHERE ${ofDay}`,
    STATEMENT_TIMEOUT_MS,
  );
  const leftOut = Math.ceil(Math.min(Number(ofAll), ROLLUP_JOB_LIMITS.batchRowsMax) / LOOKED_AT);
  const oneIn = Math.max(1, Math.ceil(Number(ofThisDay) / LOOKED_AT));
  const expected = await rowsOf(
    engine,
    `SELECT toUInt32(${what.slot}) AS slot, any(key), sum(sampling_weight) * ${oneIn}, count(), uniqExact(text)
FROM (SELECT sampling_weight, toString(key_) AS key, toString(text_) AS text
FROM (SELECT * FROM ${spans.read} WHERE ${ofDay} AND cityHash64(span_id) % ${oneIn} = 0)
${WITH_ATTRIBUTES} AND ${what.isCounted}) GROUP BY slot SETTINGS ${BATCH_SETTINGS}`,
    STATEMENT_TIMEOUT_MS,
  );
  const rows = await rowsOf(
    engine,
    `SELECT toUInt32(${what.storedSlot}) AS slot, sum(weight) FROM ${engine.tables.attribute_values.read}
WHERE day = toDate(${sqlString(day)}) AND ${what.isStored} GROUP BY slot`,
    STATEMENT_TIMEOUT_MS,
  );
  const found = new Map(rows.map(([slot, weight]) => [Number(slot), Number(weight)]));
  for (const [slot, key, weight, lookedAt, values] of expected) {
    const [has, should] = [found.get(Number(slot)) ?? 0, Number(weight)];
    const isComplete = what === OF_KEYS || Number(values) <= VALUES_KEPT;
    const isKnown = Number(lookedAt) >= ESTIMATED_FROM && Number(lookedAt) * oneIn >= ESTIMATED_FROM * leftOut;
    const [least, most] = leftOut <= 1 ? [should, should] : [should / ESTIMATE_FACTOR, should * ESTIMATE_FACTOR];
    const isRight = (leftOut > 1 && !isKnown) || isSame(has, should) || (has <= most && (has >= least || !isComplete));
    if (isRight) continue;
    return [{ day, table: 'attribute_values', of: `${what.of} ${String(key)}`, found: has, expected: should }];
  }
  return [];
}

function isOn(time: string, day: string): string {
  return `toDate(${time}) = toDate(${sqlString(day)})`;
}

async function askSums(engine: Asked, terms: Terms, from: string): Promise<Sums> {
  const [row = []] = await rowsOf(
    engine,
    `SELECT ${Object.values(terms).join(', ')}\nFROM ${from}`,
    STATEMENT_TIMEOUT_MS,
  );
  return Object.fromEntries(Object.keys(terms).map((name, index) => [name, Number(row[index])]));
}

function isSame(found: number, expected: number): boolean {
  if (Number.isInteger(found) && Number.isInteger(expected)) return found === expected;
  return Math.abs(found - expected) <= ROUNDING * Math.max(1, Math.abs(found), Math.abs(expected));
}

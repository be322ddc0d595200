import type { Capabilities } from '../capabilities.ts';
import type { TableDefinition, TableName, Tables } from '../tables.ts';
import type { Migration } from './migration.ts';

/**
 * What is usual at each path of calls, and who calls whom, in ten minutes each. A run is one attempt to measure ten
 * minutes; its rows count if `normal_steps` says that no other run of the same time came further.
 */
export const normals: Migration = {
  name: 'normals',
  statements: ({ codecs, syncedInserts }: Capabilities, tables: Tables) => {
    const made: readonly (readonly [name: TableName, definition: TableDefinition])[] = [
      ['path_normals', PATH_NORMALS],
      ['path_resources', PATH_RESOURCES],
      ['call_edges', CALL_EDGES],
      ['normal_steps', NORMAL_STEPS],
    ];
    const settings = syncedInserts ? ['fsync_after_insert = 1', 'fsync_part_directory = 1'] : [];
    return made.flatMap(([name, definition]) =>
      tables
        .create(name, { ...definition, settings })
        .map((statement) => (codecs ? statement : statement.replaceAll(' CODEC(ZSTD(1))', ''))),
    );
  },
};

/** ClickHouse sums up arrays whose common name ends in `Map` by the first of them. */
function sketch(name: string): string {
  return `  \`${name}Map.bucket\` Array(Int16) CODEC(ZSTD(1)),
  \`${name}Map.weight\` Array(Float64) CODEC(ZSTD(1))`;
}

const PATH_NORMALS: TableDefinition = {
  columns: `  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  kind UInt8 CODEC(ZSTD(1)),
  path UInt64 CODEC(ZSTD(1)),
  path_text String CODEC(ZSTD(1)),
  spans UInt64 CODEC(ZSTD(1)),
  traces UInt64 CODEC(ZSTD(1)),
  weight Float64 CODEC(ZSTD(1)),
  trace_weight Float64 CODEC(ZSTD(1)),
  error_weight Float64 CODEC(ZSTD(1)),
${sketch('duration')},
${sketch('own')},
${sketch('gap')}`,
  engine: 'SummingMergeTree()',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, service_name, operation, kind, path, time, run)',
};

const PATH_RESOURCES: TableDefinition = {
  columns: `  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  path UInt64 CODEC(ZSTD(1)),
  resource String CODEC(ZSTD(1)),
  value String CODEC(ZSTD(1)),
  weight Float64 CODEC(ZSTD(1))`,
  engine: 'SummingMergeTree((weight))',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, service_name, path, resource, value, time, run)',
};

const CALL_EDGES: TableDefinition = {
  columns: `  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  callee_kind String CODEC(ZSTD(1)),
  callee String CODEC(ZSTD(1)),
  calls UInt64 CODEC(ZSTD(1)),
  weight Float64 CODEC(ZSTD(1)),
  error_weight Float64 CODEC(ZSTD(1)),
  variance Float64 CODEC(ZSTD(1)),
  unknown UInt64 CODEC(ZSTD(1)),
${sketch('latency')},
${sketch('gap')}`,
  engine: 'SummingMergeTree()',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, service_name, operation, callee_kind, callee, time, run)',
};

/** A row for each write of a run: how many steps of its time it has measured with it, and what it has looked at. */
const NORMAL_STEPS: TableDefinition = {
  columns: `  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  steps UInt8 CODEC(ZSTD(1)),
  stored_spans UInt64 CODEC(ZSTD(1)),
  taken_spans UInt64 CODEC(ZSTD(1)),
  taken_traces UInt64 CODEC(ZSTD(1)),
  share Float64 CODEC(ZSTD(1)),
  dropped_spans UInt64 CODEC(ZSTD(1))`,
  engine: 'MergeTree',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, time, run)',
};

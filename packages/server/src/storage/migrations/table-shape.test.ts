import { describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../capabilities.ts';
import { clusterTables } from '../cluster/cluster-tables.ts';
import { SPAN_COLUMNS } from '../schema.ts';
import { singleServerTables } from '../tables.ts';
import { MIGRATIONS } from './migrate.ts';
import { schemaSteps } from './schema-steps.ts';
import { endOfBrackets, splitAtCommas } from './sql-parts.ts';
import { engineShape, indexesIn, shapesOf, type TableShape } from './table-shape.ts';

const shapes = (version: string, tables = singleServerTables()): ReadonlyMap<string, TableShape> => {
  const steps = schemaSteps({ capabilities: capabilitiesOf(version), tables, ownTables: [] });
  return shapesOf(steps.flatMap(({ statements }) => statements));
};

describe('the shapes of the tables', () => {
  it.each(['18.16', '20.1', '22.2', '26.7'])('follow from every statement of the migrations for %s', (version) => {
    const names = [...shapes(version).keys()];
    const onCluster = [...shapes(version, clusterTables('main')).keys()];
    expect(onCluster).toEqual(expect.arrayContaining(names));
    expect(onCluster.filter((name) => name.endsWith('_distributed'))).toHaveLength(names.length - 2);
    const spans = shapes(version).get('spans');
    for (const [name, type] of SPAN_COLUMNS) {
      const shown = spans?.columns.get(name)?.type;
      expect(shown?.replace("DateTime('UTC')", 'DateTime'), name).toBe(type);
    }
    expect([...(shapes(version, clusterTables('main')).get('spans_distributed')?.columns.keys() ?? [])]).toEqual([
      ...(spans?.columns.keys() ?? []),
    ]);
  });

  it('are known of each schema that a store may have', () => {
    const options = { capabilities: capabilitiesOf('26.7'), tables: clusterTables('main'), ownTables: [] };
    const columns = MIGRATIONS.slice(0, 5).map((_, index) => {
      const steps = schemaSteps(options, { until: index + 1 });
      return shapesOf(steps.flatMap(({ statements }) => statements));
    });
    expect(columns.map((tables) => tables.has('long_traces_distributed'))).toEqual([false, false, true, true, true]);
    const distributed = columns.map((tables) => tables.get('trace_times_distributed')?.columns.has('rare'));
    expect(distributed).toEqual([false, false, false, true, true]);
  });

  it('have what was added and changed after the table was made', () => {
    const tables = shapes('26.7');
    expect(tables.get('trace_times')?.columns.get('rare')).toMatchObject({ type: 'UInt8', defaultKind: 'DEFAULT' });
    const spans = tables.get('spans');
    expect([...(spans?.indexes.keys() ?? [])].toSorted()).toEqual([
      'arrival_range',
      'attribute_hashes',
      'end_range',
      'trace_id_filter',
    ]);
    expect(spans?.columns.get('element_hashes')).toMatchObject({ type: 'Array(UInt64)', defaultKind: 'MATERIALIZED' });
    expect(spans).toMatchObject({ partitionKey: 'toDate(start_s)', sortingKey: '(tenant, service, start_s)' });
    expect(spans?.engine.settings.get('non_replicated_deduplication_window')).toBe('10000');
  });

  it.each([
    'OPTIMIZE TABLE throughline.spans',
    'ALTER TABLE throughline.spans MODIFY TTL start_s',
    'ALTER TABLE throughline.nothing ADD COLUMN a UInt8',
  ])('are not known of %s', (statement) => {
    const create = 'CREATE TABLE IF NOT EXISTS throughline.spans (\n  a UInt8\n) ENGINE = MergeTree\nORDER BY a';
    expect(() => shapesOf([create, statement])).toThrow(RangeError);
  });
});

describe('an engine as a server shows it', () => {
  it('is without what Keeper knows it by', () => {
    const shown = `ReplicatedSummingMergeTree('/a,b/{shard}', '{replica}', (spans, weight)) PARTITION BY toDate(time) ORDER BY (a, b) TTL toDate(time) + toIntervalDay(7) TO VOLUME 'cold' SETTINGS index_granularity = 8192, storage_policy = 'a, b'`;
    const { settings, ...engine } = engineShape(shown);
    expect(engine).toEqual({
      family: 'SummingMergeTree',
      isReplicated: true,
      args: ['(spans, weight)'],
      ttl: "toDate(time) + toIntervalDay(7) TO VOLUME 'cold'",
    });
    expect([...settings]).toEqual([
      ['index_granularity', '8192'],
      ['storage_policy', "'a, b'"],
    ]);
    expect(engineShape('SharedMergeTree ORDER BY a')).toMatchObject({ family: 'MergeTree', isReplicated: true });
    expect(engineShape('MergeTree ORDER BY a TTL b')).toMatchObject({ ttl: 'b' });
    expect(engineShape('')).toMatchObject({ family: '', args: [], ttl: '' });
  });

  it('has its skip indexes', () => {
    const shown =
      "CREATE TABLE a.b (`c` String DEFAULT 'INDEX x y', INDEX `one` c TYPE minmax, INDEX two f(c, 1) TYPE minmax) ENGINE = MergeTree";
    expect([...indexesIn(shown)]).toEqual(['one', 'two']);
    expect([...indexesIn('')]).toEqual([]);
  });
});

describe('SQL', () => {
  it('is cut at the commas outside of brackets and quotes', () => {
    expect(splitAtCommas(String.raw`a, f(b, [c, d]), 'e, \', (', {'g, h'}`)).toEqual([
      'a',
      'f(b, [c, d])',
      String.raw`'e, \', ('`,
      "{'g, h'}",
    ]);
    expect(splitAtCommas('  ')).toEqual([]);
  });

  it.each(['(a', "('a)", '(a]'])('that does not end is refused: %s', (sql) => {
    expect(() => endOfBrackets(sql, 0)).toThrow(RangeError);
  });
});

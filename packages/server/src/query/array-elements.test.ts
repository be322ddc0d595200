import type { AnyValue } from '@throughline/trace';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_COUNTED, type Visibility } from '../storage/span-visibility.ts';
import type { QueryContext } from './rows.ts';
import { searchTraces } from './search-traces.ts';
import { EVERYTHING, idOf } from './testing/plain-search.ts';
import { aStoredSpan, openTestStore, type StoredSpan, type TestStore } from './testing/test-store.ts';

const NAMES = ['attributes', 'resource', 'scope', 'event'] as const;

const text = (stringValue: string): AnyValue => ({ stringValue });
const list = (...values: AnyValue[]): AnyValue => ({ arrayValue: { values } });

/** Each with the text by which it is found. */
const ELEMENTS: readonly [AnyValue, string][] = [
  [text('app.js'), 'app.js'],
  [text(''), ''],
  [text('é😀"\\/\n\u0001\u2028<>&'), 'é😀"\\/\n\u0001\u2028<>&'],
  [text(']}'), ']}'],
  [text('["'), '["'],
  [text('{"stringValue":"trick"}'), '{"stringValue":"trick"}'],
  [{ intValue: '-9007199254740993' }, '-9007199254740993'],
  [{ intValue: '7' }, '7'],
  [{ boolValue: true }, 'true'],
  [{ doubleValue: 0.1 }, '0.1'],
  [{ doubleValue: 100 }, '100'],
  [{ doubleValue: 1e21 }, '1e+21'],
  // More than 64 bits, and no exponent.
  [{ doubleValue: 123_456_789_012_345_680_000 }, '123456789012345680000'],
  [{ doubleValue: 1e-7 }, '1e-7'],
  [{ doubleValue: 0.000_001 }, '0.000001'],
  [{ doubleValue: 5e-324 }, '5e-324'],
  [{ doubleValue: -1.7976931348623157e308 }, '-1.7976931348623157e+308'],
  [{ doubleValue: 'NaN' }, 'NaN'],
  [{ doubleValue: '-Infinity' }, '-Infinity'],
  [{ doubleValue: '-0' }, '-0'],
];
/** What is in the array and is none of its elements. */
const NO_ELEMENTS = ['hidden', 'deep', 'deeper', '8', 'trick', 'stringValue', '{"values":[', 'AAE=', '0', 'q'];

const values: AnyValue[] = [
  {},
  list(text('deep'), list(text('deeper')), { intValue: '8' }),
  ...ELEMENTS.map(([value]) => value),
  { kvlistValue: { values: [{ key: 'q', value: text('hidden') }] } },
  { bytesValue: 'AAE=' },
  list(),
  text('last'),
];

describe('elements of arrays', () => {
  let store: TestStore;
  const directory = mkdtempSync(join(tmpdir(), 'throughline-elements-'));
  const spans: StoredSpan[] = NAMES.map((name, index) =>
    aStoredSpan({
      traceId: idOf(index + 1),
      [name]: { before: 'x', 'process.command_args': values, after: [text('y')] },
    }),
  );
  const fresh = spans.map((span, index) => ({ ...span, traceId: idOf(index + 1 + NAMES.length) }));
  let context: QueryContext;

  beforeAll(async () => {
    store = await openTestStore();
    const arrival = await store.store([
      ...spans,
      ...Array.from({ length: 50 }, (_, i) => aStoredSpan({ traceId: idOf(99 + i) })),
    ]);
    const path = join(directory, 'fresh.native');
    writeFileSync(path, await store.native(fresh, arrival + 1));
    await store.context.engine.fresh?.insert(0, path);
    const view = {
      fresh: [{ first: arrival + 1, last: arrival + 1 }],
      uncounted: null,
      isCurrent: () => true,
      release: (): void => {},
    };
    const visibility: Visibility = { ...ALL_COUNTED, view: () => view };
    context = { ...store.context, visibility };
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await store.close();
  });

  const found = async (key: string, value: string): Promise<string[]> => {
    const filter = { ...EVERYTHING.filter, tags: [{ key, value }] };
    const { traces } = await searchTraces(context, { ...EVERYTHING, filter });
    return traces.map(({ traceId }) => traceId).toSorted();
  };
  const all = [...spans, ...fresh].map(({ traceId }) => traceId);

  it('are found by their text, of spans, resources, scopes and events, stored and fresh', async () => {
    for (const [, value] of [...ELEMENTS, [text('last'), 'last'] as const]) {
      expect(await found('process.command_args', value), value).toEqual(all);
    }
    expect(await found('after', 'y')).toEqual(all);
  });

  it('are not what stands deeper, nor a part of their text, nor elements of another array', async () => {
    for (const value of NO_ELEMENTS) expect(await found('process.command_args', value), value).toEqual([]);
    expect(await found('after', 'app.js')).toEqual([]);
    expect(await found('before', 'y')).toEqual([]);
  });
});

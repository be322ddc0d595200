import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TracesData } from '../otlp.ts';
import { tellStory } from '../story/tell-story.ts';
import { at, spansOf } from '../testing/a-trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import { readTraces, TraceFormatError, toJaeger, toOtlp, toZipkin } from './index.ts';
import { anyOtlp } from './testing/any-otlp.ts';

function failureOf(input: string | Uint8Array): TraceFormatError {
  const error = attempt(() => readTraces(input));
  if (error === undefined) throw new Error('it was read');
  return error;
}

/** The error of ours, or undefined for none; throws any other one. */
function attempt(run: () => void): TraceFormatError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof TraceFormatError) return error;
    throw error;
  }
}

const jaegerSpan = { traceID: 'ab', spanID: 'cd', operationName: 'x', startTime: 1e15, duration: 5, processID: 'p1' };
const jaeger = (...spans: unknown[]): string => {
  return JSON.stringify({ data: [{ traceID: 'ab', spans, processes: { p1: { serviceName: 'web' } } }] });
};
const zipkinSpan = { traceId: 'ab', id: 'cd', name: 'x', timestamp: 1e15, duration: 5, localEndpoint: {} };
const zipkin = (...spans: unknown[]): string => JSON.stringify(spans);

/** The codes of what is warned of, and where. */
const warned = (input: string): string[] => readTraces(input).warnings.map(({ code, place }) => `${code} ${place}`);

/** All that can be done with what was read. */
function use(input: string): void {
  for (const { data } of readTraces(input).traces) {
    tellStory(traceFromOtlp(data));
    JSON.stringify([toJaeger(data), toZipkin(data), toOtlp(data)]);
  }
}

const refer = (spanID: string, parent: string) => {
  return { ...jaegerSpan, spanID, references: [{ refType: 'CHILD_OF', traceID: 'ab', spanID: parent }] };
};

const writers: readonly ((data: TracesData) => { document: unknown })[] = [toOtlp, toJaeger, toZipkin];

describe('what is no trace', () => {
  it.each([
    ['', 'not-json', ''],
    [' \n ', 'not-json', ''],
    ['{"data":[}', 'not-json', 'line 1, column 10'],
    ['{"data":\n  [1,2', 'not-json', 'line 2, column 7'],
    ['{"data":\n  [tru]}', 'not-json', 'line 2, column 4'],
    ['{"a" 1}', 'not-json', 'line 1, column 6'],
    ['{"a":"\u0001"}', 'not-json', 'line 1, column 6'],
    ['[1,]', 'not-json', 'line 1, column 4'],
    ['[]]', 'not-json', 'line 1, column 3'],
    [`{"a":"[\\"[",\n"b":${'['.repeat(1_000)}`, 'too-deep', 'line 2, column 1004'],
    ['{"resourceSpans":[]}\n{"resourceSpans":[}\n{}', 'not-json', 'line 2, column 19'],
    ['{"resourceSpans":[]}\n{"data":[]}', 'unknown-format', 'line 2'],
    ['null', 'unknown-format', ''],
    ['7', 'unknown-format', ''],
    ['{}', 'unknown-format', ''],
    ['[{"a":1}]', 'unknown-format', '[0]'],
    ['[[{"a":1}]]', 'unknown-format', '[0]'],
    ['[7]', 'unknown-format', '[0]'],
    ['{"__proto__":{"spans":[]}}', 'unknown-format', ''],
    ['[{"traceId":"1","id":"2","binaryAnnotations":[]}]', 'unknown-format', '[0]'],
    ['{"resourceSpans":7}', 'no-span-readable', 'resourceSpans'],
    [
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}',
      'no-span-readable',
      'resourceSpans[0].scopeSpans[0].spans[0]',
    ],
    [jaeger({ ...jaegerSpan, spanID: 'no hex' }), 'no-span-readable', 'data[0].spans[0]'],
    [jaeger({ ...jaegerSpan, spanID: 7 }, null), 'no-span-readable', 'data[0].spans[0]'],
    [zipkin({ ...zipkinSpan, traceId: '0' }), 'no-span-readable', '[0]'],
  ])('%j has an error of its own, with its place', (input, code, place) => {
    const { code: found, place: foundPlace } = failureOf(input);
    expect([found, foundPlace]).toEqual([code, place]);
  });

  it('as bytes are told apart from text', () => {
    expect(failureOf(new Uint8Array([0xff, 0xfe, 0x00])).code).toBe('not-text');
    expect(failureOf(new Uint8Array([0x1f, 0x8b, 0x08])).code).toBe('not-text');
    expect(readTraces(new TextEncoder().encode(`\uFEFF${jaeger(jaegerSpan)}`)).traces).toHaveLength(1);
    expect(readTraces(`\uFEFF${jaeger(jaegerSpan)}`).traces).toHaveLength(1);
  });

  it('is an empty list where nothing was found', () => {
    for (const empty of ['[]', '[[]]', '{"data":[]}', '{"resourceSpans":[]}', '{"result":{"resourceSpans":[]}}']) {
      expect(readTraces(empty).traces).toEqual([]);
    }
  });
});

describe('a part that is malformed', () => {
  it('costs that part alone in Jaeger', () => {
    const tags = [{ key: 7, value: 'x' }, { key: 'a' }, null, { key: 'b', type: 'int64', value: { x: 1 } }, 'x'];
    const odd = { ...jaegerSpan, tags, logs: [{ timestamp: 'x', fields: 7 }], references: [{ refType: 'CHILD_OF' }] };
    const read = readTraces(jaeger(odd, { ...jaegerSpan, spanID: 'ce', operationName: ['x'], startTime: -1 }));
    const [first, second] = spansOf(at(read.traces, 0).data);
    expect(first).toMatchObject({ name: 'x', startTimeUnixNano: '1000000000000000000' });
    expect(second).toMatchObject({ name: '', startTimeUnixNano: '' });
    expect(read.warnings.find(({ code }) => code === 'malformed')).toMatchObject({
      count: 11,
      place: 'data[0].spans[0].tags[0]',
    });
  });

  it('costs that part alone in Zipkin', () => {
    const odd = {
      ...zipkinSpan,
      parentId: 'no hex',
      kind: 'OTHER',
      timestamp: '1e15',
      duration: 'long',
      tags: { a: 'b', c: {}, n: 7 },
      annotations: [7, { timestamp: null, value: {} }],
      localEndpoint: 'web',
      remoteEndpoint: { serviceName: 7, port: 70_000 },
      shared: 'yes',
    };
    const read = readTraces(zipkin(odd));
    const attributes = spansOf(at(read.traces, 0).data)[0]?.attributes;
    expect(attributes).toEqual([
      { key: 'a', value: { stringValue: 'b' } },
      { key: 'n', value: { intValue: '7' } },
    ]);
    expect(read.warnings.find(({ code }) => code === 'malformed')?.count).toBe(12);
  });

  it('costs that part alone in OTLP', () => {
    const span = { traceId: 'AB', spanId: 'cd', parentSpanId: 'x', name: 'x', kind: 'SPAN_KIND_SERVER' };
    const times = { startTimeUnixNano: 'x', status: { code: 'STATUS_CODE_ERROR' }, links: [{ traceId: 'x' }] };
    const document = { resourceSpans: [{ instrumentationLibrarySpans: [{ spans: [{ ...span, ...times }, 7] }, 7] }] };
    const read = readTraces(JSON.stringify(document));
    expect(at(read.traces, 0).traceId).toBe('ab'.padStart(32, '0'));
    expect(spansOf(at(read.traces, 0).data)).toMatchObject([{ kind: 2, status: { code: 2 }, links: [] }]);
    expect(read.warnings.find(({ code }) => code === 'malformed')?.count).toBe(5);
  });

  it('is named where it is', () => {
    expect(warned(jaeger({ ...jaegerSpan, processID: 'constructor' }))).toEqual(['no-process data[0].spans[0]']);
    expect(warned(jaeger({ ...jaegerSpan, duration: 1e300 }))).toEqual(['malformed data[0].spans[0].duration']);
    expect(warned(jaeger({ ...jaegerSpan, startTime: 1e16 }))).toEqual(['inexact-number data[0].spans[0].startTime']);
    expect(warned(jaeger({ ...jaegerSpan, flags: 3 }))).toEqual(['unknown-flags data[0].spans[0]']);
    expect(warned(zipkin({ ...zipkinSpan, duration: -5 }))).toEqual(['malformed [0].duration']);
    expect(warned(zipkin({ traceId: 'ab', id: 'cd' }))).toEqual(['no-time [0]']);
    expect(warned('{"data":[],"errors":[{"code":404}]}')).toEqual(['response-error errors[0]']);
  });
});

describe('hostile input', () => {
  it.each([1, 31, 33, 2_000, 200_000])('of %i levels is read or has an error of ours', (depth) => {
    const deep = `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`;
    const value = `${'{"arrayValue":{"values":['.repeat(depth)}{}${']}}'.repeat(depth)}`;
    const attribute = `[{"key":"a","value":${value}}]`;
    const span = `{"traceId":"ab","spanId":"cd","other":${deep},"attributes":${attribute}}`;
    const documents = [
      `{"resourceSpans":[{"resource":{"attributes":${attribute}},"scopeSpans":[{"spans":[${span},${span}]}]}]}`,
      `{"data":[{"spans":[{"traceID":"ab","spanID":"cd","tags":[{"key":"a","value":${deep}}],"warnings":[${deep}]}]}]}`,
      `[{"traceId":"ab","id":"cd","tags":{"a":${deep}},"annotations":[{"value":${JSON.stringify(`"x": {"a":${deep}}`)}}]}]`,
      deep,
    ];
    for (const document of documents) {
      expect(() => attempt(() => use(document))).not.toThrow();
    }
  });

  it('of long texts is read', () => {
    const long = 'x"|{'.repeat(250_000);
    const names = `": {`.repeat(250_000);
    use(jaeger({ ...jaegerSpan, operationName: long, tags: [{ key: long, value: long }] }));
    use(
      zipkin({ ...zipkinSpan, name: long, tags: { [long]: long, error: long, 'otlp.link.0': `||${'|'.repeat(1e6)}` } }),
    );
    use(
      zipkin({
        ...zipkinSpan,
        annotations: [
          { timestamp: 1, value: `"${names}}` },
          { timestamp: 1, value: long },
        ],
      }),
    );
    expect(failureOf(long).place).toBe('line 1, column 1');
    expect(failureOf(`["${'\\"'.repeat(1e6)}`).code).toBe('not-json');
    expect(failureOf(`[${' '.repeat(1e6)}`).code).toBe('not-json');
    expect(failureOf('['.repeat(1e6)).code).toBe('too-deep');
    expect(failureOf('a\n'.repeat(1e6)).place).toBe('line 1, column 1');
  });

  it('whose references go round is read as a tree', () => {
    const round = jaeger(refer('01', '02'), refer('02', '03'), refer('03', '01'), refer('04', '04'));
    const trace = traceFromOtlp(at(readTraces(round).traces, 0).data);
    expect(trace.spanCount).toBe(4);
    expect(Math.max(...trace.depth)).toBe(2);
    use(round);
    use(zipkin({ ...zipkinSpan, parentId: 'cd' }));
  });

  it('with names that every object has changes nothing but its own trace', () => {
    const named = '{"__proto__":{"polluted":"yes"},"constructor":"x","hasOwnProperty":"y"}';
    use(`[{"traceId":"ab","id":"cd","tags":${named}}]`);
    use(`{"data":[{"spans":[{"traceID":"ab","spanID":"cd","processID":"__proto__"}],"processes":${named}}]}`);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const { document } = toZipkin(
      at(readTraces('[{"traceId":"ab","id":"cd","tags":{"__proto__":"x"}}]').traces, 0).data,
    );
    expect(JSON.stringify(document)).toContain('"__proto__":"x"');
  });

  it('of any JSON is read or has an error of ours', () => {
    const any = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        const documents = [
          a,
          [a],
          { data: [a, { spans: [b, { ...jaegerSpan, tags: c, logs: a, references: b, process: c }] }] },
          [{ ...zipkinSpan, tags: a, annotations: b, localEndpoint: c }, b],
          [{ ...zipkinSpan, timestamp: a, duration: b, parentId: c, tags: { error: 'x', 'otlp.link.0': c } }],
          {
            resourceSpans: [
              a,
              {
                resource: b,
                scopeSpans: [{ scope: c, spans: [{ ...zipkinSpan, spanId: 'cd', attributes: a, events: b }] }],
              },
            ],
          },
        ];
        for (const document of documents) {
          expect(() => attempt(() => use(JSON.stringify(document)))).not.toThrow();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of a trace that is cut or changed anywhere is read or has an error of ours', () => {
    const change = fc.record({ from: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.nat(40), by: fc.string() });
    fc.assert(
      fc.property(anyOtlp, fc.nat(2), change, (data, writer, { from, length, by }) => {
        const { document } = (writers[writer] ?? toOtlp)(data);
        const text = JSON.stringify(document);
        const start = Math.floor(from * text.length);
        for (const changed of [text.slice(0, start), text.slice(0, start) + by + text.slice(start + length)]) {
          expect(() => attempt(() => use(changed))).not.toThrow();
        }
      }),
      { numRuns: 300 },
    );
  });
});

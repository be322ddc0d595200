import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toEngineError } from '../storage/to-engine-error.ts';
import { EngineError, type Engine } from '../storage/engine.ts';
import { eventually, silentLog as log, startEngine } from '../storage/testing/start-engine.ts';
import { Ingest } from '../ingest/ingest.ts';
import type { SpoolLimits } from './limits.ts';
import { Loader } from './loader.ts';
import { Spool } from './spool.ts';
import { aSpan, appendSpan } from '../columns/testing/append-span.ts';

let directory: string;
let registry: Registry;
let spool: Spool;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-loader-'));
  await useSpool({ segmentRowsMax: 1 });
});

async function useSpool(spoolLimits: Partial<SpoolLimits>): Promise<void> {
  registry = new Registry();
  spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 10, ...spoolLimits } });
  await spool.open();
}

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Only what the loader asks of an engine; the first answers are given, then everything succeeds. */
function engineThatAnswers(errors: readonly EngineError['code'][], tokens: string[]): Engine {
  const left = [...errors];
  const engine = {
    insertNativeFile: async (_table: string, _path: string, token: string) => {
      tokens.push(token);
      const code = left.shift();
      if (code !== undefined) throw new EngineError(code, code);
    },
  };
  return engine as Engine;
}

/** An engine that fails as the function says, by the contents of the segment, at each of its attempts. */
class JudgingEngine {
  readonly stored: string[] = [];
  attempts = 0;
  readonly #errorFor: (content: string, attempt: number) => Error | null;

  constructor(errorFor: (content: string, attempt: number) => Error | null) {
    this.#errorFor = errorFor;
  }

  async insertNativeFile(_table: string, path: string): Promise<void> {
    const content = readFileSync(path, 'utf8');
    const error = this.#errorFor(content, ++this.attempts);
    if (error !== null) throw error;
    this.stored.push(content);
  }
}

function clickhouseError(code: number): EngineError {
  return toEngineError(code, `Code: ${code}. DB::Exception: so it is`);
}

const INCORRECT_DATA = 117;

const limits = { retryDelayMs: 1, retryDelayMsMax: 4, rejectionsMax: 3, passedSegmentsMax: 2 };

async function seal(content: string): Promise<void> {
  await spool.append(Buffer.from(content), 1);
}

test('a segment is tried again, with the same token, until the engine is back', async () => {
  const tokens: string[] = [];
  const engine = engineThatAnswers(['unavailable', 'timeout', 'unavailable', 'unavailable', 'unavailable'], tokens);
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await seal('1');
  await eventually(() => spool.status.backlogSegments === 0);
  expect(tokens).toHaveLength(6);
  expect(new Set(tokens).size).toBe(1);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('a failure that lasts is one line in the log, and its end another', async () => {
  const lines: string[] = [];
  const told = pino({ level: 'warn' }, { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const engine = engineThatAnswers(['unavailable', 'unavailable', 'unavailable', 'timeout', 'timeout'], []);
  const loader = new Loader({ spool, engine, log: told, registry, limits });
  loader.start();
  await seal('1');
  await eventually(() => spool.status.backlogSegments === 0);
  const retrying: unknown = expect.stringMatching(/failed; retrying/);
  expect(lines).toEqual([retrying, retrying, expect.stringMatching(/stored after retry/)]);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('a segment whose data is rejected is passed by others, and quarantined when it fails again after them', async () => {
  // Those behind it are sealed by their age, though it waits.
  await useSpool({});
  const engine = new JudgingEngine((content) => (content === 'bad' ? clickhouseError(INCORRECT_DATA) : null));
  const loader = new Loader({ spool, engine, log, registry, limits });
  await seal('bad');
  loader.start();
  // Alone it may be the store's fault as well.
  await eventually(() => engine.attempts > 10);
  expect(spool.status.quarantinedSegments).toEqual([]);
  expect(loader.status.failure).toMatchObject({ isAboutData: true, reason: expect.stringContaining('117') as string });

  await seal('good');
  await eventually(() => spool.status.quarantinedSegments.length === 1);
  expect(engine.stored).toEqual(['good']);
  expect(loader.status).toEqual({ failure: null, passedSegments: [], passedBecause: null });
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
  const rejected = readdirSync(join(directory, 'rejected'));
  expect(rejected.map((file) => file.split('.')[1]).toSorted()).toEqual(['index', 'native', 'reason']);
  const reason = rejected.find((file) => file.endsWith('.reason')) ?? '';
  expect(readFileSync(join(directory, 'rejected', reason), 'utf8')).toContain('Code: 117');
  expect(await registry.metrics()).toContain('throughline_loader_inserts_total{outcome="quarantined"} 1');
});

/** What an operator mends, or time does; ClickHouse's code, or what a proxy answers. */
const PASSING: readonly (readonly [string, () => Error])[] = [
  ...[60, 81, 173, 192, 193, 194, 201, 202, 225, 236, 241, 242, 243, 252, 319, 439, 497, 516, 999].map(
    (code) => [String(code), () => clickhouseError(code)] as const,
  ),
  ...[401, 403, 404, 429].map(
    (status) => [`HTTP ${status}`, () => toEngineError(0, `http://store:8123 responded with ${status}: no`)] as const,
  ),
  ['an exception of ours', () => new TypeError('undefined is not a function')],
];

test.each(PASSING)(
  '%s never quarantines a segment, however often it fails: all wait, in the spool',
  async (_, error) => {
    let isMended = false;
    const lines: { msg: string; advice?: string }[] = [];
    const told = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) });
    const engine = new JudgingEngine(() => (isMended ? null : error()));
    const loader = new Loader({ spool, engine, log: told, registry, limits });
    loader.start();
    await seal('1');
    await seal('2');
    await seal('3');
    await eventually(() => engine.attempts > 15);
    expect(spool.status.quarantinedSegments).toEqual([]);
    expect(loader.status.failure).toMatchObject({ isAboutData: false, reason: error().message });
    expect(lines.map(({ msg }) => msg)).toEqual(['insert failed; retrying']);
    expect(lines[0]?.advice).not.toBe('');
    isMended = true;
    await eventually(() => spool.status.backlogSegments === 0);
    expect(engine.stored.join('')).toHaveLength(3);
    expect(loader.status.failure).toBeNull();
    await spool.close();
    expect(await loader.drain(1_000)).toBe(true);
  },
);

test('a table that others fail in as well rejects nothing, whatever it says of the data', async () => {
  const engine = new JudgingEngine(() => clickhouseError(INCORRECT_DATA));
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  for (const content of ['1', '2', '3', '4', '5']) await seal(content);
  await eventually(() => engine.attempts > 30);
  expect(spool.status.quarantinedSegments).toEqual([]);
  // No more than these were tried, and have come into doubt.
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_loader_failing_segments 2');
  expect(metrics).toMatch(/throughline_limit_reached_total{limit="loader.passedSegmentsMax"} [1-9]/);
  await spool.close();
  expect(await loader.drain(1)).toBe(false);
});

test('segments that fail by turns, each in its way, are a line each', async () => {
  const lines: string[] = [];
  const told = pino({ level: 'warn' }, { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const engine = new JudgingEngine((content) => clickhouseError(content === '1' ? INCORRECT_DATA : 516));
  const loader = new Loader({ spool, engine, log: told, registry, limits });
  loader.start();
  await seal('1');
  await seal('2');
  await eventually(() => engine.attempts > 20);
  expect(lines).toEqual(['insert failed; retrying', 'insert failed; retrying']);
  await spool.close();
  expect(await loader.drain(1)).toBe(false);
});

test('an unavailable engine keeps the order: no other segment is tried, and none is in doubt', async () => {
  let isUnavailable = true;
  const tried = new Set<string>();
  const engine = new JudgingEngine((content) => {
    tried.add(content);
    return isUnavailable ? new EngineError('unavailable', 'the engine is starting', { isUnseen: true }) : null;
  });
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  for (const content of ['1', '2', '3']) await seal(content);
  await eventually(() => engine.attempts > 10);
  expect([...tried]).toEqual(['1']);
  isUnavailable = false;
  await eventually(() => spool.status.backlogSegments === 0);
  expect(engine.stored).toEqual(['1', '2', '3']);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('a segment that the engine fails on, whatever its error, holds up those behind it for a few attempts only', async () => {
  const engine = new JudgingEngine((content) => (content === 'huge' ? clickhouseError(241) : null));
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await seal('huge');
  await eventually(() => engine.attempts >= limits.rejectionsMax);
  await seal('1');
  await eventually(() => engine.stored.includes('1'));
  await seal('2');
  await eventually(() => engine.stored.includes('2'));
  const attempts = engine.attempts;
  await eventually(() => engine.attempts > attempts + 5);
  expect(spool.status.quarantinedSegments).toEqual([]);
  expect(loader.status).toMatchObject({ failure: null, passedBecause: { reason: clickhouseError(241).message } });
  expect(loader.status.passedSegments).toHaveLength(1);
  await spool.close();
  expect(await loader.drain(1)).toBe(false);
});

test('a quarantined segment that cannot be moved stays, and ends nothing', async () => {
  // Nothing can be created in a file.
  rmSync(join(directory, 'rejected'), { recursive: true, force: true });
  writeFileSync(join(directory, 'rejected'), '');
  const engine = new JudgingEngine((content) => (content === 'bad' ? clickhouseError(INCORRECT_DATA) : null));
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await seal('bad');
  await seal('1');
  await eventually(() => engine.attempts > 10 && engine.stored.length === 1);
  expect(spool.status).toMatchObject({ backlogSegments: 1, quarantinedSegments: [] });
  rmSync(join(directory, 'rejected'));
  await eventually(() => spool.status.quarantinedSegments.length === 1);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('a stored segment whose files cannot be removed is not inserted again', async () => {
  const engine = new JudgingEngine(() => null);
  const loader = new Loader({ spool, engine, log, registry, limits });
  await seal('1');
  await eventually(() => spool.sealed.length === 1);
  let failures = 0;
  const release = spool.release.bind(spool);
  spool.release = async (segment) => {
    if (++failures <= 3) throw Object.assign(new Error('EIO: i/o error, unlink'), { code: 'EIO' });
    await release(segment);
  };
  loader.start();
  await eventually(() => spool.status.backlogSegments === 0);
  expect(engine.attempts).toBe(1);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('a segment whose file somebody has removed is counted as lost, and holds up nobody', async () => {
  const engine = new JudgingEngine(() => null);
  const rejected: string[] = [];
  const loader = new Loader({ spool, engine, log, registry, limits, onSkipped: ({ name }) => rejected.push(name) });
  await seal('1');
  await eventually(() => spool.sealed.length === 1);
  const [gone] = spool.sealed;
  rmSync(gone?.path ?? '');
  loader.start();
  await seal('2');
  await eventually(() => engine.stored.includes('2'));
  await eventually(() => spool.status.backlogSegments === 0);
  expect(await registry.metrics()).toContain('throughline_loader_inserts_total{outcome="gone"} 1');
  expect(rejected).toEqual([gone?.name]);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('an insert that ended well is followed by no further statement; one that did not is completed', async () => {
  const calls: string[] = [];
  let failures = 2;
  const engine = {
    insertNativeFile: async (): Promise<void> => {
      calls.push('insert');
      if (calls.length > 1 && failures-- > 0) throw new EngineError('timeout', 'too slow');
    },
    insertMissingSpans: async (): Promise<number> => {
      calls.push('missing');
      if (failures-- > 0) throw new EngineError('unavailable', 'away', { isUnseen: true });
      return 1;
    },
  };
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await seal('1');
  await eventually(() => spool.status.backlogSegments === 0);
  expect(calls).toEqual(['insert']);
  await seal('2');
  await eventually(() => spool.status.backlogSegments === 0);
  expect(calls).toEqual(['insert', 'insert', 'missing', 'missing']);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('an engine that has certainly not seen an insert leaves nothing in doubt', async () => {
  const calls: string[] = [];
  const engine = {
    insertNativeFile: async (): Promise<void> => {
      calls.push('insert');
      if (calls.length < 3) throw new EngineError('unavailable', 'the engine is starting', { isUnseen: true });
    },
    insertMissingSpans: (): Promise<number> => Promise.reject(new Error('not asked for')),
  };
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await seal('1');
  await eventually(() => spool.status.backlogSegments === 0);
  expect(calls).toEqual(['insert', 'insert', 'insert']);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('draining gives up at its deadline, and what is left is loaded by the next process', async () => {
  const tokens: string[] = [];
  const away = engineThatAnswers(
    Array.from({ length: 1_000 }, () => 'unavailable' as const),
    [],
  );
  const loader = new Loader({ spool, engine: away, log, registry, limits });
  loader.start();
  await seal('1');
  await spool.close();
  expect(await loader.drain(30)).toBe(false);

  const again = new Registry();
  const nextSpool = new Spool({ directory, log, registry: again });
  await nextSpool.open();
  const nextLoader = new Loader({
    spool: nextSpool,
    engine: engineThatAnswers([], tokens),
    log,
    registry: again,
    limits,
  });
  nextLoader.start();
  await nextSpool.close();
  expect(await nextLoader.drain(1_000)).toBe(true);
  expect(tokens).toHaveLength(1);
});

test('spans are in the store soon after their acknowledgement, once each, while the engine is killed', async () => {
  await useSpool({});
  await using store = await startEngine();
  const ingest = new Ingest({ spool, registry, now: () => 1_795_000_100_000 });
  const loader = new Loader({ spool, engine: store.engine, log, registry });
  loader.start();
  const spanIds: string[] = [];
  const acknowledge = async (): Promise<void> => {
    const spanId = (spanIds.length + 1).toString(16).padStart(16, '0');
    spanIds.push(spanId);
    const result = await ingest.decode((block, refusals) => appendSpan(block, refusals, aSpan({ spanId })));
    expect(result.kind).toBe('stored');
  };
  await acknowledge();
  await eventually(async () => (await store.rows('SELECT count() FROM throughline.spans'))[0]?.[0] === 1);

  for (let kill = 0; kill < 3; kill++) {
    for (let request = 0; request < 20; request++) await acknowledge();
    process.kill(store.pids.at(-1) ?? 0, 'SIGKILL');
    await eventually(() => store.engine.state.kind === 'down');
    for (let request = 0; request < 20; request++) await acknowledge();
    await eventually(() => store.engine.state.kind === 'ready');
  }
  await spool.close();
  expect(await loader.drain(60_000)).toBe(true);
  const stored = await store.rows('SELECT lower(hex(span_id)) FROM throughline.spans ORDER BY 1');
  expect(stored.map(([id]) => id)).toEqual(spanIds.toSorted());
});

/** Takes what the function allows of a segment; of others one part of the store is away. */
function engineWithout(isAway: (content: string) => string | null): JudgingEngine {
  return new JudgingEngine((content) => {
    const waitsFor = isAway(content);
    return waitsFor === null ? null : new EngineError('unavailable', 'away', { waitsFor });
  });
}

async function metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const values = (await registry.getSingleMetric(name)?.get())?.values ?? [];
  const isAsked = (has: Readonly<Record<string, unknown>>): boolean =>
    Object.entries(labels).every(([label, value]) => has[label] === value);
  return values.find((each) => isAsked(each.labels))?.value ?? 0;
}

const isStored = (engine: JudgingEngine, count: number) => (): boolean => engine.stored.length === count;

test('segments that wait for a part of the store are passed by any number of others, and follow when it is back', async () => {
  let isAway = true;
  const engine = engineWithout((content) => (isAway && content.startsWith('away') ? 'shard 2' : null));
  for (let index = 0; index < 20; index++) await seal(`away ${index}`);
  for (let index = 0; index < 20; index++) await seal(`here ${index}`);
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await eventually(isStored(engine, 20));
  expect(engine.stored).toEqual(Array.from({ length: 20 }, (_, index) => `here ${index}`));
  expect(loader.waitingSegments).toBe(20);
  // Nobody is told of a segment: the part that is away is what is wrong.
  expect(loader.status).toEqual({ failure: null, passedSegments: [], passedBecause: null });
  expect(await metric('throughline_loader_failing_segments')).toBe(20);
  // One of them is tried again and again, not all.
  const before = engine.attempts;
  await seal('here at last');
  await eventually(isStored(engine, 21));
  isAway = false;
  await eventually(isStored(engine, 41));
  expect(engine.stored.slice(21)).toEqual(Array.from({ length: 20 }, (_, index) => `away ${index}`));
  expect(engine.attempts).toBeGreaterThan(before);
  expect(loader.waitingSegments).toBe(0);
  await spool.close();
  expect(await loader.drain(10_000)).toBe(true);
});

test('segments wait for each part of the store by themselves', async () => {
  const away = new Set(['1', '2']);
  const engine = engineWithout((content) => (away.has(content.slice(-1)) ? `shard ${content.slice(-1)}` : null));
  for (const content of ['a1', 'b2', 'c1', 'd2', 'e3']) await seal(content);
  const loader = new Loader({ spool, engine, log, registry, limits });
  loader.start();
  await eventually(isStored(engine, 1));
  away.delete('2');
  await eventually(isStored(engine, 3));
  expect(engine.stored).toEqual(['e3', 'b2', 'd2']);
  expect(loader.waitingSegments).toBe(2);
  away.clear();
  await eventually(isStored(engine, 5));
  await spool.close();
  expect(await loader.drain(10_000)).toBe(true);
});

test('of a backlog the newest segment and the oldest take turns, and what is open is sealed for that', async () => {
  await useSpool({ segmentAgeMs: 60_000 });
  const append = (content: string): Promise<unknown> => spool.append(Buffer.from(content), 1);
  for (const content of ['1', '2', '3', '4']) {
    await append(content);
    await spool.sealOlderThan(0);
  }
  const stored: string[] = [];
  // While one of those that have waited is stored, another one comes.
  const engine = {
    insertNativeFile: async (_table: string, path: string) => {
      const content = readFileSync(path, 'utf8');
      if (/^[123]$/.test(content)) await append(`after ${content}`);
      stored.push(content);
    },
  };
  const loader = new Loader({ spool, engine, log, registry, limits, newestAfterMs: 0 });
  loader.start();
  // A last one is no backlog.
  await eventually(() => stored.length === 6);
  expect(stored).toEqual(['1', 'after 1', '2', 'after 2', '3', '4']);
  await spool.close();
  expect(await loader.drain(10_000)).toBe(true);
});

test('a backlog is stored at a bounded rate, and what has just come beside it', async () => {
  const engine = new JudgingEngine(() => null);
  for (const content of ['1', '2', '3', '4']) await seal(content);
  const slow = { ...limits, backlogRowsPerSecondMax: 1 / 3_600 };
  const loader = new Loader({ spool, engine, log, registry, limits: slow, newestAfterMs: 1 });
  loader.start();
  await eventually(isStored(engine, 2));
  for (const content of ['5', '6', '7']) {
    await seal(content);
    await eventually(() => engine.stored.includes(content));
  }
  expect(engine.stored).toEqual(['1', '4', '5', '6', '7']);
  expect(await metric('throughline_limit_reached_total', { limit: 'loader.backlogRowsPerSecondMax' })).toBeGreaterThan(
    0,
  );
  await spool.close();
  expect(await loader.drain(1)).toBe(false);
});

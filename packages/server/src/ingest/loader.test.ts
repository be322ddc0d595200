import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineError, type Engine } from '../storage/engine.ts';
import { eventually, silentLog as log, startEngine } from '../storage/testing/start-engine.ts';
import { Ingest } from './ingest.ts';
import { Loader } from './loader.ts';
import { Spool } from './spool.ts';
import { aSpan, appendSpan } from './testing/append-span.ts';

let directory: string;
let registry: Registry;
let spool: Spool;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-loader-'));
  registry = new Registry();
  spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 10 } });
  await spool.open();
});
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

const limits = { retryDelayMs: 1, retryDelayMsMax: 4, refusalsMax: 3 };

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
  const trying = 'a segment is not stored yet; trying again';
  expect(lines).toEqual([trying, trying, 'the segment is stored now']);
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
});

test('a segment that is refused for good is set aside, and those behind it are stored', async () => {
  const tokens: string[] = [];
  const engine = engineThatAnswers(['refused', 'unavailable', 'refused', 'refused'], tokens);
  const loader = new Loader({ spool, engine, log, registry, limits });
  await seal('1');
  loader.start();
  await eventually(() => spool.status.rejectedSegments.length === 1);
  await seal('2');
  await spool.close();
  expect(await loader.drain(1_000)).toBe(true);
  expect(tokens).toHaveLength(5);
  expect(readdirSync(join(directory, 'rejected')).filter((file) => file.endsWith('.native'))).toHaveLength(1);
  expect(await registry.metrics()).toContain('throughline_loader_inserts_total{outcome="rejected"} 1');
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

test('spans are in the store within a second of their acknowledgement, once each, while the engine is killed', async () => {
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
  const acknowledgedAt = performance.now();
  await eventually(async () => (await store.rows('SELECT count() FROM throughline.spans'))[0]?.[0] === 1);
  expect(performance.now() - acknowledgedAt).toBeLessThan(1_000);

  for (let kill = 0; kill < 3; kill++) {
    for (let request = 0; request < 20; request++) await acknowledge();
    process.kill(store.pids.at(-1) ?? 0, 'SIGKILL');
    await eventually(() => store.engine.state.kind === 'down');
    for (let request = 0; request < 20; request++) await acknowledge();
    await eventually(() => store.engine.state.kind === 'ready');
  }
  await spool.close();
  expect(await loader.drain(20_000)).toBe(true);
  const stored = await store.rows('SELECT lower(hex(span_id)) FROM throughline.spans ORDER BY 1');
  expect(stored.map(([id]) => id)).toEqual(spanIds.toSorted());
}, 60_000);

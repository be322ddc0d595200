import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedEngine } from './embedded-engine.ts';
import { identifyProcess, isRunning } from '../directory/process-identity.ts';
import { builtEngineProcess, eventually, silentLog, startEngine, type StartedEngine } from '../testing/start-engine.ts';

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine({ concurrentQueries: 2, queuedQueriesMax: 1 });
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

const SLOW = 'SELECT 1, sleepEachRow(0.05) FROM numbers(1000) SETTINGS max_block_size = 1';

test('no query waits behind a slow one while a session is free, and a bounded number waits when none is', async () => {
  const slow = [store.rows(SLOW, 400), store.rows(SLOW, 400)].map((query) => query.catch((error: unknown) => error));
  const queued = store.rows('SELECT 1');
  await expect(store.rows('SELECT 2')).rejects.toMatchObject({
    code: 'unavailable',
    message: 'query queue full (1)',
  });
  expect(await queued).toEqual([[1]]);
  await Promise.all(slow);
});

test('a query runs on both of its threads under the limit of memory', async () => {
  const plan = await store.rows('EXPLAIN PIPELINE SELECT number % 7, count() FROM numbers_mt(10000000) GROUP BY 1');
  expect(plan.join('\n')).toContain('AggregatingTransform × 2');
});

test('days are UTC days wherever the collector runs', async () => {
  expect(await store.rows('SELECT timezone(), toDate(toDateTime(86399))')).toEqual([['UTC', '1970-01-01']]);
});

test('an engine that is killed comes back by itself, and says meanwhile that it is down', async () => {
  await using victim = await startEngine();
  const query = victim.rows(SLOW);
  process.kill(victim.pids.at(-1) ?? 0, 'SIGKILL');
  await expect(query).rejects.toMatchObject({ code: 'unavailable' });
  await eventually(() => victim.engine.state.kind === 'down');
  await expect(victim.rows('SELECT 1')).rejects.toThrow('SIGKILL');
  await eventually(() => victim.engine.state.kind === 'ready');
  expect(await victim.rows('SELECT 1')).toEqual([[1]]);
  expect(await victim.registry.metrics()).toContain('throughline_engine_restarts_total 1');
});

test('inserts that are asked for at once are all stored', async () => {
  await using engine = await startEngine();
  const inserts = [1, 2, 3, 4].map(async (file) => {
    const path = join(engine.directory, `${file}.native`);
    const rows = `SELECT reinterpretAsFixedString(${file}00000 + number) AS span_id FROM numbers(50000)`;
    writeFileSync(path, await engine.engine.query(rows, { format: 'Native', timeoutMs: 60_000 }));
    return path;
  });
  const paths = await Promise.all(inserts);
  await Promise.all(paths.map((path) => engine.engine.insertNativeFile('spans', path, path)));
  expect(await engine.rows('SELECT count(), uniqExact(span_id) FROM throughline.spans')).toEqual([[200_000, 200_000]]);
});

test('an insert that the engine dies in is exact after its repeat', async () => {
  await using victim = await startEngine();
  const path = join(victim.directory, 'rows.native');
  const row =
    "SELECT reinterpretAsFixedString(number + 1) AS span_id, toDateTime(1795000000 + number % 3 * 86400) AS start_s, 'ot=th:8' AS trace_state FROM numbers(100000)";
  writeFileSync(path, await victim.engine.query(row, { format: 'Native', timeoutMs: 60_000 }));
  for (let kill = 0; kill < 4; kill++) {
    const token = `segment-${kill}`;
    const insert = victim.engine.insertNativeFile('spans', path, token);
    const outcome = insert.then(
      () => 'stored',
      () => 'unknown',
    );
    await new Promise((resolve) => setTimeout(resolve, 5 + kill * 60));
    process.kill(victim.pids.at(-1) ?? 0, 'SIGKILL');
    await outcome;
    await eventually(() => victim.engine.state.kind === 'down');
    await eventually(() => victim.engine.state.kind === 'ready');
    await victim.engine.insertNativeFile('spans', path, token);
    const [counts] = await victim.rows('SELECT count(), uniqExact(span_id) FROM throughline.spans');
    expect(counts).toEqual([100_000 * (kill + 1), 100_000]);
  }
});

test('the engine does not outlive a collector that is killed during a long query', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-orphan-'));
  const program = `
    import { EmbeddedEngine } from ${JSON.stringify(new URL('../embedded/embedded-engine.js', builtEngineProcess).href)};
    import { Registry } from 'prom-client';
    const log = { debug() {}, error() {} };
    const engine = new EmbeddedEngine({ directory: ${JSON.stringify(directory)}, log, registry: new Registry(), onProcess: (pid) => console.log(pid) });
    await engine.start();
    engine.query('SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1', { format: 'Native', timeoutMs: 60000 }).catch(() => {});
    setTimeout(() => console.log('running'), 200);
  `;
  const collector = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: collector.stdout })) {
    lines.push(line);
    if (line === 'running') break;
  }
  const engine = identifyProcess(Number(lines[0]));
  if (engine === null) throw new Error(`no engine runs: ${lines.join()}`);
  collector.kill('SIGKILL');
  await eventually(() => !isRunning(engine));
  expect(isRunning(engine)).toBe(false);
  rmSync(directory, { recursive: true, force: true });
});

test('signals that are meant for the collector do not end the engine', async () => {
  const pid = store.pids.at(-1) ?? 0;
  process.kill(pid, 'SIGINT');
  process.kill(pid, 'SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await store.rows('SELECT 1')).toEqual([[1]]);
  expect(store.pids.at(-1)).toBe(pid);
});

test('where the engine is not installed, the error says what to install', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-bare-'));
  writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
  mkdirSync(join(directory, 'storage/process'), { recursive: true });
  for (const name of ['storage/process/embedded-process.js', 'storage/process/explain-unopened.js', 'file-pages.js']) {
    copyFileSync(new URL(`../../${name}`, builtEngineProcess), join(directory, name));
  }
  const engine = new EmbeddedEngine({
    directory: join(directory, 'store'),
    log: silentLog,
    registry: new Registry(),
    processPath: pathToFileURL(join(directory, 'storage/process/embedded-process.js')),
  });
  const error: unknown = await engine.start().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'not_installed' });
  expect(String(error)).toContain('run "npm install chdb"');
  rmSync(directory, { recursive: true, force: true });
});

test('closing ends running queries, and everything after it is rejected', async () => {
  const closing = await startEngine();
  const query = closing.rows(SLOW);
  const outcome = query.catch((error: unknown) => error);
  await closing[Symbol.asyncDispose]();
  expect(await outcome).toMatchObject({ code: 'unavailable' });
  expect(closing.engine.state).toEqual({ kind: 'closed' });
  await expect(closing.rows('SELECT 1')).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('closed') as string,
  });
  const engine = identifyProcess(closing.pids.at(-1) ?? 0);
  expect(engine).toBeNull();
});

test('a store that cannot be opened is one clear error, and leaves no process', async () => {
  const pids: number[] = [];
  const second = new EmbeddedEngine({
    directory: store.directory,
    log: silentLog,
    registry: new Registry(),
    processPath: builtEngineProcess,
    onProcess: (pid) => pids.push(pid),
  });
  await expect(second.start()).rejects.toThrow(`the store ${store.directory} cannot be opened`);
  expect(identifyProcess(pids[0] ?? 0)).toBeNull();
  await second.close();
});

test('an engine that hangs is called down, and then ended and started again', async () => {
  await using victim = await startEngine({ pingIntervalMs: 50, unansweredPingsDown: 3, unansweredPingsMax: 20 });
  const [first = 0] = victim.pids;
  process.kill(first, 'SIGSTOP');
  const query = victim.rows('SELECT 1').catch((error: unknown) => error);
  await eventually(() => victim.engine.state.kind === 'down');
  expect(victim.engine.state).toMatchObject({ reason: expect.stringContaining('not responded') as unknown });
  await expect(victim.rows('SELECT 1')).rejects.toMatchObject({ code: 'unavailable' });
  await eventually(() => victim.engine.state.kind === 'ready');
  expect(victim.pids).toHaveLength(2);
  expect(String(await query)).toContain('not responded');
  expect(await victim.rows('SELECT 1')).toEqual([[1]]);
});

test('an engine that answers again is ready again, and a slow query is no silence', async () => {
  await using victim = await startEngine({ pingIntervalMs: 50, unansweredPingsDown: 3, unansweredPingsMax: 10_000 });
  const [pid = 0] = victim.pids;
  process.kill(pid, 'SIGSTOP');
  await eventually(() => victim.engine.state.kind === 'down');
  process.kill(pid, 'SIGCONT');
  await eventually(() => victim.engine.state.kind === 'ready');
  const slow = victim.rows(SLOW, 1_000).catch((error: unknown) => error);
  let isAlwaysReady = true;
  const watch = setInterval(() => (isAlwaysReady &&= victim.engine.state.kind === 'ready'), 10);
  expect(await slow).toMatchObject({ code: 'timeout' });
  clearInterval(watch);
  expect(isAlwaysReady).toBe(true);
  expect(victim.pids).toEqual([pid]);
});

test('an insert that takes too long is ended with its engine', async () => {
  await using victim = await startEngine({ insertTimeoutMs: 300 });
  process.kill(victim.pids[0] ?? 0, 'SIGSTOP');
  const insert = victim.engine.insertNativeFile('spans', join(victim.directory, 'none.native'), 'token');
  await expect(insert).rejects.toThrow(/longer than 300 ms/);
});

test('a stop ends an engine that hangs when its time is over, whatever else waits for it', async () => {
  // Nothing else would end the engine before the test is out of time.
  const victim = await startEngine({ closeTimeoutMs: 500, insertTimeoutMs: 3_600_000, unansweredPingsMax: 1_000_000 });
  process.kill(victim.pids[0] ?? 0, 'SIGSTOP');
  const insert = victim.engine.insertNativeFile('spans', join(victim.directory, 'none.native'), 'token');
  await Promise.all([victim[Symbol.asyncDispose](), expect(insert).rejects.toMatchObject({ code: 'unavailable' })]);
  expect(identifyProcess(victim.pids[0] ?? 0)).toBeNull();
});

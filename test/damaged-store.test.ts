import { cpSync, readdirSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleOf } from '../packages/server/src/storage/testing/sample-of.ts';
import { isSpoolEmpty, newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { canInjectFaults, FaultInjection } from './support/fault-injection.ts';
import { eventually } from './support/processes.ts';
import { auditStore, flipByte, halve, partsOf } from './support/store-files.ts';
import { aRequest, postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const DAY_MS = 86_400_000;
/** Draws the cases of the short form; the long form has all of them. */
const SEED = 20_261_128;
/** Each is a trace of its own, which every look at the store asks for. */
const SPANS_PER_DAY = 8;
/** Noon, so that a day's spans stay in it. */
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2;
const DAYS = [0, 1, 2].map((back) => ({ name: `day-${back}`, startMs: NOON - back * DAY_MS }));
const HARMED = DAYS[1] ?? { name: '', startMs: 0 };
const HARMED_DAY = new Date(HARMED.startMs).toISOString().slice(0, 10);
const PARTITION = HARMED_DAY.replaceAll('-', '');

/** A stopped collector's directory, with spans of three days that are stored and counted. */
const intact = newDirectory();
let directory = '';
let collector: Collector | null = null;

beforeAll(async () => {
  const first = await startCollector({ dataDirectory: intact });
  for (const { name, startMs } of DAYS) {
    const { ok } = await postJson(first.otlpUrl, aRequest(name, SPANS_PER_DAY, 'shop', startMs));
    if (!ok) throw new Error('the collector took no spans');
  }
  await first.stop({ keepData: true });
  // What was stored last is counted by the next start.
  const second = await startCollector({ dataDirectory: intact });
  await eventually('everything is stored', () => isSpoolEmpty(second));
  await second.stop({ keepData: true });
});
afterAll(() => rmSync(intact, { recursive: true, force: true }));

/** Starts a collector on a copy of the intact store that was harmed. */
async function startHarmed(
  harm: (dataDirectory: string) => void,
  env: Record<string, string> = {},
): Promise<Collector> {
  directory = newDirectory();
  cpSync(intact, directory, { recursive: true, verbatimSymlinks: true });
  harm(directory);
  collector = await startCollector({ dataDirectory: directory, env });
  return collector;
}

/** The status of each trace by its id, by the day it is of. */
async function statuses({ apiUrl }: Collector): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  for (const { name } of DAYS) {
    const ids = Array.from({ length: SPANS_PER_DAY }, (_, index) => traceIdOf(`${name}-${index}`));
    const answers = await Promise.all(ids.map(async (id) => (await fetch(`${apiUrl}/api/v1/traces/${id}`)).status));
    found[name] = [...new Set(answers)];
  }
  return found;
}

async function warningsOf({ apiUrl }: Collector): Promise<{ code: string; message: string }[]> {
  const body = (await (await fetch(`${apiUrl}/readyz`)).json()) as { warnings: { code: string; message: string }[] };
  return body.warnings;
}

async function spansOfServices({ apiUrl }: Collector): Promise<number> {
  const body = (await (await fetch(`${apiUrl}/api/v1/services`)).json()) as { services: { spanCount: number }[] };
  return body.services.reduce((sum, { spanCount }) => sum + spanCount, 0);
}

async function searched({ apiUrl }: Collector): Promise<number> {
  const response = await fetch(`${apiUrl}/api/v1/traces?service=shop&tag=request%3D${HARMED.name}&limit=1000`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { traces: unknown[] }).traces.length;
}

/** Stops the collector and holds what it has stored against what it acknowledged, by ids; `lost`: whose spans may be gone. */
async function expectStored(lost: readonly string[]): Promise<void> {
  await collector?.stop({ keepData: true });
  collector = null;
  const { spanIds, rows, wrongTables } = await auditStore(directory);
  const kept = DAYS.filter(({ name }) => !lost.includes(name)).flatMap(({ name }) =>
    Array.from({ length: SPANS_PER_DAY }, (_, index) => spanIdOf(`${name}-${index}`)),
  );
  expect([...spanIds].toSorted()).toEqual(kept.toSorted());
  expect({ rows, wrongTables }).toEqual({ rows: kept.length, wrongTables: [] });
}

async function cleanUp(): Promise<void> {
  await collector?.stop({ keepData: true });
  collector = null;
  rmSync(directory, { recursive: true, force: true });
}

function dataFiles(dataDirectory: string, table: string): string[] {
  const files = partsOf(dataDirectory, table, PARTITION).map((part) => join(part, 'data.bin'));
  expect(files.length, `parts of ${table}`).toBeGreaterThan(0);
  return files;
}

describe('a store that was damaged below the engine', () => {
  // Of each of the other tables a part is lost below, in one test.
  it.for(sampleOf(['trace_times', 'operation_15m', 'request_1m', 'request_1h', 'attribute_values'], 2, SEED))(
    'answers everything when bytes of %s are wrong, and makes it anew',
    async (table) => {
      const running = await startHarmed((data) => dataFiles(data, table).forEach((file) => flipByte(file, 1)));
      try {
        for (const question of [
          `series?step=3600&from=${HARMED.startMs - 7_200_000}000000&to=${HARMED.startMs + 7_200_000}000000`,
          `series?step=60&from=${HARMED.startMs - 600_000}000000&to=${HARMED.startMs + 600_000}000000`,
          'attributes',
          'attributes/request/values',
        ]) {
          expect((await fetch(`${running.apiUrl}/api/v1/${question}`)).status, question).toBe(200);
        }
        expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
        expect(await searched(running)).toBe(SPANS_PER_DAY);
        expect(await spansOfServices(running)).toBe(3 * SPANS_PER_DAY);
        await eventually('it is named', async () => (await warningsOf(running)).length > 0);
        const [warning] = await warningsOf(running);
        expect(warning?.code).toBe('store_parts_lost');
        expect(warning?.message).toContain(`${table} of ${HARMED_DAY}`);
        await expectStored([]);
      } finally {
        await cleanUp();
      }
    },
  );

  it('answers what is intact when spans are lost, names them, and counts them no more', async () => {
    const running = await startHarmed((data) => dataFiles(data, 'spans').forEach((file) => flipByte(file)));
    try {
      expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [404], 'day-2': [200] });
      expect(await searched(running)).toBe(0);
      await eventually('it is counted anew', async () => (await spansOfServices(running)) === 2 * SPANS_PER_DAY);
      const [warning] = await warningsOf(running);
      expect(warning?.message).toContain(`spans of ${HARMED_DAY} (${SPANS_PER_DAY} rows, `);
      const { problems } = (await (await fetch(`${running.apiUrl}/api/v1/system`)).json()) as { problems: string[] };
      expect(problems).toContain(warning?.message);
      const metrics = await (await fetch(`${running.apiUrl}/metrics`)).text();
      expect(metrics).toContain(`throughline_store_lost_rows{table="spans",day="${HARMED_DAY}"} ${SPANS_PER_DAY}`);
      // Said once for each part, not once for each question.
      expect(running.output().match(/moved to detached/g)?.length).toBe(partsOf(intact, 'spans', PARTITION).length);
      // It is kept until a person has seen it, and told of as long as it is there.
      await running.stop({ keepData: true });
      collector = await startCollector({ dataDirectory: directory });
      expect((await warningsOf(collector))[0]?.message).toBe(warning?.message);
      await expectStored([HARMED.name]);
    } finally {
      await cleanUp();
    }
  });

  it.for(sampleOf(['skp_idx_trace_id_filter.idx', 'primary.cidx'], 1, SEED))(
    'loses nothing when bytes of %s are wrong in the parts of a day',
    async (file) => {
      const running = await startHarmed((data) => {
        for (const part of partsOf(data, 'spans', PARTITION)) flipByte(join(part, file));
      });
      try {
        expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
        expect(await searched(running)).toBe(SPANS_PER_DAY);
        expect(await spansOfServices(running)).toBe(3 * SPANS_PER_DAY);
        expect(await warningsOf(running)).toEqual([]);
        expect(running.output()).toMatch(/rebuilt .*indexes.* attached/);
        expect(running.output()).not.toContain('moved to detached');
        await expectStored([]);
      } finally {
        await cleanUp();
      }
    },
  );

  it('finds lost spans again, and counts them, when a later start can repair their part', async () => {
    const running = await startHarmed((data) => dataFiles(data, 'spans').forEach((file) => flipByte(file)));
    try {
      expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [404], 'day-2': [200] });
      await eventually('it is counted anew', async () => (await spansOfServices(running)) === 2 * SPANS_PER_DAY);
      await running.stop({ keepData: true });
      // As a disk that reads again after it was plugged in anew.
      for (const part of partsOf(intact, 'spans', PARTITION)) {
        const detached = join(part, '..', 'detached', basename(part)).replace(intact, directory);
        flipByte(join(detached, 'data.bin'));
      }
      collector = await startCollector({ dataDirectory: directory });
      expect(await statuses(collector)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
      expect(await spansOfServices(collector)).toBe(3 * SPANS_PER_DAY);
      expect(await warningsOf(collector)).toEqual([]);
      await expectStored([]);
    } finally {
      await cleanUp();
    }
  });

  it.skipIf(!canInjectFaults)(
    'takes a part that the disk fails to read for neither good nor damaged, and names it until it can be read',
    async () => {
      const faults = new FaultInjection();
      const running = await startHarmed(() => {}, { ...faults.env, THROUGHLINE_DAMAGE_LOOK_INTERVAL_MS: '200' });
      const parts = partsOf(directory, 'spans', PARTITION);
      try {
        faults.plan(
          parts.map((part) => ({
            process: 'any',
            kind: 'read',
            pattern: `${part}/*`,
            times: 1_000_000,
            action: 'fail EIO',
          })),
        );
        const asked = await statuses(running);
        expect(asked).toMatchObject({ 'day-0': [200], 'day-2': [200] });
        expect(asked['day-1']).not.toContain(404);
        const [warning] = await warningsOf(running);
        expect(warning?.code).toBe('store_unread');
        expect(warning?.message).toContain(`part ${basename(parts[0] ?? '')} of spans of ${HARMED_DAY}`);
        expect(warning?.message).toContain('EIO');
        expect(running.output().match(/disk cannot read /g)).toHaveLength(parts.length);
        const check = runCommand(['check', '--data-dir', directory]);
        expect(await check.exited).toMatchObject({ code: 1 });
        expect(check.output()).toContain(`unreadable: spans of ${HARMED_DAY}, part `);
        expect(check.output()).not.toContain('damaged: ');
        faults.plan([]);
        await eventually('it is read again', async () => (await warningsOf(running)).length === 0);
        expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
        expect(partsOf(directory, 'spans', PARTITION)).toEqual(parts);
        await expectStored([]);
      } finally {
        await cleanUp();
      }
    },
  );

  it.skipIf(!canInjectFaults)(
    'keeps what the disk fails to read at a start, and uses it again when it can be read',
    async () => {
      const faults = new FaultInjection();
      directory = newDirectory();
      cpSync(intact, directory, { recursive: true, verbatimSymlinks: true });
      const [part = ''] = partsOf(directory, 'spans', PARTITION);
      // Another table may have a part of the same name.
      const table = basename(dirname(realpathSync(part)));
      faults.plan([
        { process: 'any', kind: 'read', pattern: `*${table}*${basename(part)}*`, times: 1_000_000, action: 'fail EIO' },
      ]);
      try {
        collector = await startCollector({ dataDirectory: directory, env: faults.env });
        await statuses(collector);
        const codes = (await warningsOf(collector)).map(({ code }) => code);
        expect(codes.filter((code) => code === 'store_parts_lost' || code === 'store_unread')).toHaveLength(1);
        expect(collector.output()).toContain('disk cannot read');
        await collector.stop({ keepData: true });
        faults.plan([]);
        collector = await startCollector({ dataDirectory: directory });
        expect(await statuses(collector)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
        expect(await warningsOf(collector)).toEqual([]);
        await expectStored([]);
      } finally {
        await cleanUp();
      }
    },
  );

  it.for(sampleOf(['emptied', 'halved'], 1, SEED))('names what a power failure has %s', async (how) => {
    const harm = how === 'emptied' ? (file: string): void => truncateSync(file, 0) : halve;
    const running = await startHarmed((data) => dataFiles(data, 'spans').forEach((file) => harm(file)));
    try {
      const [warning] = await warningsOf(running);
      expect(warning?.message).toContain(`spans of ${HARMED_DAY} (${SPANS_PER_DAY} rows, `);
      expect(running.output()).toContain('moved to detached');
      expect(await spansOfServices(running)).toBe(2 * SPANS_PER_DAY);
      expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [404], 'day-2': [200] });
      await expectStored([HARMED.name]);
    } finally {
      await cleanUp();
    }
  });

  it('makes a derived table anew of which a power failure took a part', async () => {
    const running = await startHarmed((data) => {
      for (const table of ['trace_times', 'request_1h', 'operation_15m', 'weight_15m', 'attribute_values'])
        for (const part of partsOf(data, table, PARTITION)) truncateSync(join(part, 'data.bin'), 0);
      // Without a trace in `detached/`, as if the directory had never reached the disk.
      for (const part of partsOf(data, 'request_1m', PARTITION)) rmSync(part, { recursive: true });
      for (const table of ['rollup_progress', 'store_id', 'schema_migrations'])
        for (const part of partsOf(data, table, 'all')) truncateSync(join(part, 'data.bin'), 0);
    });
    try {
      const [id, idBefore] = [directory, intact].map((path) => readFileSync(join(path, 'store-id'), 'utf8'));
      expect(id).toBe(idBefore);
      expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
      await expectStored([]);
    } finally {
      await cleanUp();
    }
  });

  it('puts the definition of a table back in which one bit has turned', async () => {
    const definition = join('store', 'metadata', 'throughline', 'spans.sql');
    const running = await startHarmed((data) => {
      const text = readFileSync(join(data, definition), 'utf8');
      writeFileSync(join(data, definition), text.replace('`name`', '`namd`'));
    });
    try {
      expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [200], 'day-2': [200] });
      const [warning] = await warningsOf(running);
      expect(warning?.code).toBe('store_definitions_damaged');
      expect(warning?.message).toContain('store/definitions/damaged: spans.sql.');
      expect(running.output()).toContain('metadata/throughline/spans.sql');
      const metrics = await (await fetch(`${running.apiUrl}/metrics`)).text();
      expect(metrics).toContain('throughline_store_damaged_definitions 1');
      await expectStored([]);
    } finally {
      await cleanUp();
    }
  });

  it('detaches no more parts than it may, and says so', async () => {
    const running = await startHarmed((data) => dataFiles(data, 'spans').forEach((file) => flipByte(file)), {
      THROUGHLINE_DAMAGE_DETACHED_PARTS_MAX: '0',
    });
    try {
      expect(await statuses(running)).toEqual({ 'day-0': [200], 'day-1': [500], 'day-2': [200] });
      expect((await warningsOf(running)).map(({ code }) => code)).toEqual(['store_damaged']);
      expect(readdirSync(join(dirname(dataFiles(directory, 'spans')[0] ?? ''), '..', 'detached'))).toEqual([]);
    } finally {
      await cleanUp();
    }
  });

  it('says which table cannot be opened by its definition, where that is not known', async () => {
    directory = newDirectory();
    try {
      cpSync(intact, directory, { recursive: true, verbatimSymlinks: true });
      truncateSync(join(directory, 'store', 'metadata', 'throughline', 'trace_times.sql'), 0);
      rmSync(join(directory, 'store', 'definitions', 'copy'));
      const command = runCommand(['up', '--data-dir', directory, '--http-port', '0', '--otlp-http-port', '0']);
      expect(await command.exited).toEqual({ code: 1, signal: null });
      expect(command.output()).toContain('the definition metadata/throughline/trace_times.sql is damaged');
      expect(command.output()).toContain(`move ${join(directory, 'store')} away`);
    } finally {
      await cleanUp();
    }
  });
});

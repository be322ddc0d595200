import { afterAll, beforeAll, expect, test } from 'vitest';
import { FLEET_TABLE } from './fleet-table.ts';
import { LAST_TERM, LEASE_TABLE } from './lease-claims.ts';
import { forgetOldNotes } from './old-notes.ts';
import { readProgress, RollupProgress } from '../rollups/rollup-progress.ts';
import { eventually, startEngine, type StartedEngine } from '../testing/start-engine.ts';

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine();
  const { tables } = store.engine;
  const made = [...tables.create('collectors', FLEET_TABLE), ...tables.create('collector_leases', LEASE_TABLE)];
  for (const statement of made) await store.engine.command(statement);
});
afterAll(() => store[Symbol.asyncDispose]());

const namesIn = async (table: string, column: string): Promise<unknown[]> =>
  (await store.rows(`SELECT DISTINCT ${column} FROM throughline.${table} ORDER BY ${column}`)).flat();

test('of segments that were late those stay that are not counted, and what has been counted is known as before', async () => {
  const progress = new RollupProgress(store.engine);
  await progress.note(1_000, 0);
  const late = Array.from({ length: 120 }, (_, index) => ({ first: index + 1, last: index + 1, attempt: `a${index}` }));
  for (const [index, each] of late.entries()) {
    await progress.noteLate(each, false);
    if (index >= 3) await progress.noteLate(each, true);
  }
  const { version: _, ...before } = await readProgress(store.engine);
  expect(before.late).toHaveLength(3);
  await forgetOldNotes(store.engine);
  await eventually(async () => (await namesIn('rollup_progress', 'collector')).length === 4);
  const { version: _version, ...after } = await readProgress(store.engine);
  expect(after).toEqual(before);
  // What is noted afterwards counts.
  const next = new RollupProgress(store.engine);
  await next.restore();
  await next.note(2_000, 0);
  expect(await readProgress(store.engine)).toMatchObject({ countedUntil: 2_000, pendingUntil: 0 });
});

test('a name whose rows could not be merged stays: its older rows must not be left without the newest', async () => {
  const progress = new RollupProgress(store.engine);
  await progress.restore();
  await store.engine.command('SYSTEM STOP MERGES throughline.rollup_progress');
  const days = Array.from({ length: 120 }, (_, index) => `unmerged ${index}`);
  await progress.noteDays(days, 2_000, false);
  await progress.noteDays(days, 2_000, true);
  const mutations = (): Promise<unknown> =>
    store.rows("SELECT count() FROM system.mutations WHERE database = 'throughline' AND table = 'rollup_progress'");
  const before = await mutations();
  // As a server that does not get to it.
  const engine = {
    tables: store.engine.tables,
    query: store.engine.query.bind(store.engine),
    command: (sql: string) => store.engine.command(sql.startsWith('OPTIMIZE') ? 'SELECT 1' : sql),
  };
  await forgetOldNotes(engine);
  expect(await mutations()).toEqual(before);
  await store.engine.command('SYSTEM START MERGES throughline.rollup_progress');
  await forgetOldNotes(store.engine);
  await eventually(async () => (await namesIn('rollup_progress', 'collector')).length === 4);
});

test.each(['collectors', 'collector_leases'] as const)('of the sessions in %s those of days ago go', async (table) => {
  const row = (session: string, renewal: string, expiresIn: string): Promise<void> =>
    store.engine.command(`INSERT INTO throughline.${table} (session, renewal, expires_at)
SELECT concat(${session}, toString(number)), ${renewal}, now() + ${expiresIn} FROM numbers(150)`);
  await row("'ended '", '1', '-200000');
  await row("'ended '", '2', '-100000');
  // Its last sign of life is the newest, whatever merges have left of the others.
  await row("'alive '", '1', '-200000');
  await row("'alive '", '2', '30');
  await row("'ended today '", '1', '-3600');
  await store.engine.command(
    `INSERT INTO throughline.${table} (session, renewal, expires_at) SELECT '${LAST_TERM}', 7, now() - 1000000`,
  );
  await forgetOldNotes(store.engine);
  await eventually(async () => (await namesIn(table, 'session')).every((name) => !/^ended \d/.test(String(name))));
  const left = (await namesIn(table, 'session')).map((name) => String(name).replace(/ \d+$/, ''));
  const stays = table === 'collectors' ? ['alive', 'ended today'] : ['alive', 'ended today', LAST_TERM];
  expect([...new Set(left)].toSorted()).toEqual(stays);
  expect(left.filter((name) => name !== LAST_TERM)).toHaveLength(300);
});

test('of a few that are over all stay: each deletion is remembered by every server', async () => {
  const rows = (): Promise<unknown> =>
    store.rows("SELECT count() FROM system.mutations WHERE database = 'throughline' AND table = 'collectors'");
  const before = await rows();
  await store.engine.command(`INSERT INTO throughline.collectors (session, renewal, expires_at)
SELECT concat('few ', toString(number)), 1, now() - 100000 FROM numbers(99)`);
  await forgetOldNotes(store.engine);
  expect(await rows()).toEqual(before);
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import { NEW_RULE, NOTHING_SAVED, type AlertStates, type SavedAlerts } from './saved-alerts.ts';
import { StateFile } from './state-file.ts';
import { StateTable } from './state-table.ts';

/** `size`: bytes that do not compress. */
function saved(name: string, size = 0): SavedAlerts {
  const told = { headline: `${name} \u{1f642} '\\ ${randomBytes(size).toString('base64')}` } as never;
  return { ...NOTHING_SAVED, rules: { [name]: { ...NEW_RULE, told } } };
}

let directory: string;
let store: StartedEngine;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-states-'));
  store = await startEngine();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const KINDS: readonly (readonly [kind: string, open: () => AlertStates, empty: () => Promise<void>])[] = [
  [
    'in a file',
    () => new StateFile(join(directory, 'alerts', 'states.json')),
    () => rm(join(directory, 'alerts'), { recursive: true, force: true }),
  ],
  [
    'in a table',
    () => new StateTable(store.engine),
    () => store.engine.command('DROP TABLE IF EXISTS throughline.alert_states'),
  ],
];

describe.each(KINDS)('what alerts know, %s', (_, open, empty) => {
  it('is nothing at first, and then what was saved last, whoever reads it', async () => {
    await empty();
    expect(await open().load()).toBeNull();
    const states = open();
    for (const name of ['a', 'b', '__proto__']) {
      await states.save(saved(name, 10));
      expect(Object.keys((await open().load())?.rules ?? {})).toEqual([name]);
    }
  });

  it('is whole, however large it is, and whoever writes next', async () => {
    await empty();
    const large = saved('large', 300_000);
    await open().save(large);
    expect(await open().load()).toEqual(large);
    const next = open();
    await next.load();
    await next.save(saved('small'));
    await next.save(saved('smaller'));
    expect(Object.keys((await open().load())?.rules ?? {})).toEqual(['smaller']);
  });
});

describe('what alerts know', () => {
  it('is what was saved before, where a newer one was not written to its end', async () => {
    await store.engine.command('DROP TABLE IF EXISTS throughline.alert_states');
    const before = saved('before', 10);
    await new StateTable(store.engine).save(before);
    let commands = 0;
    const killed = new StateTable({
      tables: store.engine.tables,
      query: (...given) => store.engine.query(...given),
      command: async (sql) => {
        if (++commands > 1) throw new Error('killed');
        await store.engine.command(sql);
      },
    });
    await killed.load();
    await expect(killed.save(saved('after', 300_000))).rejects.toThrow('killed');
    expect(await new StateTable(store.engine).load()).toEqual(before);
    const next = new StateTable(store.engine);
    await next.load();
    const after = saved('after', 10);
    await next.save(after);
    expect(await new StateTable(store.engine).load()).toEqual(after);
  });

  it('takes no room that grows', async () => {
    const states = new StateTable(store.engine);
    await states.load();
    for (let at = 0; at < 20; at++) await states.save(saved(`a${at}`));
    const rows = await store.rows('SELECT toUInt32(count()) FROM throughline.alert_states FINAL WHERE part = 0');
    expect(rows).toEqual([[2]]);
  });

  it('is nothing where a file holds what this version has not written', async () => {
    const path = join(directory, 'other.json');
    for (const text of ['', '{', 'null', '{"version":2}', '[]']) {
      await writeFile(path, text);
      expect([text, await new StateFile(path).load()]).toEqual([text, null]);
    }
    await new StateFile(path).save(saved('a'));
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ version: 1 });
    await expect(new StateFile(directory).load()).rejects.toThrow(/EISDIR/);
  });
});

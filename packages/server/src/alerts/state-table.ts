import { gunzipSync, gzipSync } from 'node:zlib';
import type { Engine } from '../storage/engine.ts';
import { rowsOf } from '../storage/rows-of.ts';
import { sqlString, sqlUInt64 } from '../storage/sql.ts';
import { IN_DATABASE, type TableDefinition } from '../storage/tables.ts';
import { parseSaved, type AlertStates, type SavedAlerts } from './saved-alerts.ts';

/** A statement of a server is no longer than 256 KiB. */
const PART_CHARACTERS = 100_000;
/** What is written beside what is read, until it is whole. */
const SLOTS = 2;
const TIMEOUT_MS = 10_000;

/** The newest row of each slot and part counts. */
export const ALERT_STATES_TABLE: TableDefinition = {
  columns: '  slot UInt8, part UInt32, version UInt64, parts UInt32, state String',
  engine: 'ReplacingMergeTree(version)',
  orderBy: '(slot, part)',
};

/** In the store, where the collector finds them that runs the jobs next: on ClickHouse servers. */
export class StateTable implements AlertStates {
  readonly #engine: Pick<Engine, 'query' | 'command' | 'tables'>;
  #isMade = false;
  #version = 0;

  constructor(engine: Pick<Engine, 'query' | 'command' | 'tables'>) {
    this.#engine = engine;
  }

  async load(): Promise<SavedAlerts | null> {
    // Whoever only reads may not make it.
    if (!(await this.#isThere())) return null;
    const rows = (
      await rowsOf(
        this.#engine,
        `SELECT slot, part, toString(max(version)), argMax(parts, version), argMax(state, version)
FROM ${this.#engine.tables.alert_states.read} GROUP BY slot, part ORDER BY slot, part`,
        TIMEOUT_MS,
      )
    ).map(([slot, , version, parts, state]) => ({
      slot: Number(slot),
      version: Number(version),
      parts: Number(parts),
      state: String(state),
    }));
    // Also of what was not written to its end: the next one is newer than all.
    this.#version = Math.max(this.#version, ...rows.map(({ version }) => version));
    const whole = [...new Set(rows.map(({ version }) => version))]
      .toSorted((a, b) => b - a)
      .map((version) => rows.filter((row) => row.version === version))
      .find(([first, ...more]) => first?.parts === more.length + 1);
    if (whole === undefined) return null;
    const packed = whole.map(({ state }) => state).join('');
    return parseSaved(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8'));
  }

  async save(alerts: SavedAlerts): Promise<void> {
    await this.#make();
    const packed = gzipSync(JSON.stringify(alerts)).toString('base64');
    const parts = Math.max(1, Math.ceil(packed.length / PART_CHARACTERS));
    this.#version += 1;
    for (let part = 0; part < parts; part++) {
      const text = packed.slice(part * PART_CHARACTERS, (part + 1) * PART_CHARACTERS);
      await this.#engine.command(
        `INSERT INTO ${this.#engine.tables.alert_states.write} (slot, part, version, parts, state)
SELECT toUInt8(${this.#version % SLOTS}), toUInt32(${part}), ${sqlUInt64(this.#version)}, toUInt32(${parts}), ${sqlString(text)}`,
      );
    }
  }

  async #make(): Promise<void> {
    if (await this.#isThere()) return;
    const { tables } = this.#engine;
    for (const statement of tables.create('alert_states', ALERT_STATES_TABLE)) await this.#engine.command(statement);
    this.#isMade = true;
  }

  async #isThere(): Promise<boolean> {
    if (this.#isMade) return true;
    const { tables } = this.#engine;
    const sql = `SELECT 1 FROM system.tables WHERE ${IN_DATABASE} AND name = ${sqlString(tables.alert_states.name)}`;
    this.#isMade = (await rowsOf(this.#engine, sql, TIMEOUT_MS)).length > 0;
    return this.#isMade;
  }
}

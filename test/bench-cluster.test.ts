import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { findClickHouseServer, findZooKeeper, root } from '../scripts/workspace.mjs';

const isMissing = findClickHouseServer() === undefined || findZooKeeper() === undefined;
const why = isMissing ? ' (skipped: clickhouse-server or ZooKeeper is missing; npm run setup installs them)' : '';
const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;
const SETUPS = ['embedded', 'standIn', 'server', 'cluster'];
const WAYS = ['server', 'serverFile', 'cluster', 'clusterFile', 'standIn', 'standIns', 'standInsFile', 'embedded'];

interface Kept {
  readonly path: Record<string, Record<string, { readonly collectorUs: number; readonly engineUs: number }>>;
  readonly overheadPercent: Record<string, Record<string, number>>;
  readonly results: readonly { readonly measured: number | null }[];
  readonly queries: Record<string, Record<string, { readonly asked: number; readonly medianMs: number }>>;
  readonly figures: Record<string, { readonly spansASecond: number; readonly usASpan: Record<string, number> }>;
}

/** As little as each part can do. The script fails where a store does not hold each span that was acknowledged, once. */
async function measure(...more: string[]): Promise<Kept> {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-bench-cluster-'));
  const json = join(folder, 'cluster.json');
  const least = { 'path-rounds': 1, 'path-spans': 1, spans: 20_000, repeats: 2, rounds: 1, seconds: 1 };
  const options = { ...least, 'rate-seconds': 1, rates: 10_000, json };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  try {
    await promisify(execFile)(process.execPath, ['bench/cluster.mjs', ...args, ...more], { cwd: root });
    return JSON.parse(readFileSync(json, 'utf8')) as Kept;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(isMissing)(`bench/cluster.mjs${why}`, () => {
  it('measures each way of an insert, and what HTTP costs', async () => {
    const { path, overheadPercent, results } = await measure('--only', 'path');
    for (const [size, ways] of Object.entries(path)) {
      for (const way of WAYS) expect(ways[way]!.collectorUs, `${way}, ${size}`).toBeGreaterThan(0);
      expect(Object.values(overheadPercent[size]!).every(Number.isFinite)).toBe(true);
    }
    expect(results.map(({ measured }) => measured)).toEqual(Object.values(overheadPercent['usual']!));
  });

  it.runIf(isLong)('measures queries and ingest on each kind of store', async () => {
    const { queries } = await measure('--only', 'queries');
    expect(Object.keys(queries).length).toBeGreaterThan(5);
    for (const answers of Object.values(queries)) {
      expect(Object.keys(answers)).toEqual(SETUPS);
      expect(Object.values(answers).every(({ asked, medianMs }) => asked === 2 && medianMs > 0)).toBe(true);
    }
    const { figures } = await measure('--only', 'ingest');
    expect(Object.keys(figures)).toEqual(SETUPS.filter((name) => name !== 'standIn'));
    for (const { spansASecond, usASpan } of Object.values(figures)) {
      expect(spansASecond).toBeGreaterThan(0);
      expect(usASpan).toMatchObject({ collector: expect.any(Number), store: expect.any(Number) });
    }
    expect(Object.keys(figures['cluster']!.usASpan)).toContain('keeper');
  });
});

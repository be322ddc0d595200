import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import pino, { type Logger } from 'pino';
import { Registry } from 'prom-client';
import { Jobs } from '../../jobs/jobs.ts';
import { EmbeddedEngine } from '../embedded/embedded-engine.ts';
import type { Engine } from '../engine.ts';
import type { EngineLimits } from '../engine-limits.ts';
import { RollupJob } from '../rollups/rollup-job.ts';
import { SpanVisibility } from '../span-visibility.ts';
import { newStore } from './new-store.ts';

/** The engine's process runs what `tsc -b packages/server` has made of it. */
export const builtEngineProcess = new URL('../../../dist/storage/process/embedded-process.js', import.meta.url);

/** For what counts what nobody looks at. */
export function aRegistry(): Registry {
  return new Registry();
}

export const silentLog = pino({ level: 'silent' });

export interface StartedEngine {
  readonly engine: EmbeddedEngine;
  readonly registry: Registry;
  readonly directory: string;
  /** Process ids, the running one last. */
  readonly pids: number[];
  rows(sql: string, timeoutMs?: number): Promise<unknown[][]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A real engine on an empty store in a temporary directory, or on the one that is given. */
export async function startEngine(
  limits: Partial<EngineLimits> = {},
  existing?: string,
  log: Logger = silentLog,
): Promise<StartedEngine> {
  if (!existsSync(builtEngineProcess)) throw new Error('run "npx tsc -b packages/server" first');
  const directory = existing ?? (await newStore());
  const registry = new Registry();
  const pids: number[] = [];
  const engine = new EmbeddedEngine({
    directory,
    log,
    registry,
    limits,
    processPath: builtEngineProcess,
    onProcess: (pid) => pids.push(pid),
  });
  await engine.start();
  return {
    engine,
    registry,
    directory,
    pids,
    rows: async (sql, timeoutMs = 240_000) => {
      const bytes = await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs });
      const lines = Buffer.from(bytes).toString('utf8').split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown[]);
    },
    [Symbol.asyncDispose]: async () => {
      await engine.close();
      if (existing === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Adds to the derived tables what a test has inserted by itself and not counted yet. */
export async function countStored(engine: Pick<Engine, 'query' | 'command' | 'tables'>): Promise<void> {
  const job = new RollupJob({
    engine,
    visibility: new SpanVisibility(),
    log: silentLog,
    registry: new Registry(),
    jobs: new Jobs({ log: silentLog, registry: new Registry() }),
    firstUnstored: () => null,
    // The engine's time, which is what such spans arrive at, is told in seconds.
    lastArrival: () => Date.now() * 1_000,
  });
  await job.start();
  await job.stop(1_000);
}

/** Resolves as soon as the condition holds; fails when it does not in time. */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 240_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after ${timeoutMs} ms: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

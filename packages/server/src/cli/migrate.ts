import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { storagePolicyOf, type Config } from '../config/config.ts';
import { openStoreFiles, storeUrls } from '../config/store-urls.ts';
import { countOf } from '../count-of.ts';
import { openUnlessTaken } from '../maintenance/check-stopped.ts';
import { listFiles, readSnapshotList, type FileList } from '../maintenance/file-list.ts';
import { CHECKED_COPY, linkStore } from '../maintenance/link-store.ts';
import { findTarget, type TargetOptions } from '../moving/find-target.ts';
import { MigrationFolder } from '../moving/migration-folder.ts';
import { moveSpans, planMove, type MovePlan, type MoveReport, type Progress } from '../moving/move.ts';
import { Pace } from '../moving/pace.ts';
import { Source, type LeftInSpool } from '../moving/source.ts';
import { Target } from '../moving/target.ts';
import { CommandError } from './command-error.ts';
import { expectFolder } from './expect-folder.ts';
import { LeasedSnapshot } from './leased-snapshot.ts';
import { createLog } from './log.ts';
import { MIGRATE, MIGRATE_USAGE, readMigrateOptions, type MigrateOptions } from './migrate-options.ts';
import { reportFailure, reportInterrupted } from './report-failure.ts';
import { apiOfRunning } from './running-collector.ts';
import { stopOnSignal } from './stop-on-signal.ts';

/** What was opened, to be closed in the reverse order. */
type Closing = (() => Promise<void>)[];

interface Outcome {
  readonly result:
    | { readonly kind: 'plan'; readonly plan: MovePlan }
    | { readonly kind: 'moved'; readonly report: MoveReport };
  readonly left: LeftInSpool;
  /** Whether the collector of the embedded store runs. */
  readonly isRunning: boolean;
  /** Whether a collector runs there that counts what has been moved. */
  readonly isCounted: boolean;
}

const PROGRESS_MS = 5_000;

/** `throughline migrate`: copies an embedded store to ClickHouse servers. Returns the exit code. */
export async function runMigrate(args: readonly string[]): Promise<number> {
  const goesOn = 'run it again: it goes on where it stopped';
  const stop = stopOnSignal(() => void reportInterrupted(MIGRATE.name, goesOn));
  const closing: Closing = [];
  try {
    const options = readMigrateOptions(args, process.env);
    if (options === null) {
      process.stdout.write(`${MIGRATE_USAGE}\n`);
      return 0;
    }
    expectFolder(options.config.dataDirectory, 'store');
    const outcome = await migrate(options, closing, stop);
    const summary = summaryOf(outcome);
    process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : inWords(outcome));
    return summary.ok ? 0 : 1;
  } catch (error) {
    if (stop.aborted) return reportInterrupted(MIGRATE.name, goesOn);
    return reportFailure(MIGRATE.name, isDiskFull(error) ? diskFull(error) : error);
  } finally {
    for (const close of closing.toReversed()) await close().catch(() => {});
  }
}

function isDiskFull(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}

function diskFull({ message }: NodeJS.ErrnoException): CommandError {
  const what = 'the disk of --work-dir is full';
  return new CommandError(`${what}: free some of it, or choose another directory, and run this again (${message})`);
}

async function migrate(options: MigrateOptions, closing: Closing, signal: AbortSignal): Promise<Outcome> {
  const { config, workDirectory, pieceSpansMax } = options;
  // What matters to a person is said by progress, result and error.
  const log = createLog({ ...config, logLevel: 'silent' });
  const target = targetOptions(config, log, signal);
  const targetId = await findTarget(target);
  const folder = await MigrationFolder.open(workDirectory, log);
  closing.push(() => folder.release());
  const data = await openData(config, folder, log, closing, signal);
  try {
    const source = await Source.open({
      ...data,
      folder: folder.path,
      log,
      limits: config.limits.engine,
      onProcess: (pid) => folder.noteEngine(pid),
      signal,
    });
    closing.push(() => source.close());
    const migration = folder.identify({ source: source.id, target: targetId });
    const journal = await folder.openJournal();
    closing.push(() => journal.close());
    const { retentionDays } = config;
    const moving = { source, journal, retentionDays, pieceSpansMax, signal };
    const { left } = source;
    const { isRunning } = data;
    if (options.isDryRun) {
      return { result: { kind: 'plan', plan: await planMove(moving) }, left, isRunning, isCounted: true };
    }
    const opened = await Target.open({
      ...target,
      folder: folder.path,
      journal,
      migration,
      sourceId: source.id,
      targetId,
      onWait: sayWaiting(),
    });
    closing.push(() => opened.close());
    const report = await moveSpans({
      ...moving,
      target: opened,
      pace: new Pace(options.spansPerSecond),
      onProgress: sayProgress(),
    });
    await data.confirm();
    return { result: { kind: 'moved', report }, left, isRunning, isCounted: opened.isCounted };
  } catch (error) {
    // Files that are missing have a reason.
    if (!signal.aborted) await data.confirm();
    throw error;
  }
}

interface OpenData {
  readonly storePath: string;
  readonly dataPath: string;
  readonly list: FileList;
  readonly isRunning: boolean;
  /** Rejects with `CommandError` where it is gone. */
  readonly confirm: () => Promise<void>;
}

/** A copy of the store that nobody else has open, without a copy of its files. */
async function openData(
  config: Config,
  folder: MigrationFolder,
  log: Logger,
  closing: Closing,
  signal: AbortSignal,
): Promise<OpenData> {
  const stopped = await openUnlessTaken(config, log);
  if (stopped !== null) {
    closing.push(() => stopped.release());
    const storePath = join(stopped.path, CHECKED_COPY);
    // What a command that was killed has left.
    await rm(storePath, { recursive: true, force: true });
    closing.push(() => rm(storePath, { recursive: true, force: true }));
    await linkStore(stopped.storePath, storePath, signal);
    const list = await listFiles(stopped.path);
    return { storePath, dataPath: stopped.path, list, isRunning: false, confirm: () => Promise.resolve() };
  }
  const api = apiOfRunning(config);
  const leftBehind = folder.snapshot;
  if (leftBehind !== null) await LeasedSnapshot.removeLeftBehind(api, leftBehind);
  const snapshot = await LeasedSnapshot.take('migration', api, signal);
  closing.push(() => snapshot.release());
  folder.noteSnapshot(snapshot.path);
  const list = await readSnapshotList(snapshot.path);
  const confirm = (): Promise<void> => snapshot.confirm();
  return { storePath: join(snapshot.path, 'store'), dataPath: snapshot.path, list, isRunning: true, confirm };
}

/** Throws a ConfigError for a file that cannot be used. */
function targetOptions(config: Config, log: Logger, signal: AbortSignal): TargetOptions {
  return {
    urls: storeUrls(config) as readonly string[],
    cluster: config.storeCluster,
    limits: config.limits.cluster,
    schema: config.storeSchema,
    ...storagePolicyOf(config),
    files: openStoreFiles(config, log, new Registry()),
    log,
    signal,
  };
}

/** A line where the state changes, not one an attempt. */
function sayWaiting(): (reason: string | null) => void {
  let isWaiting = false;
  return (reason) => {
    if (reason !== null && !isWaiting) process.stderr.write(`waiting for --store: ${oneLineOf(reason)}\n`);
    if (reason === null && isWaiting) process.stderr.write('--store responds again\n');
    isWaiting = reason !== null;
  };
}

function oneLineOf(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 300) ?? '';
}

/** A line every few seconds. */
function sayProgress(): (progress: Progress) => void {
  const begunMs = performance.now();
  let saidMs = begunMs;
  let saidDoing = '';
  return ({ day, doing, daySpans, dayTotal, inserted, daysLeft }) => {
    const nowMs = performance.now();
    const doingDay = doing === 'verifying' ? doing : `${doing} ${day}`;
    if (nowMs - saidMs < PROGRESS_MS && doingDay === saidDoing) return;
    [saidMs, saidDoing] = [nowMs, doingDay];
    const rate = Math.round(inserted / Math.max(0.001, (nowMs - begunMs) / 1_000));
    const what =
      doing === 'copying' ? `${daySpans} of ${countOf(dayTotal, 'span')}, ${countOf(rate, 'span')}/s` : 'verifying';
    process.stderr.write(`${day}: ${what}, ${countOf(daysLeft, 'day')} left\n`);
  };
}

function summaryOf({ result, left, isRunning, isCounted }: Outcome) {
  if (result.kind === 'plan') {
    const { days, tooOld } = result.plan;
    const [spans, toMove] = [sum(days, 'spans'), sum(days, 'toMove')];
    return { ok: true, dryRun: true, spans, toMove, days, tooOld, leftInSpool: left, isRunning };
  }
  const { days, tooOld } = result.report;
  const missing = sum(days, 'missing');
  return {
    ok: missing === 0,
    spans: sum(days, 'spans'),
    inserted: sum(days, 'inserted'),
    missing,
    more: sum(days, 'more'),
    days,
    tooOld,
    leftInSpool: left,
    isRunning,
    isCounted,
  };
}

function inWords({ result, left, isRunning, isCounted }: Outcome): string {
  const { tooOld } = result.kind === 'plan' ? result.plan : result.report;
  const lines = [
    ...(result.kind === 'plan' ? planInWords(result.plan) : reportInWords(result.report)),
    ...tooOld.map(({ day, spans }) => `${day}: ${countOf(spans, 'span')} not copied: older than the retention`),
    ...(left.segments > 0
      ? [
          `${countOf(left.spans, 'span')} in ${countOf(left.segments, 'quarantined segment')} not copied: see "throughline spool list"`,
        ]
      : []),
    ...(result.kind === 'plan' ? totalOfPlan(result.plan) : total(result.report)),
    ...(result.kind === 'moved' && isRunning
      ? ['the collector of the embedded store is running: run this again when nothing is sent to it any more']
      : []),
    ...(result.kind === 'moved' && !isCounted
      ? ['no collector runs on --store: the derived tables are filled when one is started']
      : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function planInWords({ days }: MovePlan): string[] {
  return days.map(({ day, spans, toMove }) => `${day}: ${countOf(spans, 'span')}, ${toMove} to copy`);
}

function totalOfPlan({ days }: MovePlan): string[] {
  return [`${sum(days, 'toMove')} of ${countOf(sum(days, 'spans'), 'span')} to copy, ${countOf(days.length, 'day')}`];
}

function reportInWords({ days }: MoveReport): string[] {
  return days.map(({ day, spans, inserted, missing, more }) => {
    const found = missing === 0 ? 'all there' : `${missing} missing`;
    const beyond = more === 0 ? '' : `, and ${more} more with the same IDs`;
    return `${day}: ${countOf(spans, 'span')}, ${found}${beyond}; ${inserted} copied by this run`;
  });
}

function total({ days }: MoveReport): string[] {
  const [spans, missing] = [sum(days, 'spans'), sum(days, 'missing')];
  if (missing > 0) return [`${missing} of ${countOf(spans, 'span')} missing in --store: run this again`];
  return [`all ${countOf(spans, 'span')} of ${countOf(days.length, 'day')} are in --store, counted by ID`];
}

function sum<K extends string>(rows: readonly Readonly<Record<K, number>>[], key: K): number {
  return rows.reduce((total_, row) => total_ + row[key], 0);
}

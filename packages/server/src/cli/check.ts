import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { CheckReport } from '../maintenance/check.ts';
import { checkStopped, type CheckOptions } from '../maintenance/check-stopped.ts';
import type { CheckProgress } from '../maintenance/running-check.ts';
import { CommandError } from './command-error.ts';
import { expectFolder } from './expect-folder.ts';
import { createLog } from './log.ts';
import { reportFailure, reportInterrupted } from './report-failure.ts';
import { apiOfRunning, askRunning } from './running-collector.ts';
import { stopOnSignal } from './stop-on-signal.ts';
import { readStoreOptions, type StoreCommand } from './store-options.ts';
import { countOf } from '../count-of.ts';

const USAGE = `Usage: throughline check [flags]

Verifies the checksums of the embedded store, compares the derived tables with the spans, and verifies the blocks in the spool. Changes nothing
without --repair. If a collector runs on the data directory, it does the work itself; otherwise the store is opened for it. Exit code 0 if no
problems are left, 1 otherwise.

  --repair                Detach damaged parts, repair those of which only indexes are damaged, and rebuild derived tables that
                          do not agree with the spans
  --json                  One line of JSON

Also accepts the flags of throughline up; --data-dir selects the store.`;

const POLL_MS = 500;
const CHECK: StoreCommand = { name: 'check', flags: { '--repair': 'switch' } };

/** `throughline check`. Returns the exit code. */
export async function runCheck(args: readonly string[]): Promise<number> {
  const stop = stopOnSignal();
  try {
    const options = readStoreOptions(CHECK, args, process.env);
    if (options === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { config, json, flags } = options;
    const repairs = flags.has('--repair');
    expectFolder(config.dataDirectory, 'store');
    // What is found is in the report.
    const log = createLog({ ...config, logLevel: 'silent' });
    const checking = { signal: stop, repairs };
    const report = (await checkStopped(config, log, checking)) ?? (await checkRunning(config, checking));
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : inWords(report, repairs));
    return report.ok ? 0 : 1;
  } catch (error) {
    if (stop.aborted) return reportInterrupted(CHECK.name, 'the check returned no result');
    return reportFailure(CHECK.name, error);
  }
}

async function checkRunning(config: Config, { signal, repairs }: CheckOptions): Promise<CheckReport> {
  const url = `${apiOfRunning(config)}/api/v1/check?run=${randomUUID()}`;
  for (;;) {
    const progress = (await askRunning(url, repairs ? 'PUT' : 'GET', signal)) as CheckProgress<CheckReport>;
    if (progress.state === 'done') return progress.report;
    if (progress.state === 'failed') throw new CommandError(`the check failed: ${progress.reason}`);
    await delay(POLL_MS, undefined, { signal });
  }
}

function inWords(report: CheckReport, repairs: boolean): string {
  const {
    ok,
    parts,
    damagedParts,
    damagedDefinitions,
    repairedParts,
    unreadableParts,
    lostParts,
    wrongDays,
    rebuiltDays,
    notCompared,
    spool,
  } = report;
  const lines = [
    ...damagedDefinitions.map((name) => `damaged: the definition ${name}; the next start of the engine restores it`),
    ...damagedParts.map(({ table, part, day, reason }) => `damaged: ${named(table, day)}, part ${part}: ${reason}`),
    ...repairedParts.map(
      ({ table, part, day, reason }) => `repaired and in use again: ${named(table, day)}, part ${part}: ${reason}`,
    ),
    ...unreadableParts.map(
      ({ table, part, day, reason }) => `unreadable: ${named(table, day)}, part ${part}: disk error: ${reason}`,
    ),
    ...lostParts.map(
      ({ table, name, day, rows, bytes }) =>
        `lost: ${named(table, day)}, part ${name} in detached/, ${rows === null ? 'an unknown number of rows' : countOf(rows, 'row')}, ${countOf(bytes, 'byte')}`,
    ),
    ...wrongDays.map(
      ({ table, day, of, found, expected }) =>
        `wrong: ${named(table, day)} has ${found}, expected ${expected} from the spans (${of})`,
    ),
    ...rebuiltDays.map((day) => `rebuilt: derived tables of ${day}, which did not agree with the spans`),
    ...notCompared.map(({ day, reason }) => `not compared: derived tables of ${day}: ${reason}`),
    ...spool.damagedSegments.map(
      ({ segment, damagedBlocks }) => `damaged: spool segment ${segment}, ${countOf(damagedBlocks, 'block')}`,
    ),
    `${countOf(parts, 'part')} and ${countOf(spool.blocks, 'spool block')} verified: ${ok ? 'no problems found' : 'problems found, see above'}`,
    ...advice(report, repairs),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What to do about what was found. */
function advice(report: CheckReport, repairs: boolean): string[] {
  const { damagedParts, wrongDays, lostParts, unreadableParts, spool } = report;
  const isMendable = damagedParts.length + wrongDays.length > 0;
  return [
    ...(isMendable && !repairs
      ? ['run "throughline check --repair" to detach or repair damaged parts and rebuild derived tables']
      : []),
    ...(isMendable && repairs ? ['restore a backup for what is still damaged or wrong: "throughline restore"'] : []),
    ...(unreadableParts.length > 0 ? ['check the disk'] : []),
    ...(lostParts.length > 0
      ? ['restore a backup for what is lost ("throughline restore"), or remove it from detached/ to clear this message']
      : []),
    ...(spool.damagedSegments.length > 0
      ? ['the collector loads the intact blocks of a damaged segment; see "throughline spool list"']
      : []),
  ];
}

function named(table: string, day: string | null): string {
  return day === null ? table : `${table} of ${day}`;
}

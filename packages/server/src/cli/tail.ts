import { setTimeout as sleep } from 'node:timers/promises';
import type { TraceSummary } from '@throughline/trace/client';
import type { Command } from '../config/command-line.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { writeFound } from '../terminal/write-search.ts';
import { withoutPasswords } from '../without-passwords.ts';
import { CollectorApi } from './collector-api.ts';
import { CommandError } from './command-error.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { FILTER_FLAGS, FILTER_USAGE, readFilters, STATUS_FLAGS, STATUS_USAGE } from './search.ts';
import { stopOnSignal } from './stop-on-signal.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { NewTraces } from './new-traces.ts';
import { StoredTraces } from './trace-catalog.ts';

const INTERVAL_SECONDS = 2;
const INTERVAL = integerFrom(1, 3_600);
/** Of one poll; what is beyond is counted and said. */
const PAGE = 200;

const USAGE = `Usage: throughline tail [KEY=VALUE …] [flags]

Prints traces as they end, until Ctrl-C. A trace is printed once no span has been added to it between two polls.

${FILTER_USAGE}
${STATUS_USAGE}
  --interval SECONDS   Time between two polls, 1 to ${INTERVAL.max} (default: ${INTERVAL_SECONDS})
  --json               A line of JSON for each trace
${TERMINAL_USAGE.replace('for all requests together', 'for each poll')}`;

const TAIL: Command = {
  name: 'tail',
  flags: { ...FILTER_FLAGS, ...STATUS_FLAGS, '--interval': INTERVAL },
  namesMax: Infinity,
};

/** `throughline tail`: runs until it is stopped. Returns the exit code. */
export async function runTail(args: readonly string[]): Promise<number> {
  const stop = stopOnSignal();
  try {
    const line = readTerminalLine(args, TAIL, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const filters = readFilters(line);
    const intervalMs = (integerFlag(flags, '--interval', INTERVAL) ?? INTERVAL_SECONDS) * 1_000;
    // A reader that went away, such as `| head`, wants no more.
    const gone = new AbortController();
    process.stdout.on('error', () => gone.abort());
    const ended = AbortSignal.any([stop, gone.signal]);
    const known = new NewTraces(Date.now(), intervalMs);
    process.stderr.write(`Traces that begin from now on at ${withoutPasswords(options.url)}; Ctrl-C ends\n`);
    for (let polls = 0; !ended.aborted; polls++) {
      const from = String(BigInt(known.fromMs(Date.now())) * 1_000_000n);
      try {
        const found = await new StoredTraces(new CollectorApi(options)).find({ ...filters, from, limit: PAGE });
        for (const trace of known.settled(found.traces)) print(trace, options.format === 'json', options.screen);
        if (found.nextCursor !== null) {
          process.stderr.write(`more than ${PAGE} traces in one poll: the older ones are left out; use filters\n`);
        }
      } catch (error) {
        // A collector that was there starts again soon; one that never was is a mistake.
        if (polls === 0 || !(error instanceof CommandError)) throw error;
        process.stderr.write(`${error.message}; trying again\n`);
      }
      await sleep(intervalMs, undefined, { signal: ended }).catch(() => {});
    }
    return 0;
  } catch (error) {
    // Ctrl-C is how it ends.
    return stop.aborted ? 0 : reportFailure(TAIL.name, error);
  }
}

function print(trace: TraceSummary, isJson: boolean, screen: Parameters<typeof writeFound>[2]): void {
  process.stdout.write(isJson ? `${safeJson(trace)}\n` : render(writeFound(trace, Date.now(), screen), screen));
}

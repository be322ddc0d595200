import type { Command } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { explainMarkdown, writeExplain } from '../terminal/write-changes.ts';
import { CollectorApi } from './collector-api.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { readRange } from './when.ts';

const RANGE = { accepted: 'two times with two dots between, such as 26h..2h' };

const USAGE = `Usage: throughline explain --incident C..D --baseline A..B [flags]

Compares an incident with a time when all was well, and names the service that is the likeliest cause, with the evidence.

  --incident C..D      When it was not well: 30m..now, 2h..90m, 2026-11-23T05:00:00Z..2026-11-23T05:10:00Z
  --baseline A..B      When all was well; better long than short, and before the incident
  --json               One line of JSON, as POST /api/v1/incidents/explain returns it
  --md                 Markdown
${TERMINAL_USAGE}`;

const EXPLAIN: Command = { name: 'explain', flags: { '--incident': RANGE, '--baseline': RANGE, '--md': 'switch' } };

/** `throughline explain`. Returns the exit code. */
export async function runExplain(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, EXPLAIN, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const nowMs = Date.now();
    const [incident, baseline] = ['--incident', '--baseline'].map((flag) => {
      const text = flags.get(flag);
      if (text === undefined) throw new ConfigError(`missing ${flag}, expected ${RANGE.accepted}`);
      return readRange(flag, text, nowMs);
    });
    const windows = { incident: incident!, baseline: baseline! };
    const api = new CollectorApi(options);
    const response = await api.ask((client, request) => client.explainIncident(windows, request));
    if (options.format === 'json') process.stdout.write(`${safeJson(response)}\n`);
    else {
      const answer = { ...response, warnings: [...response.warnings, ...partialWarnings(response.partial)] };
      const { baseline: before, incident: during } = windows;
      if (options.format === 'markdown') process.stdout.write(explainMarkdown(answer, before, during));
      else process.stdout.write(render(writeExplain(answer, before, during, options.screen), options.screen));
    }
    return 0;
  } catch (error) {
    return reportFailure(EXPLAIN.name, error);
  }
}

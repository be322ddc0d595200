#!/usr/bin/env node
import { closest } from '../closest.ts';
import { VERSION } from '../version.ts';
import { shownText } from '../without-passwords.ts';
import { USAGE_ERROR } from './report-failure.ts';

const COMMANDS: Readonly<Record<string, { summary: string; run: (args: string[]) => Promise<number> }>> = {
  up: {
    summary: 'Start the collector, its store and its web UI',
    run: async (args) => (await import('./up.ts')).runUp(args),
  },
  spool: {
    summary: 'List, retry or export segments that are not stored yet',
    run: async (args) => (await import('./spool.ts')).runSpool(args),
  },
  schema: {
    summary: 'Print, apply or check the tables on ClickHouse servers',
    run: async (args) => (await import('./schema.ts')).runSchema(args),
  },
  migrate: {
    summary: 'Copy an embedded store to ClickHouse servers while both are in use',
    run: async (args) => (await import('./migrate.ts')).runMigrate(args),
  },
  check: {
    summary: 'Verify the embedded store and the spool',
    run: async (args) => (await import('./check.ts')).runCheck(args),
  },
  backup: {
    summary: 'Copy all acknowledged data, whether the collector runs or not',
    run: async (args) => (await import('./backup.ts')).runBackup(args),
  },
  restore: {
    summary: 'Create a data directory from a backup',
    run: async (args) => (await import('./restore.ts')).runRestore(args),
  },
  trace: {
    summary: 'Print the story of a trace, and its spans as a waterfall',
    run: async (args) => (await import('./trace.ts')).runTrace(args),
  },
  why: {
    summary: 'Print why a trace went as it did, with the evidence',
    run: async (args) => (await import('./why.ts')).runWhy(args),
  },
  search: {
    summary: 'List traces by service, operation, status, duration, attribute and time',
    run: async (args) => (await import('./search.ts')).runSearch(args),
  },
  tail: {
    summary: 'Print traces as they arrive',
    run: async (args) => (await import('./tail.ts')).runTail(args),
  },
  errors: {
    summary: 'Group recent failures by where they began',
    run: async (args) => (await import('./errors.ts')).runErrors(args),
  },
  diff: {
    summary: 'Compare two traces: what only one does, what takes longer',
    run: async (args) => (await import('./diff.ts')).runDiff(args),
  },
  changes: {
    summary: 'Print what has changed in a range of time, and the likeliest cause',
    run: async (args) => (await import('./changes.ts')).runChanges(args),
  },
  explain: {
    summary: 'Compare an incident with a time when all was well',
    run: async (args) => (await import('./explain.ts')).runExplain(args),
  },
  alerts: {
    summary: 'Check a file of alerts, try its channels, or list the alerts of a collector',
    run: async (args) => (await import('./alerts.ts')).runAlerts(args),
  },
  map: {
    summary: 'Print which services call which, how often, and how fast',
    run: async (args) => (await import('./map.ts')).runMap(args),
  },
  demo: {
    summary: 'See a slow request across four real services',
    run: async (args) => (await import('./demo.ts')).runDemo(args),
  },
};

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`);
  return `Throughline ${VERSION}: distributed tracing that tells the story

Usage: throughline <command> [flags]

${commands.join('\n')}

  --help     Show this, or the flags of a command
  --version  Show the version
`;
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help());
    return 0;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (Object.hasOwn(COMMANDS, name)) return (await COMMANDS[name]?.run(args)) ?? 0;
  const meant = closest(name, Object.keys(COMMANDS));
  const hint = meant === null ? 'throughline --help lists the commands' : `did you mean ${meant}?`;
  // Whoever forgets the command may have given the store's password behind it.
  process.stderr.write(`throughline: ${JSON.stringify(shownText(name))} is not a command; ${hint}\n`);
  return USAGE_ERROR;
}

// A reader that went away, such as `| head`, is no reason to fail.
process.stdout.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));

import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { requestRetry } from '../spool/quarantined-segments.ts';
import { listSpool, readSegmentBlocks, type SpooledSegment } from '../spool/spool-contents.ts';
import { CommandError } from './command-error.ts';
import { expectFolder } from './expect-folder.ts';
import { oneLine } from './one-line.ts';
import { reportFailure } from './report-failure.ts';
import { readSpoolOptions, spoolCommandName, SPOOL_USAGE, type SpoolOptions } from './spool-options.ts';
import { countOf } from '../count-of.ts';

interface HeldSegment extends SpooledSegment {
  readonly holds: 'spans' | 'request metrics';
  /** Of its spool. */
  readonly directory: string;
}

/** `throughline spool`: works on the files, whether a collector runs on them or not. Returns the exit code. */
export async function runSpool(args: readonly string[]): Promise<number> {
  try {
    const options = readSpoolOptions(args, process.env);
    if (options === null) {
      process.stdout.write(`${SPOOL_USAGE}\n`);
      return 0;
    }
    const segments = await findSegments(options.config.dataDirectory);
    if (options.action === 'list') list(segments, options);
    else if (options.action === 'retry') await retry(segments, options);
    else await exportSegment(segments, options);
    return 0;
  } catch (error) {
    return reportFailure(spoolCommandName(args), error);
  }
}

async function findSegments(dataDirectory: string): Promise<HeldSegment[]> {
  const spools = [
    { holds: 'spans', directory: join(dataDirectory, 'spool') },
    { holds: 'request metrics', directory: join(dataDirectory, 'counts', 'spool') },
  ] as const;
  expectFolder(dataDirectory, 'spool');
  const found = await Promise.all(
    spools.map(async ({ holds, directory }) =>
      (await listSpool(directory)).map((segment) => ({ ...segment, holds, directory })),
    ),
  );
  return found.flat();
}

function list(segments: readonly HeldSegment[], { json }: SpoolOptions): void {
  if (json) {
    for (const { name, state, holds, rows, bytes, firstBlockAtMs, reason } of segments) {
      const firstBlockAt = new Date(firstBlockAtMs).toISOString();
      process.stdout.write(`${JSON.stringify({ name, state, holds, rows, bytes, firstBlockAt, reason })}\n`);
    }
    return;
  }
  if (segments.length === 0) {
    process.stdout.write('The spool is empty.\n');
    return;
  }
  const lines = [
    ['SEGMENT', 'STATE', 'HOLDS', 'ROWS', 'BYTES', 'FIRST BLOCK', 'REASON'],
    ...segments.map(({ name, state, holds, rows, bytes, firstBlockAtMs, reason }) => [
      name,
      state,
      holds,
      String(rows),
      String(bytes),
      new Date(firstBlockAtMs).toISOString(),
      reason ?? '',
    ]),
  ];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  for (const line of lines) {
    const padded = line.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    process.stdout.write(`${padded.join('  ').trimEnd()}\n`);
  }
}

async function retry(segments: readonly HeldSegment[], { names, all }: SpoolOptions): Promise<void> {
  const quarantined = segments.filter(({ state }) => state === 'quarantined');
  const wanted = all ? quarantined : names.map((name) => find(quarantined, name, 'quarantined segment'));
  let count = 0;
  for (const { directory, name } of wanted) if (await requestRetry(directory, name)) count += 1;
  if (count === 0) process.stdout.write('No quarantined segments: nothing to retry.\n');
  else {
    const sentence = `${countOf(count, 'segment')} released for the collector`;
    process.stdout.write(
      `${sentence}: it loads them within seconds, or at its next start. See throughline spool list.\n`,
    );
  }
}

async function exportSegment(segments: readonly HeldSegment[], { names, output }: SpoolOptions): Promise<void> {
  const { directory, name } = find(segments, names[0] ?? '', 'segment');
  const blocks = await readSegmentBlocks(directory, name);
  if (blocks === null) throw new CommandError(`segment ${name} has left the spool: it is stored now`);
  if (output === null) {
    await pipeline(blocks, process.stdout, { end: false });
    return;
  }
  const file = createWriteStream(output, { flags: 'wx', mode: 0o600 });
  await pipeline(blocks, file).catch((error: unknown) => {
    throw new CommandError(`writing ${output} failed: ${oneLine(error)}`);
  });
  process.stdout.write(`${countOf(file.bytesWritten, 'byte')} of segment ${name} written to ${output}\n`);
}

function find(segments: readonly HeldSegment[], name: string, what: string): HeldSegment {
  const found = segments.find((segment) => segment.name === name);
  if (found !== undefined) return found;
  throw new CommandError(`no ${what} has the name ${JSON.stringify(name)}; see throughline spool list`);
}

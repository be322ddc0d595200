import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { countOf } from '../count-of.ts';
import { CommandError } from './command-error.ts';
import { oneLine } from './one-line.ts';
import { type TracesInText, tracesInText } from './traces-in-text.ts';

export interface TraceFile extends Pick<TracesInText, 'traces'> {
  /** For messages. */
  readonly name: string;
  readonly warnings: readonly string[];
}

/** Text that is longer cannot be parsed by Node at once. */
const FILE_BYTES_MAX = 512 * 1024 * 1024 - 1024;

/** Reads OTLP JSON in a file, or of standard input (`-`). Throws CommandError; also where there are no spans. */
export async function readTraceFile(path: string): Promise<TraceFile> {
  const name = path === '-' ? 'standard input' : path;
  const { traces, unreadableLines } = tracesInText(await readText(path, name));
  if (traces.size === 0) {
    throw new CommandError(`${name} has no spans; expected OTLP JSON ({"resourceSpans": …}), whole or a line each`);
  }
  const warnings = unreadableLines === 0 ? [] : [`${countOf(unreadableLines, 'line')} of ${name} could not be read`];
  return { name, traces, warnings };
}

async function readText(path: string, name: string): Promise<string> {
  try {
    if (path !== '-' && statSync(path).size > FILE_BYTES_MAX) {
      throw new CommandError(`${name} has more than 512 MiB; split it by trace first`);
    }
    const stream: Readable = path === '-' ? process.stdin : createReadStream(path);
    return await text(stream);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`reading ${name} failed: ${oneLine(error)}`);
  }
}

import { readCommandLine } from '../command-line.ts';
import { readConfig, type Config } from '../config.ts';

/** As a command without flags of its own reads it. */
export function configOf(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Config {
  const line = readCommandLine(args, { name: 'up', flags: {} });
  if (line === null) throw new Error('help was requested');
  return readConfig(line.flags, env);
}

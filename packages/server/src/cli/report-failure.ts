import { AlertRulesError } from '../alerts/rules/read-rules.ts';
import { ConfigError } from '../config/setting.ts';
import { oneLine } from './one-line.ts';

/** Exit code of a command that was called wrongly. */
export const USAGE_ERROR = 2;

/** Exit code of a command that was interrupted. */
const INTERRUPTED = 130;

/** One line to standard error, such as `throughline up: --http-port: got "x", …`. Returns the exit code. */
export function reportFailure(command: string, error: unknown): number {
  process.stderr.write(`throughline ${command}: ${oneLine(error)}\n`);
  return error instanceof ConfigError || error instanceof AlertRulesError ? USAGE_ERROR : 1;
}

/** Says in one line what became of the work. Returns the exit code. */
export function reportInterrupted(command: string, what: string): number {
  process.stderr.write(`throughline ${command}: interrupted; ${what}\n`);
  return INTERRUPTED;
}

import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { withoutPasswords } from '../without-passwords.ts';

/** The collector's log on standard error: one line of JSON an entry, or one of text for people. */
export function createLog({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const isText = logFormat === 'text' || (logFormat === 'auto' && process.stderr.isTTY);
  const standardError = pino.destination({ dest: 2, sync: true });
  // What failed may name a URL, and its password with it.
  const json: DestinationStream = { write: (line) => void standardError.write(withoutPasswords(line)) };
  const text: DestinationStream = {
    write: (line) => void process.stderr.write(`${logText(withoutPasswords(line))}\n`),
  };
  return pino({ name: 'throughline', level: logLevel }, isText ? text : json);
}

/** What every entry has, and what is shown before the others. */
const USUAL = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err']);

/** A line of the log as `12:00:00.000 WARN message  key=value`; nothing in it can steer the terminal. */
export function logText(line: string): string {
  const entry = JSON.parse(line) as {
    level: number;
    time: number;
    msg?: string;
    err?: { message?: string; stack?: string };
  };
  const label = pino.levels.labels[entry.level] ?? 'info';
  const rest = Object.entries(entry)
    .filter(([key]) => !USUAL.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const cause = entry.err?.message;
  if (cause !== undefined && entry.msg !== cause) rest.push(`error=${JSON.stringify(cause)}`);
  // What nobody foresaw is understood by where it came from.
  if (label === 'fatal' && entry.err?.stack !== undefined) rest.push(`stack=${JSON.stringify(entry.err.stack)}`);
  const time = new Date(entry.time).toISOString().slice(11, 23);
  const message = rest.length === 0 ? (entry.msg ?? '') : `${entry.msg ?? ''}  ${rest.join(' ')}`;
  return `${time} ${label.toUpperCase().padEnd(5)} ${message.replace(CONTROL, escaped)}`;
}

// oxlint-disable-next-line no-control-regex -- they are what must not reach the terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

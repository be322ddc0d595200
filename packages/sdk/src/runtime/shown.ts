import { property } from './property.ts';
import { withoutSecrets } from './without-secrets.ts';

const CHARACTERS_MAX = 100;
/** What lies deeper is `{…}`, cycles too. */
const DEPTH_MAX = 2;

/**
 * Whatever the application handed over, for a message: much like JSON, on one line and of at most 100 characters. Never
 * throws, and calls no getter. Headers, tokens and keys are strings in objects, and messages end in logs: strings in
 * objects are not shown.
 */
export function shown(value: unknown): string {
  return shortened(written(value, 0, false));
}

/** Whatever was thrown, for a message: what an error says, and anything else as it is shown. */
export function shownError(error: unknown): string {
  if (typeof error === 'string' && error !== '') return error;
  const name = property(error, 'name');
  const message = property(error, 'message');
  if (typeof message !== 'string') return shown(error);
  if (typeof name !== 'string' || name === '' || (name === 'Error' && message !== '')) return message;
  return message === '' ? name : `${name}: ${message}`;
}

/** A name that somebody gave: without quotes where it can be written so, and never long. */
export function shownName(name: string): string {
  return shortened(/^[\w.$-]+$/.test(name) ? name : quoted(name));
}

/** On one line, and cut where it is long. */
export function shortened(text: string): string {
  const short = text.length > CHARACTERS_MAX ? `${startOf(text, CHARACTERS_MAX - 1)}…` : text;
  return short.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

function written(value: unknown, depth: number, isInObject: boolean): string {
  try {
    switch (typeof value) {
      case 'string':
        return isInObject ? '"…"' : quoted(/@|:\/\//.test(value) ? withoutSecrets(value) : value);
      case 'bigint':
        return `${value}n`;
      case 'function':
        return `function ${ownText(value, 'name')}`.trimEnd();
      case 'object':
        if (value === null) return 'null';
        return Array.isArray(value) ? list(value, depth, isInObject) : members(value, depth);
      default:
        return String(value);
    }
  } catch {
    // A proxy.
    return `a value of type ${typeof value}`;
  }
}

function list(values: readonly unknown[], depth: number, isInObject: boolean): string {
  if (depth === DEPTH_MAX) return '[…]';
  return `[${joined(values.length, (at) => member(values, at, depth, isInObject))}]`;
}

function members(value: object, depth: number): string {
  const className = classNameOf(value);
  if (className !== '') return `${className} {…}`;
  if (depth === DEPTH_MAX) return '{…}';
  const names = Object.keys(value);
  const nameAndValue = (name: string): string => `${quoted(name)}:${member(value, name, depth, true)}`;
  return `{${joined(names.length, (at) => nameAndValue(names[at] ?? ''))}}`;
}

function member(value: object, key: PropertyKey, depth: number, isInObject: boolean): string {
  const found = Object.getOwnPropertyDescriptor(value, key);
  return found?.get === undefined ? written(found?.value, depth + 1, isInObject) : '…';
}

/** No more of them than a message has room for. */
function joined(count: number, write: (at: number) => string): string {
  let text = '';
  for (let at = 0; at < count && text.length <= CHARACTERS_MAX; at++) text += `${at === 0 ? '' : ','}${write(at)}`;
  return text;
}

/** Of what is more than a plain object. */
function classNameOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null) return '';
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  const name = typeof made === 'function' ? ownText(made, 'name') : '';
  return name === 'Object' ? '' : name;
}

function ownText(value: object, name: string): string {
  const text: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof text === 'string' ? startOf(text, CHARACTERS_MAX) : '';
}

/** In quotes, and on one line; where it is long, its end is cut within the quotes. */
export function quoted(text: string): string {
  const max = CHARACTERS_MAX - '""…'.length;
  return text.length > max ? JSON.stringify(startOf(text, max)).replace(/"$/, '…"') : JSON.stringify(text);
}

/** The last character is whole: none of its halves is left. */
function startOf(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

import { TraceFormatError } from './format-error.ts';
import type { Warnings } from './warnings.ts';

/** A value of JSON, and the line that it stands in; '' for a document of its own. */
export interface ParsedDocument {
  readonly value: unknown;
  readonly place: string;
}

/** UTF-8 as text, without a byte order mark. Throws `TraceFormatError` for other bytes. */
export function textOf(input: string | Uint8Array): string {
  if (typeof input === 'string') return input.startsWith('\uFEFF') ? input.slice(1) : input;
  if (input[0] === 0x1f && input[1] === 0x8b) {
    throw new TraceFormatError('not-text', '', 'the bytes are compressed by gzip; decompress them first');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(input);
  } catch {
    throw new TraceFormatError('not-text', '', 'the bytes are not UTF-8');
  }
}

/**
 * One document, or one for each line. A last line without its end is omitted with a warning, as a file has that is
 * still being written. Throws `TraceFormatError` for what is no JSON.
 */
export function parseDocuments(text: string, warnings: Warnings): ParsedDocument[] {
  const whole = parse(text, 1);
  if (whole !== undefined) return [{ value: whole.value, place: '' }];
  const documents: ParsedDocument[] = [];
  let number = 0;
  for (let from = 0; from < text.length;) {
    number++;
    const newline = text.indexOf('\n', from);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(from, end);
    const place = `line ${number}`;
    const isLast = text.slice(end).trim() === '';
    from = end + 1;
    if (line.trim() === '') continue;
    const parsed = parse(line, number);
    if (parsed !== undefined) documents.push({ value: parsed.value, place });
    else if (documents.length > 0 && newline < 0) warnings.add('torn-line', () => place);
    // A document of many lines has its fault somewhere else than in its first line.
    else throw notJson(documents.length > 0 || isLast ? line : text, documents.length > 0 ? number : 1);
  }
  if (documents.length === 0) throw new TraceFormatError('not-json', '', 'there is nothing but blanks');
  return documents;
}

/** Undefined for what is no JSON. */
function parse(text: string, firstLine: number): { value: unknown } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not only SyntaxError: engines may also run out of stack where values nest deeply.
    return undefined;
  }
  refuseDeep(text, firstLine);
  return { value };
}

/** No format nests so deep; who writes the trace as JSON again would run out of stack. */
const DEPTH_MAX = 1_000;

function refuseDeep(text: string, firstLine: number): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if ((unit | 0x20) === CLOSING) depth--;
    else if ((unit | 0x20) === OPENING && ++depth > DEPTH_MAX) throw tooDeep(text, at, firstLine);
  }
}

function tooDeep(text: string, at: number, firstLine: number): TraceFormatError {
  const place = placeOf(text, at, firstLine);
  return new TraceFormatError('too-deep', place, `it nests deeper than ${DEPTH_MAX} levels`);
}

const QUOTE = 0x22;
/** `{`, and `[` with one bit more. */
const OPENING = 0x7b;
/** `}`, and `]` with one bit more. */
const CLOSING = 0x7d;

/** The place of the quote that ends a string of JSON. */
function endOfString(text: string, start: number): number {
  for (let end = start; ;) {
    end = text.indexOf('"', end + 1);
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
  }
}

function placeOf(text: string, at: number, firstLine: number): string {
  const before = text.slice(0, at);
  const line = firstLine + (before.match(/\n/g)?.length ?? 0);
  return `line ${line}, column ${at - before.lastIndexOf('\n')}`;
}

function notJson(text: string, firstLine: number): TraceFormatError {
  const fault = faultOf(text, firstLine);
  const found = fault >= text.length ? 'the text ends too early' : `unexpected ${JSON.stringify(text[fault])}`;
  return new TraceFormatError('not-json', placeOf(text, fault, firstLine), `this is no JSON: ${found}`);
}

// Control characters are what a string of JSON must not have.
const TOKEN =
  // oxlint-disable-next-line no-control-regex
  /[ \t\r\n]*(?:([{}[\],:])|("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** Where a text stops being JSON: engines word this each in its own way, some without a place. */
function faultOf(text: string, firstLine: number): number {
  const open: ('{' | '[')[] = [];
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' = 'value';
  TOKEN.lastIndex = 0;
  for (;;) {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(text);
    const start = from + (/^[ \t\r\n]*/.exec(text.slice(from, from + 1_000))?.[0].length ?? 0);
    if (token === null) return start;
    const [, mark = '', string] = token;
    const isValue = expected === 'value' || expected === 'value or ]';
    if (isValue && (mark === '{' || mark === '[')) {
      if (open.push(mark) > DEPTH_MAX) throw tooDeep(text, start, firstLine);
      expected = mark === '{' ? 'key or }' : 'value or ]';
    } else if (isValue && mark === '') {
      if (open.length === 0) return /\S/.exec(text.slice(TOKEN.lastIndex)) === null ? text.length : TOKEN.lastIndex;
      expected = ', or end';
    } else if ((expected === 'key' || expected === 'key or }') && string !== undefined) expected = ':';
    else if (expected === ':' && mark === ':') expected = 'value';
    else if (expected === ', or end' && mark === ',') expected = open.at(-1) === '{' ? 'key' : 'value';
    else if (closes(mark, open.at(-1)) && (expected === ', or end' || expected.endsWith(` ${mark}`))) {
      open.pop();
      if (open.length === 0) return TOKEN.lastIndex + (/\S/.exec(text.slice(TOKEN.lastIndex))?.index ?? 0);
      expected = ', or end';
    } else return start;
  }
}

function closes(mark: string, opened: '{' | '[' | undefined): boolean {
  return (mark === '}' && opened === '{') || (mark === ']' && opened === '[');
}

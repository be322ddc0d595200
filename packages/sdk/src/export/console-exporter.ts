import { decodeRequest } from './format/otlp-decoder.ts';
import { ImmediateExporter, type ChunkExporter, type ExporterContext } from './exporter.ts';
import { plainAttributes, plainText, type OtlpSpan } from './format/otlp-json.ts';

const ERROR = 2;
const EXCEPTION = 'exception';
const VALUE_CHARACTERS_MAX = 120;
/** Deeper than any reader follows; it also bounds the recursion. */
const DEPTH_MAX = 64;

/** Prints spans as trees, for a look at what is recorded. `write` is given whole lines. */
export function newConsoleExporter(
  context: ExporterContext,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): ChunkExporter {
  return new ImmediateExporter(context, (bytes) => write(spanTrees(bytes)));
}

/** The spans of a request, trace by trace, each under its parent where that is there too. */
export function spanTrees(request: Uint8Array): string {
  const spans = decodeRequest(request).resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap((scope) => scope.spans),
  );
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string, OtlpSpan[]>();
  for (const span of spans) {
    const { parentSpanId = '' } = span;
    const parent = known.has(parentSpanId) ? parentSpanId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  for (const siblings of children.values()) siblings.sort(byStartTime);
  const lines: string[] = [];
  for (const root of children.get('') ?? []) {
    const from = root.parentSpanId === undefined ? '' : `, under ${root.parentSpanId}`;
    lines.push(`trace ${root.traceId}${from}`);
    addSpan(lines, children, root, '', '');
  }
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function byStartTime(a: OtlpSpan, b: OtlpSpan): number {
  const difference = BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano);
  return difference < 0n ? -1 : Number(difference > 0n);
}

function addSpan(
  lines: string[],
  children: ReadonlyMap<string, OtlpSpan[]>,
  span: OtlpSpan,
  branch: string,
  indent: string,
): void {
  lines.push(`${branch}${span.name}  ${durationText(span)}${attributesText(span.attributes)}${statusText(span)}`);
  const below = indent.length / 3 < DEPTH_MAX ? (children.get(span.spanId) ?? []) : [];
  for (const event of span.events) {
    const mark = event.name === EXCEPTION ? '!' : '·';
    // An exception's stack would fill the screen; its message says which it was.
    const shown = event.attributes.filter(({ key }) => key !== 'exception.stacktrace');
    lines.push(`${indent}${below.length > 0 ? '│  ' : '   '}${mark} ${event.name}${attributesText(shown)}`);
  }
  for (const [i, child] of below.entries()) {
    const isLast = i === below.length - 1;
    addSpan(lines, children, child, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`);
  }
}

function durationText({ startTimeUnixNano, endTimeUnixNano }: OtlpSpan): string {
  const durationMs = Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
  return `${durationMs.toFixed(durationMs < 10 ? 2 : 0)} ms`;
}

function statusText({ status }: OtlpSpan): string {
  if (status.code !== ERROR) return '';
  return status.message === undefined ? '  ERROR' : `  ERROR: ${status.message}`;
}

function attributesText(attributes: OtlpSpan['attributes']): string {
  const pairs = Object.entries(plainAttributes(attributes)).map(([key, value]) => `${key}=${valueText(value)}`);
  return pairs.length === 0 ? '' : `  ${pairs.join(' ')}`;
}

function valueText(value: unknown): string {
  const text = plainText(value);
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;
}

/** Nothing in a span may move the cursor or change the screen. */
function printable(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
}

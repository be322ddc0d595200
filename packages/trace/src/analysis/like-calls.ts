import { attributeText, findAttribute } from '../attributes.ts';
import { inferredDependency } from './inferred-dependency.ts';
import { Numbers } from './numbers.ts';
import { type Span, SpanKind } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** Literals in a name: they distinguish calls that are alike. */
const LITERAL = /'[^']*'|"[^"]*"|\b[\da-f]{8}-[\da-f-]{27}\b|\b0x[\da-f]+\b|\b\d+\b/gi;

/** A name of an HTTP request that says nothing of its target. */
export const BARE_METHOD = /^(HTTP|(HTTP )?(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|CONNECT|QUERY))$/;

const known = new WeakMap<Trace, (span: number) => number>();

/**
 * Spans with the same number do the same: same service and kind, and the same work by the summary of the query or by
 * name, whatever numbers and quoted texts it holds. Numbers rather than texts, since every span of a trace is compared.
 *
 * @example
 * const like = likeCalls(trace);
 * const siblings = trace.names.filter((_, span) => like(span) === like(trace.rootIndex + 1));
 */
export function likeCalls(trace: Trace): (span: number) => number {
  const numbered = known.get(trace);
  if (numbered !== undefined) return numbered;
  const { serviceIndex, kind } = trace;
  const normalNames = new Map<string, string>();
  const normal = (name: string): string => {
    const before = normalNames.get(name);
    if (before !== undefined) return before;
    const normalName = withoutLiterals(name);
    // Names that are all different gain nothing.
    if (normalNames.size < NAMES_MAX) normalNames.set(name, normalName);
    return normalName;
  };
  const calls = new Numbers();
  /** 0 for a span that has not been asked for. */
  const numbers = new Uint32Array(trace.spanCount);
  const found = (span: number): number => {
    if (numbers[span] !== 0) return numbers[span]!;
    const work = calls.of(likeWork(trace, span, normal));
    const number = calls.ofPair(work, serviceIndex[span]! * KINDS + kind[span]!);
    numbers[span] = number;
    return number;
  };
  known.set(trace, found);
  return found;
}

const NAMES_MAX = 10_000;

/** A byte holds the kind. */
const KINDS = 256;

/** What the span does, as its like of any trace do: the summary of a query, or the name without its literals. */
export function likeWork(trace: Trace, span: number, normal: (name: string) => string = withoutLiterals): string {
  const name = trace.names[span]!;
  if (trace.kind[span] !== SpanKind.client) return normal(name);
  const source = trace.span(span);
  const query = querySummary(source);
  if (query !== '') return `query ${query}`;
  return BARE_METHOD.test(name) ? `${name} ${inferredDependency(source) ?? ''}` : normal(name);
}

function withoutLiterals(name: string): string {
  // Most names hold none.
  return /[\d'"]/.test(name) ? name.replace(LITERAL, '?') : name;
}

/** What a query does, as an instrumentation sums it up; '' where none does. */
export function querySummary(span: Span): string {
  // Most calls are none of a database.
  if (!span.attributes?.some(({ key }) => key.startsWith('db.'))) return '';
  const summary = text(span, 'db.query.summary');
  if (summary !== '') return summary;
  const collection = text(span, 'db.collection.name') || text(span, 'db.sql.table');
  if (collection === '') return '';
  return `${text(span, 'db.operation.name') || text(span, 'db.operation')} ${collection}`.trim();
}

/** Which thing a call is for, where its attributes hold that; '' otherwise. */
export function targetOf(trace: Trace, span: number): string {
  const source = trace.span(span);
  for (const key of ['url.full', 'http.url', 'db.query.text', 'db.statement']) {
    const value = text(source, key);
    if (value !== '') return value;
  }
  return '';
}

function text(span: Span, key: string): string {
  return attributeText(findAttribute(span.attributes, key));
}

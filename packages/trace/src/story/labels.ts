import { attributeText, findAttribute } from '../attributes.ts';
import { inferredDependency } from '../analysis/inferred-dependency.ts';
import { calleeSpan, isCall } from '../analysis/callee.ts';
import { BARE_METHOD, querySummary } from '../analysis/like-calls.ts';
import { SpanKind } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** How the spans of a trace are called in a sentence. */
export class Labels {
  readonly #trace: Trace;
  readonly #nameLengthMax: number;
  readonly #standIn: string | undefined;

  /**
   * @param nameLengthMax longer names are cut, with an ellipsis.
   * @param standIn replaces every name, so that a sentence can be measured whatever the names are.
   */
  constructor(trace: Trace, nameLengthMax: number, standIn?: string) {
    this.#trace = trace;
    this.#nameLengthMax = nameLengthMax;
    this.#standIn = standIn;
  }

  service(span: number): string {
    return this.text(this.#trace.services[this.#trace.serviceIndex[span]!]!);
  }

  operation(span: number): string {
    return this.text(this.#trace.names[span]!) || this.text('(no name)');
  }

  /** As short as it says the same: an RPC without the package of its service, an HTTP request with its route. */
  shortOperation(span: number): string {
    return this.text(shortName(this.#trace, span)) || this.text('(no name)');
  }

  /** `payment charge`, and `api.adyen.com POST` for a call to what sends no spans and is no database. */
  place(span: number): string {
    const dependency = dependencyOf(this.#trace, span);
    const isHost = dependency?.endsWith(' database') === false && databaseSystem(this.#trace, span) === '';
    return `${isHost ? this.text(dependency) : this.service(span)} ${this.shortOperation(span)}`;
  }

  /** As `place`, without the service where it is that of another span, which has been named. */
  placeBeside(span: number, other: number): string {
    const isHere = this.#trace.serviceIndex[span] === this.#trace.serviceIndex[other];
    const operation = this.shortOperation(span);
    return isHere && this.place(span) === `${this.service(span)} ${operation}` ? operation : this.place(span);
  }

  /** What `who` waited for: a call of its own by what it called, and no service where it is that of `who`. */
  waitedFor(span: number, who: number): string {
    const dependency = span === who ? dependencyOf(this.#trace, span) : undefined;
    if (dependency !== undefined) return `${this.text(dependency)} ${this.shortOperation(span)}`;
    return this.placeBeside(span, who);
  }

  /**
   * `checkout POST /pay`; for a call also whom it calls, `shop → api.adyen.com POST`, and for a query the kind of its
   * database, `fraud: SELECT checks (postgresql)`.
   */
  span(span: number): string {
    const system = dependencyOf(this.#trace, span) === undefined ? '' : databaseSystem(this.#trace, span);
    if (system !== '') return `${this.service(span)}: ${this.operation(span)} (${this.text(system)})`;
    const callee = this.callee(span);
    const who = callee === undefined ? this.service(span) : `${this.service(span)} → ${callee}`;
    return `${who} ${this.operation(span)}`;
  }

  /** The service that a client or producer span called, or what its attributes name in place of one. */
  callee(span: number): string | undefined {
    const remote = calleeSpan(this.#trace, span);
    if (remote >= 0) return this.service(remote);
    const dependency = dependencyOf(this.#trace, span);
    return dependency === undefined ? undefined : this.text(dependency);
  }

  /** One line of plain text: a name may hold line breaks and characters that turn the reading direction. */
  text(text: string, lengthMax: number = this.#nameLengthMax): string {
    const line = text
      .slice(0, lengthMax * 4)
      .replace(UNREADABLE, ' ')
      .replace(/ {2,}/g, ' ')
      .trim();
    if (this.#standIn !== undefined && line !== '') return this.#standIn;
    const characters = Array.from(line);
    if (characters.length <= lengthMax) return line;
    const cut = characters.slice(0, lengthMax - 1).join('');
    // Between two words where that leaves the most of it.
    const space = characters[lengthMax - 1] === ' ' ? cut.length : cut.lastIndexOf(' ');
    return `${(space > lengthMax * WORD_SHARE_MIN ? cut.slice(0, space) : cut).trimEnd()}…`;
  }
}

function shortName(trace: Trace, span: number): string {
  const name = trace.names[span]!;
  const isPath = name.startsWith('/') && trace.kind[span] === SpanKind.server;
  if (isPath || BARE_METHOD.test(name)) {
    const { attributes } = trace.span(span);
    if (isPath) {
      const methods = ['http.request.method', 'http.method'].map((key) =>
        attributeText(findAttribute(attributes, key)),
      );
      return `${methods.find((text) => text !== '') ?? ''} ${name}`.trim();
    }
    const route = ['http.route', 'url.template'].map((key) => attributeText(findAttribute(attributes, key)));
    const path = route.find((text) => text !== '');
    return path === undefined ? name : `${name.replace('HTTP ', '')} ${path}`;
  }
  if (trace.kind[span] === SpanKind.client) {
    const query = querySummary(trace.span(span));
    if (query !== '') return query;
  }
  return name.replace(RPC_PACKAGE, '');
}

/** What is before the service's own name in `shop.inventory.v1.Inventory/Reserve`. */
const RPC_PACKAGE = /^([a-z_]\w*\.)+(?=[A-Z]\w*\/\w+$)/;

/** `postgresql`; '' for a span that is no query. */
function databaseSystem(trace: Trace, span: number): string {
  const { attributes } = trace.span(span);
  const systems = ['db.system.name', 'db.system'].map((key) => attributeText(findAttribute(attributes, key)));
  return systems.find((text) => text !== '') ?? '';
}

/**
 * The operation that a trace is about: a client span at the top is only how somebody called it, and the first server
 * knows its route.
 */
export function entryOf(trace: Trace, root: number): number {
  let entry = root;
  while (trace.kind[entry] === SpanKind.client) {
    const callee = calleeSpan(trace, entry);
    if (callee < 0) return root;
    entry = callee;
  }
  return entry;
}

/** A text is cut between words only where at least this share of the allowed length stays. */
const WORD_SHARE_MIN = 0.6;

/** Controls, separators, format characters and lone surrogates. */
const UNREADABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s]+/gu;

/** Undefined for a span that calls nobody, and for a call whose callee has sent spans or is not named. */
export function dependencyOf(trace: Trace, span: number): string | undefined {
  return calleeSpan(trace, span) >= 0 ? undefined : inferredOf(trace, span);
}

/** As `dependencyOf`, for a span that has no callee. */
export function inferredOf(trace: Trace, span: number): string | undefined {
  return isCall(trace, span) ? inferredDependency(trace.span(span)) : undefined;
}

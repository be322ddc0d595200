/** What a warning is about; stable, unlike its text. */
export type FormatWarningCode = keyof typeof TEXTS;

/** Something that was given and is not, or not exactly so, in what has been read or written. */
export interface FormatWarning {
  readonly code: FormatWarningCode;
  /** A sentence. */
  readonly text: string;
  /** How many times. */
  readonly count: number;
  /** Where it was the first time: the path of a member, such as `data[0].spans[2].tags[0]`. */
  readonly place: string;
}

const TEXTS = {
  // Reading.
  malformed: 'A part that cannot be read is omitted.',
  'no-id': 'A span without a trace ID and a span ID of hexadecimal digits is omitted.',
  'no-time': 'A span has no start time; it is shown at the start of the trace.',
  'no-process': 'A span names a process that is missing; its service is unknown.',
  'inexact-number': 'A number has more digits than JSON numbers hold; its last digits may be wrong.',
  'other-peer': 'A remote endpoint and the tag peer.service differ; the tag is kept.',
  'parent-follows-from': 'A span has no parent but one that it follows from; this is taken as its parent.',
  'response-error': 'The response reports an error of its own; the trace may be incomplete.',
  'torn-line': 'The last line is incomplete, and omitted.',
  'unknown-flags': 'Flags of the span that OTLP does not have are omitted.',
  // Writing.
  'times-cut': 'Times and durations are cut to microseconds; a shorter duration is 1 µs.',
  'value-as-text': 'A value has become text, because the format has no such type.',
  'repeated-key': 'Of several attributes with one key, the first is kept.',
  'reserved-key': 'An attribute has a key that the format uses itself: a reader may take it for something else.',
  'scope-attribute-moved': 'Attributes of an instrumentation scope have become attributes of its spans.',
  'resource-attribute-moved': 'Attributes of a resource have become tags of its spans.',
  'schema-omitted': 'Schema URLs and entity references are omitted.',
  'flags-omitted': 'Flags other than "sampled" are omitted.',
  'link-part-omitted': 'Attributes, trace state, flags or counts of a link are omitted.',
  'link-as-parent': 'A root links to a span of its own trace: a reader may take that one for its parent.',
  'kind-omitted': 'The format does not distinguish an unspecified kind from internal.',
  'status-message-omitted': 'The message of a status that is no error is omitted.',
  'dropped-count-omitted': 'How many attributes of a scope or a resource were dropped is omitted.',
} as const;

/** Collects warnings: one for each code, with its count and its first place, so that they stay few. */
export class Warnings {
  readonly #byCode = new Map<FormatWarningCode, { count: number; place: string }>();

  add(code: FormatWarningCode, place: () => string, count = 1): void {
    const known = this.#byCode.get(code);
    if (known === undefined) this.#byCode.set(code, { count, place: place() });
    else known.count += count;
  }

  list(): FormatWarning[] {
    return Array.from(this.#byCode, ([code, { count, place }]) => ({ code, text: TEXTS[code], count, place }));
  }

  /** The first place of what could not be read; '' where all could. */
  get firstUnreadable(): string {
    return (this.#byCode.get('no-id') ?? this.#byCode.get('malformed'))?.place ?? '';
  }
}

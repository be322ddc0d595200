import { REPAIRED_TEXTS } from './repaired-text.ts';
import { countOf } from '../count-of.ts';

/** What may be unusable of a span that is kept, and is then dropped or replaced; labels of a metric. */
export const BAD_PARTS = [
  'attribute',
  'event',
  'link',
  'parent_span_id',
  'end_time',
  'event_time',
  'field',
  'unknown_member',
] as const;

export type BadPart = (typeof BAD_PARTS)[number];

export function isBadPart(key: string): key is BadPart {
  return (BAD_PARTS as readonly string[]).includes(key);
}

/**
 * What was dropped of a request's spans while they were kept: by the key of the limit that it was beyond, or by the
 * part that was unusable, and how many texts were repaired, by `REPAIRED_TEXTS`.
 */
export class DropCounts {
  readonly counts = new Map<string, number>();
  #problem = '';

  add(key: string, count = 1): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + count);
  }

  /** `problem`: where it stands and what is wrong; of several the first one. */
  addBad(part: BadPart, problem = ''): void {
    this.add(part);
    this.explain(problem);
  }

  /** Says what is wrong with a part that is counted elsewhere. */
  explain(problem: string): void {
    if (this.#problem === '') this.#problem = problem;
  }

  clear(): void {
    if (this.counts.size > 0) this.counts.clear();
    this.#problem = '';
  }

  /**
   * For the sender; '' where nothing was dropped. The order is not that in which it was found, so that it is the same
   * for every encoding.
   */
  get message(): string {
    const losses = KEYS.filter((key) => this.counts.has(key)).map(
      (key) => `${countOf(this.counts.get(key) ?? 0, ...(WHAT[key] ?? ['', '']))} (${key})`,
    );
    const first = losses.length > 0 && this.#problem !== '' ? `; the first: ${this.#problem}` : '';
    return losses.join(', ') + first;
  }
}

type OneAndMany = readonly [one: string, many: string];

const WHAT: Readonly<Record<string, OneAndMany>> = {
  [REPAIRED_TEXTS]: ['text was repaired', 'texts were repaired'],
  'ingest.attributesMax': ['attribute was dropped', 'attributes were dropped'],
  'ingest.valueDepthMax': ['attribute nested too deeply was dropped', 'attributes nested too deeply were dropped'],
  'ingest.valueBytesMax': ['text that is too long was cut or dropped', 'texts that are too long were cut or dropped'],
  'ingest.eventsPerSpanMax': ['event was dropped', 'events were dropped'],
  'ingest.linksPerSpanMax': ['link was dropped', 'links were dropped'],
  ...({
    attribute: [
      'attribute without a valid key and value was dropped',
      'attributes without a valid key and value were dropped',
    ],
    event: ['event that is no object was dropped', 'events that are no objects were dropped'],
    link: ['link without valid ids was dropped', 'links without valid ids were dropped'],
    parent_span_id: ['invalid parent span id was dropped', 'invalid parent span ids were dropped'],
    end_time: [
      'invalid end time was replaced by the nearest valid one',
      'invalid end times were replaced by the nearest valid one',
    ],
    event_time: [
      'invalid time of an event was replaced by the nearest valid one',
      'invalid times of events were replaced by the nearest valid one',
    ],
    field: ['invalid field was dropped', 'invalid fields were dropped'],
    unknown_member: [
      'object without spans has members that OTLP/JSON does not know',
      'objects without spans have members that OTLP/JSON does not know',
    ],
  } satisfies Record<BadPart, OneAndMany>),
};
const KEYS = Object.keys(WHAT);

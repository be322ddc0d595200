import { REPAIRED_TEXTS } from './utf8.ts';

/**
 * What was left out of a request's spans while they were kept, by the key of the limit that they were beyond, and how many
 * texts were repaired, by `REPAIRED_TEXTS`.
 */
export class Losses {
  readonly counts = new Map<string, number>();

  add(limit: string, count = 1): void {
    this.counts.set(limit, (this.counts.get(limit) ?? 0) + count);
  }

  clear(): void {
    if (this.counts.size > 0) this.counts.clear();
  }

  /** For the sender; '' where nothing was left out. */
  get message(): string {
    return [...this.counts].map(([limit, count]) => `${count} ${WHAT[limit] ?? 'things'} (${limit})`).join(', ');
  }
}

const WHAT: Readonly<Record<string, string>> = {
  [REPAIRED_TEXTS]: 'texts were repaired',
  'ingest.attributesMax': 'attributes were dropped',
  'ingest.valueDepthMax': 'attributes nested too deeply were dropped',
  'ingest.valueBytesMax': 'texts that are too long were cut or dropped',
  'ingest.eventsPerSpanMax': 'events were dropped',
  'ingest.linksPerSpanMax': 'links were dropped',
};

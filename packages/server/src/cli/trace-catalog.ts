import type { Story } from '@throughline/trace';
import { ApiClientError, type TracesQuery, type TraceSummary } from '@throughline/trace/client';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import type { CollectorApi } from './collector-api.ts';

/** Where traces are searched: a collector, or a file. */
export interface TraceCatalog {
  /** The newest traces that match, with their headlines. Throws `CommandError`. */
  find(query: TracesQuery): Promise<FoundTraces>;
  /** Of traces that were found, in their order; null for one that is gone meanwhile. Throws `CommandError`. */
  stories(traces: readonly TraceSummary[]): Promise<readonly (Pick<Story, 'summary'> | null)[]>;
}

export interface FoundTraces {
  /** The newest first. */
  readonly traces: readonly TraceSummary[];
  /** Null where there are no older ones. */
  readonly nextCursor: string | null;
  readonly warnings: readonly string[];
}

/** As many headlines the API computes at once. */
const HEADLINES_MAX = 100;
/** Stories that are asked for at once. */
const STORIES_AT_ONCE = 4;

/** What a collector has stored. */
export class StoredTraces implements TraceCatalog {
  readonly #api: CollectorApi;

  constructor(api: CollectorApi) {
    this.#api = api;
  }

  async find(query: TracesQuery): Promise<FoundTraces> {
    const { traces, nextCursor, partial } = await this.#api.ask((client, options) => client.traces(query, options));
    return { traces: await this.#withHeadlines(traces), nextCursor, warnings: partialWarnings(partial) };
  }

  /** Headlines that no one has asked for yet are computed now; it takes longer where there are many. */
  async #withHeadlines(traces: readonly TraceSummary[]): Promise<readonly TraceSummary[]> {
    const missing = traces.filter(({ headline }) => headline === null).map(({ traceId }) => traceId);
    const computed: Record<string, string> = {};
    for (let at = 0; at < missing.length; at += HEADLINES_MAX) {
      const ids = missing.slice(at, at + HEADLINES_MAX);
      const { headlines } = await this.#api.ask((client, options) => client.headlines(ids, options));
      Object.assign(computed, headlines);
    }
    return traces.map((trace) => ({ ...trace, headline: trace.headline ?? computed[trace.traceId] ?? null }));
  }

  async stories(traces: readonly TraceSummary[]): Promise<readonly (Pick<Story, 'summary'> | null)[]> {
    const stories: (Story | null)[] = [];
    for (let at = 0; at < traces.length; at += STORIES_AT_ONCE) {
      const some = traces.slice(at, at + STORIES_AT_ONCE).map(({ traceId }) =>
        this.#api.ask((client, options) =>
          client.story(traceId, options).catch((error: unknown) => {
            if (error instanceof ApiClientError && error.code === 'trace_not_found') return null;
            throw error;
          }),
        ),
      );
      stories.push(...(await Promise.all(some)));
    }
    return stories;
  }
}

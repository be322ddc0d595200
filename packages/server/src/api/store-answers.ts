import { MISSING_SHARDS_HEADER, SHARDS_HEADER, type PartialAnswer } from '@throughline/trace/client';
import { Counter, type Registry } from 'prom-client';
import type { ReportForm } from '../http/accept.ts';
import { json, markdown, type JsonResponse, type MarkdownResponse } from '../http/response.ts';
import type { QueryContext } from '../query/rows.ts';
import { registerGauge } from '../register-gauge.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';

export interface StoreAnswersOptions {
  readonly query: Omit<QueryContext, 'signal' | 'onPartial'>;
  readonly registry: Registry;
  /** Shards of the store that do not answer, as far as is known. */
  readonly shardsAway: () => number;
}

/** The answers of queries to the store; each says where shards of the store are missing in it. */
export class StoreAnswers {
  readonly #query: StoreAnswersOptions['query'];
  readonly #partial: Counter;

  constructor({ query, registry, shardsAway }: StoreAnswersOptions) {
    this.#query = query;
    this.#partial = new Counter({
      name: 'throughline_api_partial_answers_total',
      help: 'Responses that lack what is on shards of the store that did not answer',
      registers: [registry],
    });
    const help = 'Shards of the cluster that queries go without, because they do not answer';
    registerGauge(registry, 'throughline_cluster_shards_away', help, shardsAway);
  }

  /** What is found, as JSON, with the member `partial` where something is missing. */
  async json<T extends object>(
    signal: AbortSignal,
    find: (context: QueryContext) => Promise<T>,
  ): Promise<JsonResponse<T & { readonly partial?: PartialAnswer }>> {
    const { found, partial, headers } = await this.find(signal, find);
    return { ...json({ ...found, ...(partial !== undefined && { partial }) }), headers };
  }

  /** The same, or as the Markdown that `write` makes of it; the warnings say what is missing. */
  async report<T extends object>(
    form: ReportForm,
    signal: AbortSignal,
    find: (context: QueryContext) => Promise<T>,
    write: (found: T, warnings: readonly string[]) => string,
  ): Promise<JsonResponse<T & { readonly partial?: PartialAnswer }> | MarkdownResponse> {
    if (form === 'json') return this.json(signal, find);
    const { found, partial, headers } = await this.find(signal, find);
    return markdown(write(found, partialWarnings(partial)), headers);
  }

  /** Markdown that a query writes itself; it is given what says, once it has asked, what is missing. */
  async markdown(
    signal: AbortSignal,
    write: (context: QueryContext, warnings: () => readonly string[]) => Promise<string>,
  ): Promise<MarkdownResponse> {
    let missing: PartialAnswer | undefined;
    const { found, headers } = await this.find(signal, (context) =>
      write(
        {
          ...context,
          onPartial: (partial) => {
            missing = partial;
            context.onPartial?.(partial);
          },
        },
        () => partialWarnings(missing),
      ),
    );
    return markdown(found, headers);
  }

  /** What is found, and the headers that say what is missing: none where nothing is. */
  async find<T>(
    signal: AbortSignal,
    find: (context: QueryContext) => Promise<T>,
  ): Promise<{
    readonly found: T;
    readonly partial: PartialAnswer | undefined;
    readonly headers: Readonly<Record<string, string>>;
  }> {
    let partial: PartialAnswer | undefined;
    const onPartial = ({ missingShards, shards }: PartialAnswer): void => {
      partial = { missingShards: Math.max(missingShards, partial?.missingShards ?? 0), shards };
    };
    const found = await find({ ...this.#query, signal, onPartial });
    return { found, partial, headers: this.noted(partial) };
  }

  /** Counts an answer that is partial, and returns its headers. */
  noted(partial: PartialAnswer | undefined): Readonly<Record<string, string>> {
    if (partial === undefined) return {};
    this.#partial.inc();
    return {
      [MISSING_SHARDS_HEADER]: String(partial.missingShards),
      [SHARDS_HEADER]: String(partial.shards),
    };
  }
}

/** For the description of a route whose answers may be partial. */
export const PARTIAL_HEADERS = {
  [MISSING_SHARDS_HEADER]: 'How many shards of the store did not answer; sent where the response lacks what is on them',
  [SHARDS_HEADER]: 'How many shards the store has; sent beside it',
};

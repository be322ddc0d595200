import type { WindowComparer } from '../insight/window-comparer.ts';
import type { CountedUntil } from '../query/find-series.ts';
import type { Headlines } from '../query/headlines.ts';
import type { QueryContext } from '../query/rows.ts';
import { sampleRequests, type RequestSample } from '../query/sample-requests.ts';
import { searchTraces } from '../query/search-traces.ts';
import type { AlertState } from './alert-state.ts';
import { judge, type LimitedRule, type Reading, type Verdict } from './judge.ts';
import { KINDS, type AlertRule } from './rules/rule.ts';
import { NO_FINDINGS, type AlertFindings } from './tell-alert.ts';

export interface EvaluatorOptions {
  readonly query: Omit<QueryContext, 'signal' | 'onPartial'>;
  readonly windows: Pick<WindowComparer, 'compare'>;
  readonly headlines: Pick<Headlines, 'compute'>;
  readonly countedUntil: () => CountedUntil;
  /** While a rule fires, windows that decide nothing grow up to so much. */
  readonly resolveWindowMs: number;
}

/** What a window says, with the suspect where that is what the rule is about. */
export interface Evaluation extends Reading {
  /** The length of what was looked at: more than the rule's where it has grown. */
  readonly windowMs: number;
  readonly findings: AlertFindings;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Fewer minutes have too few traces to compare. */
const COMPARED_MS_MIN = 3 * MINUTE_MS;
/** Of spans that are looked at one by one a longer time takes too long. */
const SPANS_MS_MAX = 3_600_000;
/** A window for what is unusual moves on by so much of its length. */
const UNUSUAL_STEPS = 3;

/** How often a rule is evaluated: whole minutes, counted from the epoch. */
export function evaluationStepMs({ watch, windowMs }: Pick<AlertRule, 'watch' | 'windowMs'>): number {
  if (watch !== 'unusual') return MINUTE_MS;
  return Math.max(MINUTE_MS, Math.floor(windowMs / UNUSUAL_STEPS / MINUTE_MS) * MINUTE_MS);
}

/** Asks the store what rules are about. Partial answers are none: what is missing may be what the rule looks for. */
export class Evaluator {
  readonly #options: EvaluatorOptions;

  constructor(options: EvaluatorOptions) {
    this.#options = options;
  }

  /**
   * Looks at the window that ends at `endMs`, a whole minute. Rejects as queries to the engine do.
   *
   * @param weight for how many requests a stored one stood before.
   */
  async evaluate(
    rule: AlertRule,
    state: AlertState,
    weight: number,
    endMs: number,
    signal: AbortSignal,
  ): Promise<Evaluation> {
    const { limit } = rule;
    if (limit === null) return this.#lookForUnusual(rule, state, endMs, signal);
    const limited = { ...rule, limit };
    const reading = await this.#judge(rule, limited, endMs - rule.windowMs, endMs, weight, signal);
    // Where requests are minutes apart, each second window has none.
    const isOpen = reading.verdict !== 'beyond' && reading.verdict !== 'within';
    const fromMs = state.status === 'firing' && isOpen ? this.#grownFromMs(rule, state, endMs) : null;
    const own = { ...reading, windowMs: rule.windowMs, findings: NO_FINDINGS };
    if (fromMs === null) return own;
    // All that came since the last window that passed the limit: of few requests an hour is not enough.
    const grown = await this.#judge(rule, limited, fromMs, endMs, weight, signal);
    return grown.verdict === 'within' ? { ...grown, windowMs: endMs - fromMs, findings: NO_FINDINGS } : own;
  }

  /** What people want to know when the rule fires. Never rejects: a message without it is better than none. */
  async find(
    rule: AlertRule,
    { beganMs }: { readonly beganMs: number },
    endMs: number,
    known: AlertFindings,
    signal: AbortSignal,
  ): Promise<AlertFindings> {
    const compared = rule.limit === null ? known : await this.#suspectOf(beganMs, endMs, signal).catch(() => known);
    const traceId =
      compared.example?.traceId ?? (await this.#exampleOf(rule, beganMs, endMs, signal).catch(() => null));
    if (traceId === null) return compared;
    const context = { ...this.#options.query, signal };
    const headlines = await this.#options.headlines
      .compute(context, [traceId])
      .catch((): Record<string, string> => ({}));
    return { ...compared, example: { traceId, headline: headlines[traceId] ?? `trace ${traceId}` } };
  }

  /** Null where the window itself is as long. */
  #grownFromMs({ windowMs, of }: AlertRule, { beyondMs }: AlertState, endMs: number): number | null {
    const isBySpans = of.kind !== null || of.attributes.length > 0;
    const longestMs = isBySpans ? Math.min(this.#options.resolveWindowMs, SPANS_MS_MAX) : this.#options.resolveWindowMs;
    const fromMs = Math.max(beyondMs ?? 0, endMs - longestMs);
    return fromMs < endMs - windowMs ? Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS : null;
  }

  async #judge(
    { of }: AlertRule,
    limited: LimitedRule,
    fromMs: number,
    toMs: number,
    weight: number,
    signal: AbortSignal,
  ): Promise<Reading> {
    const minutes = { fromSecond: fromMs / 1_000, toSecond: toMs / 1_000 };
    const selection = {
      service: of.service ?? '',
      operation: of.operation,
      kind: of.kind === null ? null : KINDS[of.kind],
      tags: of.attributes,
    };
    const { query, countedUntil } = this.#options;
    const sample: RequestSample = await sampleRequests({ ...query, signal }, selection, minutes, countedUntil());
    return judge(limited, sample, (toMs - fromMs) / 1_000, weight);
  }

  async #lookForUnusual(rule: AlertRule, state: AlertState, endMs: number, signal: AbortSignal): Promise<Evaluation> {
    const { of, windowMs, baselineMs, noData } = rule;
    const fromMs = endMs - windowMs;
    // An incident that goes on must not become what is usual, unless it lasts: the time before it is forgotten one day.
    const beganMs = state.incident?.beganMs ?? (state.status === 'pending' ? state.sinceMs - windowMs : fromMs);
    const normalMs = Math.max(Math.min(beganMs, fromMs), fromMs - baselineMs);
    const { explanation } = await this.#options.windows.compare(
      { ...this.#options.query, signal },
      windowOf(normalMs - baselineMs, normalMs),
      windowOf(fromMs, endMs),
    );
    const { conclusion, suspects, incident } = explanation;
    const [suspect] = suspects;
    const isMeant = suspect !== undefined && (of.service === null || suspect.service === of.service);
    const isFound = conclusion === 'found' && isMeant;
    // It is unusual as well, and another one is likelier to be the cause: it neither fires nor is over.
    const isAmongThem = conclusion === 'found' && suspects.some(({ service }) => service === of.service);
    const verdict: Verdict =
      incident.readTraceCount === 0
        ? ({ keep: 'none', fire: 'beyond', resolve: 'within' } as const)[noData ?? 'keep']
        : incident.readTraceCount < rule.minRequests
          ? 'few'
          : isFound
            ? 'beyond'
            : isAmongThem || conclusion === 'not-enough-evidence'
              ? 'undecided'
              : 'within';
    return {
      verdict,
      value: isFound ? suspect.score : null,
      interval: null,
      requests: incident.readTraceCount,
      weight: 1,
      windowMs,
      findings: isFound ? findingsOf(suspect) : NO_FINDINGS,
    };
  }

  async #suspectOf(beganMs: number, endMs: number, signal: AbortSignal): Promise<AlertFindings> {
    const fromMs = Math.min(beganMs, endMs - COMPARED_MS_MIN);
    const { explanation } = await this.#options.windows.compare(
      { ...this.#options.query, signal },
      windowOf(fromMs - DAY_MS, fromMs),
      windowOf(fromMs, endMs),
    );
    const [suspect] = explanation.suspects;
    return explanation.conclusion === 'found' && suspect !== undefined
      ? { ...findingsOf(suspect), example: null }
      : NO_FINDINGS;
  }

  /** The newest trace that is one of those that the rule is about; null where none is found. */
  async #exampleOf(rule: AlertRule, fromMs: number, toMs: number, signal: AbortSignal): Promise<string | null> {
    const { of, watch, limit } = rule;
    if (of.service === null) return null;
    const isAbove = limit?.direction === 'above';
    const { traces } = await searchTraces(
      { ...this.#options.query, signal },
      {
        filter: {
          service: of.service,
          operation: of.operation,
          status: watch === 'errors' && isAbove ? 'error' : null,
          tags: of.attributes,
        },
        range: windowOf(fromMs, toMs),
        minDurationNs: watch === 'latency' && isAbove ? BigInt(Math.round(limit.value)) : null,
        maxDurationNs: null,
        limit: 1,
        after: null,
      },
    );
    return traces[0]?.traceId ?? null;
  }
}

type Suspect = Awaited<ReturnType<WindowComparer['compare']>>['explanation']['suspects'][number];

function findingsOf({ service, operation, kind, text, evidence }: Suspect): AlertFindings {
  const traceId = evidence[0]?.traceIds[0];
  return {
    suspect: { service, operation, kind, text },
    example: traceId === undefined ? null : { traceId, headline: '' },
  };
}

function windowOf(fromMs: number, toMs: number): { readonly fromUnixNano: bigint; readonly toUnixNano: bigint } {
  return { fromUnixNano: BigInt(Math.max(0, fromMs)) * 1_000_000n, toUnixNano: BigInt(toMs) * 1_000_000n };
}

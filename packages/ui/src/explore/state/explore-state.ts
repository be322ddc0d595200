import { parseTag, uiPath, writeTag, type Tag } from '@throughline/trace/client';
import { parseDurationText, writeDurationText } from '../../time/duration-text.ts';
import { defaultTimeRange, isLastRange, type TimeRange } from './time-range.ts';

export type StatusFilter = 'error' | 'ok' | 'unset';

/** Everything that decides what the search shows; it lives in the URL and nowhere else. */
export interface ExploreState {
  readonly service: string | null;
  readonly operation: string | null;
  readonly status: StatusFilter | null;
  readonly minDurationNs: number | null;
  readonly maxDurationNs: number | null;
  readonly attributes: readonly Tag[];
  readonly time: TimeRange;
}

export const emptyExploreState: ExploreState = {
  service: null,
  operation: null,
  status: null,
  minDurationNs: null,
  maxDurationNs: null,
  attributes: [],
  time: defaultTimeRange,
};

/** Of a filter in an address. The collector takes some filters of this length at once, headers included. */
const ASKED_CHARACTERS_MAX = 16_384;

/** Whether a filter is short enough for a query. */
export function canBeAsked(tag: Tag): boolean {
  return new URLSearchParams({ tag: writeTag(tag) }).toString().length <= ASKED_CHARACTERS_MAX;
}

/** Reads a tag that somebody typed: one without a key is a slip. Null without a key or without `=`. */
export function parseAttributeFilter(text: string): Tag | null {
  const tag = parseTag(text);
  return tag === null || tag.key === '' ? null : tag;
}

/** Reads a query string; what it does not understand falls back to the empty state's value. */
export function readExploreState(search: string): ExploreState {
  const params = new URLSearchParams(search);
  const status = params.get('status');
  return {
    service: params.get('service') || null,
    // The empty name is one; a parameter that is not there is none.
    operation: params.get('operation'),
    status: status === 'error' || status === 'ok' || status === 'unset' ? status : null,
    minDurationNs: parseDurationText(params.get('min') ?? ''),
    maxDurationNs: parseDurationText(params.get('max') ?? ''),
    attributes: params.getAll('tag').flatMap((text) => parseTag(text) ?? []),
    time: readTimeRange(params),
  };
}

/** The query string without `?`; defaults are omitted, so that the empty state is the empty string. */
export function writeExploreState(state: ExploreState): string {
  const params = new URLSearchParams();
  if (state.service !== null) params.set('service', state.service);
  if (state.operation !== null) params.set('operation', state.operation);
  if (state.status !== null) params.set('status', state.status);
  if (state.minDurationNs !== null) params.set('min', writeDurationText(state.minDurationNs));
  if (state.maxDurationNs !== null) params.set('max', writeDurationText(state.maxDurationNs));
  for (const tag of state.attributes) params.append('tag', writeTag(tag));
  writeTimeRange(state.time, params);
  return params.toString();
}

/** The path and query of the search that shows `changes` to the empty state. */
export function exploreHref(changes: Partial<ExploreState>): string {
  return uiPath('explore', { search: writeExploreState({ ...emptyExploreState, ...changes }) });
}

function readTimeRange(params: URLSearchParams): TimeRange {
  const fromMs = readMoment(params.get('from'));
  const toMs = readMoment(params.get('to'));
  if (fromMs !== null && toMs !== null && fromMs <= toMs) return { kind: 'between', fromMs, toMs };
  const range = params.get('range');
  if (range === 'all') return { kind: 'all' };
  return isLastRange(range) ? { kind: 'last', range } : defaultTimeRange;
}

function writeTimeRange(time: TimeRange, params: URLSearchParams): void {
  if (time.kind === 'between') {
    params.set('from', new Date(time.fromMs).toISOString());
    params.set('to', new Date(time.toMs).toISOString());
  } else if (time.kind === 'all') {
    params.set('range', 'all');
  } else if (defaultTimeRange.kind !== 'last' || time.range !== defaultTimeRange.range) {
    params.set('range', time.range);
  }
}

function readMoment(text: string | null): number | null {
  const ms = text === null ? NaN : Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

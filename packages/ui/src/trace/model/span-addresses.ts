import type { TraceModel } from './trace-model.ts';

type NamedSpans = Pick<TraceModel, 'spanIds' | 'names' | 'services' | 'serviceIndex'>;

/**
 * What each span of a trace is called in the page's address: its id and, where several spans share it, from the second
 * on its ordinal among these in display order, such as `00f067aa0ba902b7.2`. Spans without an id are `.1`, `.2` and so
 * on.
 */
export class SpanAddresses {
  readonly #spanIds: readonly string[];
  readonly #byId = new Map<string, number | number[]>();

  constructor(spanIds: readonly string[]) {
    this.#spanIds = spanIds;
    for (const [index, id] of spanIds.entries()) {
      const known = this.#byId.get(id);
      if (known === undefined) this.#byId.set(id, index);
      else if (typeof known === 'number') this.#byId.set(id, [known, index]);
      else known.push(index);
    }
  }

  /** Null for a span that is none, such as -1. */
  addressOf(index: number): string | null {
    const id = this.#spanIds[index];
    if (id === undefined) return null;
    const ordinal = this.withId(id).indexOf(index) + 1;
    return ordinal === 1 && id !== '' ? id : `${id}.${ordinal}`;
  }

  /**
   * The span of an address; -1 where there is none. One without an ordinal, or with one that is too high, means the
   * first span with its id.
   */
  find(address: string): number {
    const match = /^(?:0x)?([0-9a-f]*)(?:\.(\d{1,9}))?$/i.exec(address.trim());
    if (match === null) return -1;
    const [, id = '', ordinal] = match;
    if (id === '' && ordinal === undefined) return -1;
    const spans = this.withId(id.toLowerCase());
    return spans[Number(ordinal ?? 1) - 1] ?? spans[0] ?? -1;
  }

  /** All spans with this id, in display order. */
  withId(id: string): readonly number[] {
    const known = this.#byId.get(id);
    if (known === undefined) return [];
    return typeof known === 'number' ? [known] : known;
  }

  /** `2 of 3 with this ID`; '' for a span that has its id for itself. */
  sharedText(index: number): string {
    const id = this.#spanIds[index] ?? '';
    const spans = id === '' ? [] : this.withId(id);
    return spans.length < 2 ? '' : `${spans.indexOf(index) + 1} of ${spans.length} with this ID`;
  }
}

/**
 * The span with this id that has this service and name, since others may share the id; else the first with the id, or
 * -1.
 */
export function findNamed(
  model: NamedSpans,
  addresses: SpanAddresses,
  { spanId, service, name }: { readonly spanId: string; readonly service: string; readonly name: string },
): number {
  const spans = addresses.withId(spanId);
  return spans.find((span) => isNamed(model, span, service, name)) ?? spans[0] ?? -1;
}

interface State {
  readonly model: NamedSpans;
  readonly addresses: SpanAddresses;
}

/**
 * Where a span is after its trace has grown; -1 where it is no more. The call that shares its id may have arrived since
 * and come before it, so that its ordinal is another one.
 */
export function followSpan(before: State, index: number, now: State): number {
  const id = before.model.spanIds[index] ?? '';
  const name = before.model.names[index] ?? '';
  const service = before.model.services[before.model.serviceIndex[index] ?? -1] ?? '';
  const alikeIn = ({ model, addresses }: State): readonly number[] =>
    addresses.withId(id).filter((span) => isNamed(model, span, service, name));
  const alike = alikeIn(now);
  return alike[alikeIn(before).indexOf(index)] ?? alike[0] ?? now.addresses.withId(id)[0] ?? -1;
}

function isNamed({ names, services, serviceIndex }: NamedSpans, span: number, service: string, name: string): boolean {
  return names[span] === name && services[serviceIndex[span] ?? -1] === service;
}

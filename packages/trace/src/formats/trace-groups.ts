import type { InstrumentationScope, Resource, Span, TracesData } from '../otlp.ts';

/** What the spans of one process have in common; the same object for all of them. */
export interface ResourceGroup {
  readonly resource: Resource | undefined;
  readonly schemaUrl?: string | undefined;
}

/** What the spans of one instrumentation scope have in common; the same object for all of them. */
export interface ScopeGroup {
  readonly scope: InstrumentationScope | undefined;
  readonly schemaUrl?: string | undefined;
}

/** One trace in OTLP. */
export interface TraceOfFile {
  /** 32 hexadecimal digits in lower case. */
  readonly traceId: string;
  readonly data: TracesData;
}

/** Sorts spans by trace, resource and scope, each in the order of its first span. */
export class TraceGroups {
  readonly #traces = new Map<string, Map<ResourceGroup, Map<ScopeGroup, Span[]>>>();

  add(span: Span, resource: ResourceGroup, scope: ScopeGroup): void {
    const resources = getOrAdd(this.#traces, span.traceId, () => new Map<ResourceGroup, Map<ScopeGroup, Span[]>>());
    const scopes = getOrAdd(resources, resource, () => new Map<ScopeGroup, Span[]>());
    getOrAdd(scopes, scope, (): Span[] => []).push(span);
  }

  list(): TraceOfFile[] {
    return Array.from(this.#traces, ([traceId, resources]) => ({
      traceId,
      data: {
        resourceSpans: Array.from(resources, ([{ resource, schemaUrl }, scopes]) => ({
          ...(resource !== undefined && { resource }),
          scopeSpans: Array.from(scopes, ([ofScope, spans]) => ({
            ...(ofScope.scope !== undefined && { scope: ofScope.scope }),
            spans,
            ...(ofScope.schemaUrl && { schemaUrl: ofScope.schemaUrl }),
          })),
          ...(schemaUrl && { schemaUrl }),
        })),
      },
    }));
  }
}

/** The value of a key, made and kept where there is none yet. */
export function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

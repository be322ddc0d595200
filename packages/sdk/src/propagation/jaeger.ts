import type { BaggageEntry } from '@opentelemetry/api';
import { BAGGAGE_CHARACTERS_MAX, BAGGAGE_ENTRIES_MAX, baggageOf, TOKEN } from './baggage.ts';
import { singleHeader, type HeaderFormat } from './header-format.ts';
import { percentDecoded, percentEncoded } from './percent-encoding.ts';
import { decisionOf, remoteSpan, spanIdHex, type SamplingDecision } from './remote-span.ts';

const HEADER = 'uber-trace-id';
const BAGGAGE_PREFIX = 'uberctx-';
/** Trace id, span id, the parent's span id (unused today), flags; leading zeros may be absent. */
const FORM = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{0,16}:([0-9a-f]{1,2})$/i;
const SAMPLED = 1;
const DEBUG = 2;
const FLAGS = { sample: '1', debug: '3', drop: '0', deferred: '0' } as const;

/** Jaeger's own headers: `uber-trace-id: {trace}:{span}:{parent}:{flags}`, and `uberctx-{key}: {value}` for baggage. */
export const jaeger: HeaderFormat = {
  fields: [HEADER],
  injectSpan(span, carrier, setter) {
    const { trace } = span;
    setter.set(carrier, HEADER, `${trace.idHex}:${spanIdHex(span)}:0:${FLAGS[decisionOf(trace)]}`);
  },
  extractSpan(carrier, getter) {
    // Some clients percent-encode the colons.
    const match = FORM.exec(percentDecoded(singleHeader(carrier, getter, HEADER) ?? ''));
    if (match === null) return undefined;
    return remoteSpan(match[1] ?? '', match[2] ?? '', decisionFrom(parseInt(match[3] ?? '', 16)));
  },
  injectBaggage(baggage, carrier, setter) {
    let characters = 0;
    for (const [key, entry] of baggage.getAllEntries().slice(0, BAGGAGE_ENTRIES_MAX)) {
      if (!TOKEN.test(key) || typeof entry.value !== 'string') continue;
      const value = percentEncoded(entry.value);
      characters += key.length + value.length;
      if (characters > BAGGAGE_CHARACTERS_MAX) return;
      setter.set(carrier, BAGGAGE_PREFIX + key, value);
    }
  },
  extractBaggage(carrier, getter) {
    const entries = new Map<string, BaggageEntry>();
    let characters = 0;
    for (const name of getter.keys(carrier)) {
      if (!name.toLowerCase().startsWith(BAGGAGE_PREFIX) || name.length === BAGGAGE_PREFIX.length) continue;
      const value = getter.get(carrier, name);
      const text: unknown = Array.isArray(value) ? value[0] : value;
      if (typeof text !== 'string') continue;
      characters += name.length + text.length;
      if (characters > BAGGAGE_CHARACTERS_MAX || entries.size === BAGGAGE_ENTRIES_MAX) break;
      entries.set(name.slice(BAGGAGE_PREFIX.length), { value: percentDecoded(text) });
    }
    return baggageOf(entries);
  },
};

function decisionFrom(flags: number): SamplingDecision {
  if ((flags & DEBUG) !== 0) return 'debug';
  return (flags & SAMPLED) !== 0 ? 'sample' : 'drop';
}

import { afterAll, describe, expect, it } from 'vitest';
import { isThere } from './effects.ts';
import type { GeneratedSpan, Incident } from './incident.ts';
import { faults, kinds } from './index.ts';
import type { SimulatedIncident } from './simulate.ts';
import { simulate } from './simulate.ts';

/** Enough for every effect to show at this seed, and few enough to be fast. */
const SEED = 1;
const TRACES = 180;

function make(name: string, seed = SEED): SimulatedIncident {
  const kind = kinds.find((each) => each.name === name);
  if (!kind) throw new Error(`there is no ${name}`);
  return simulate(kind, seed, { tracesPerWindow: TRACES });
}

function spansOf(name: string, seed = SEED): readonly GeneratedSpan[] {
  return make(name, seed).incident.spans;
}

/** Of several systems. */
function quietSpans(): GeneratedSpan[] {
  return [1, 2, 3, 4, 5, 6, 7].flatMap((seed) => spansOf('nothing', seed));
}

const names = kinds.map(({ name }) => name);

/** The names that a span may be blamed under: its service, and whom it asks. */
function namesOf(spans: readonly GeneratedSpan[]): Set<string> {
  return new Set(
    spans.flatMap(({ service, attributes }) => [service, String(attributes['server.address'] ?? service)]),
  );
}

function isInIncident({ incident }: Incident): (span: GeneratedSpan) => boolean {
  return ({ startUnixNano }) => startUnixNano >= incident.fromUnixNano;
}

describe('the library', () => {
  it('has sixty kinds and more, each with a name of its own', () => {
    expect(faults.length).toBeGreaterThanOrEqual(60);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has faults, pairs of faults, and what is none', () => {
    const groups = new Set(faults.map(({ group }) => group));
    expect([...groups].toSorted()).toEqual(
      [
        'attribute',
        'cache',
        'configuration',
        'database',
        'deploy',
        'errors',
        'instance',
        'lost-calls',
        'network',
        'no-fault',
        'overload',
        'queue',
        'silent-peer',
        'two-at-once',
      ].toSorted(),
    );
  });

  it('varies the system, the place and the size with the seed', () => {
    const kind = faults.find(({ name }) => name === 'slow-statement-x10');
    const made = Array.from({ length: 14 }, (_, seed) => kind?.generate(seed, { tracesPerWindow: 20 }));
    expect(new Set(made.map((each) => each?.topology)).size).toBeGreaterThan(4);
    expect(new Set(made.map((each) => each?.truth.description)).size).toBeGreaterThan(9);
  });
});

describe.each(names)('%s', (name) => {
  let made: SimulatedIncident | undefined;

  /** Made once for these tests, and not kept for those of other kinds. */
  const incidentOf = (): SimulatedIncident => (made ??= make(name));

  afterAll(() => {
    made = undefined;
  });

  it('does to the system what it says', () => {
    const { effects, ledger } = incidentOf();
    expect(effects.length).toBeGreaterThan(0);
    const missing = effects
      .filter((effect) => !isThere(effect, ledger))
      .map((effect) => ({
        ...effect,
        normal: ledger.mean(effect.key, 'normal'),
        faulty: ledger.mean(effect.key, 'faulty'),
      }));
    expect(missing).toEqual([]);
  });

  it('names what its spans have', () => {
    const { incident } = incidentOf();
    const { truth, spans } = incident;
    const isFault = truth.conclusion === 'found';
    expect(truth.services.length > 0).toBe(isFault);
    const known = namesOf(spans);
    expect(truth.services.filter((service) => !known.has(service))).toEqual([]);
    // Of what happened in either: lost calls are in the baseline alone, those of a new version in the incident.
    const operations = new Set(spans.map((span) => span.name));
    expect(truth.operations.filter((operation) => !operations.has(operation))).toEqual([]);
    const { resource } = truth;
    if (!resource) return;
    const having = spans
      .filter(isInIncident(incident))
      .filter((span) => Object.entries(resource).every(([key, value]) => span.resource[key] === value));
    expect(having.some(({ service }) => truth.services.includes(service))).toBe(true);
  });

  it('has a normal window, and one that begins with the fault or before it', () => {
    const { baseline, incident, truth, spans } = incidentOf().incident;
    expect(baseline.fromUnixNano < baseline.toUnixNano).toBe(true);
    expect(baseline.toUnixNano <= incident.fromUnixNano).toBe(true);
    expect(truth.since >= incident.fromUnixNano && truth.since < incident.toUnixNano).toBe(true);
    const roots = spans.filter(
      ({ parentSpanId, name: operation }) => parentSpanId === '' && operation !== 'GET /healthz',
    );
    const inBaseline = roots.filter(({ startUnixNano }) => startUnixNano < incident.fromUnixNano);
    expect(inBaseline.length).toBeGreaterThan(TRACES / 3);
    expect(roots.length - inBaseline.length).toBeGreaterThan(TRACES / 6);
  });

  it('has whole traces in causal order', () => {
    const { spans } = incidentOf().incident;
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    expect(byId.size).toBe(spans.length);
    const isComplete = !name.includes('sampled-away');
    const wrong = spans.filter((span, at) => {
      const parent = byId.get(span.parentSpanId);
      const before = spans[at - 1];
      return (
        !/^[\da-f]{32}$/.test(span.traceId) ||
        !/^[\da-f]{16}$/.test(span.spanId) ||
        span.endUnixNano < span.startUnixNano ||
        (before && before.startUnixNano > span.startUnixNano) ||
        (isComplete && span.parentSpanId !== '' && !parent) ||
        (parent && parent.traceId !== span.traceId) ||
        // By the same clock.
        (parent &&
          parent.resource['service.instance.id'] === span.resource['service.instance.id'] &&
          parent.startUnixNano > span.startUnixNano &&
          !name.includes('clock'))
      );
    });
    expect(wrong.map(({ service, name: operation }) => `${service} ${operation}`)).toEqual([]);
  });
});

describe('spans', () => {
  const kind = faults.find(({ name }) => name === 'slow-instance');
  if (!kind) throw new Error('there is no slow instance');
  const options = { tracesPerWindow: 120 };

  it.each(['retry-storm', 'queue-lag', 'slower-version-beside-harmless-deploy', 'nothing'])(
    'are the same for the same seed: %s',
    (name) => {
      const again = faults.find((each) => each.name === name)?.generate(7, options);
      expect(faults.find((each) => each.name === name)?.generate(7, options)).toEqual(again);
      expect(faults.find((each) => each.name === name)?.generate(8, options).spans).not.toEqual(again?.spans);
    },
  );

  it('are where the baseline is wanted', () => {
    const { baseline, spans } = kind.generate(3, { ...options, fromUnixNano: 1_700_000_000_000_000_000n });
    expect(baseline.fromUnixNano).toBe(1_700_000_000_000_000_000n);
    // Clocks of hosts are off by some milliseconds.
    expect(Number((spans[0]?.startUnixNano ?? 0n) - baseline.fromUnixNano)).toBeGreaterThan(-1e9);
  });

  it('have names, times and instances alone if they are plain', () => {
    const full = kind.generate(3, options);
    const plain = kind.generate(3, { ...options, plain: true });
    expect(
      plain.spans.map(({ spanId, startUnixNano, endUnixNano }) => ({ spanId, startUnixNano, endUnixNano })),
    ).toEqual(full.spans.map(({ spanId, startUnixNano, endUnixNano }) => ({ spanId, startUnixNano, endUnixNano })));
    for (const span of plain.spans) {
      expect(span).toMatchObject({ kind: 0, statusCode: 0, statusMessage: '', attributes: {}, events: [], links: [] });
      expect(Object.keys(span.resource)).toEqual(['service.name', 'service.instance.id']);
    }
  });

  it('are whole traces of the given share if they are sampled', () => {
    const full = kind.generate(3, { tracesPerWindow: 600 });
    const sampled = kind.generate(3, { tracesPerWindow: 600, sampling: 0.25 });
    const kept = new Set(sampled.spans.map(({ traceId }) => traceId));
    const all = new Set(full.spans.map(({ traceId }) => traceId));
    expect(kept.size / all.size).toBeGreaterThan(0.2);
    expect(kept.size / all.size).toBeLessThan(0.3);
    expect(sampled.spans.map(({ spanId }) => spanId)).toEqual(
      full.spans.filter(({ traceId }) => kept.has(traceId)).map(({ spanId }) => spanId),
    );
    // The threshold is three quarters of all ids, and every kept id is not below it.
    expect(new Set(sampled.spans.map(({ traceState }) => traceState))).toEqual(new Set(['ot=th:c']));
    expect([...kept].every((traceId) => traceId.slice(18) >= 'c')).toBe(true);
    expect(new Set(full.spans.map(({ traceState }) => traceState))).toEqual(new Set(['']));
  });

  it.each([
    ['a probability of 0', { sampling: 0 }],
    ['a probability above 1', { sampling: 1.5 }],
    ['no traces', { tracesPerWindow: 0 }],
  ])('are refused for %s', (_, wrong) => {
    expect(() => kind.generate(1, wrong)).toThrow(RangeError);
  });
});

describe('what happens', () => {
  it('goes on in a service after its caller has given up', () => {
    const spans = spansOf('timeouts-with-work-going-on');
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const goingOn = spans.filter((span) => {
      const caller = byId.get(span.parentSpanId);
      return span.kind === 2 && caller?.kind === 3 && caller.statusCode === 2 && caller.endUnixNano < span.endUnixNano;
    });
    expect(goingOn.length).toBeGreaterThan(5);
  });

  it('happens again if it timed out, where callers retry', () => {
    const { incident } = make('retry-storm');
    const attempts = (isMeant: (span: GeneratedSpan) => boolean): number => {
      const calls = new Map<string, number>();
      for (const span of incident.spans.filter(isMeant)) {
        if (!incident.truth.services.includes(span.service) || span.kind !== 2) continue;
        calls.set(span.traceId, (calls.get(span.traceId) ?? 0) + 1);
      }
      return Math.max(...calls.values());
    };
    const isLate = isInIncident(incident);
    expect(attempts(isLate)).toBeGreaterThan(attempts((span) => !isLate(span)));
  });

  it('happens for a message in a trace of its own, or in that of the sender', () => {
    const consumers = quietSpans().filter(({ kind }) => kind === 5);
    const linked = consumers.filter(({ links }) => links.length > 0);
    expect(
      linked.every(({ parentSpanId, links, traceId }) => parentSpanId === '' && links[0]?.traceId !== traceId),
    ).toBe(true);
    const inSame = consumers.filter(({ links }) => links.length === 0);
    expect(inSame.every(({ parentSpanId }) => parentSpanId !== '')).toBe(true);
    expect(Math.min(linked.length, inSame.length)).toBeGreaterThan(20);
  });

  it('fails now and then while all is well', () => {
    const spans = spansOf('nothing');
    const errors = spans.filter(({ statusCode }) => statusCode === 2).length;
    expect(errors).toBeGreaterThan(0);
    expect(errors).toBeLessThan(spans.length / 50);
  });

  it('is not all seen: some services have no client spans', () => {
    const spans = quietSpans();
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const withoutClient = spans.filter((span) => span.kind === 2 && byId.get(span.parentSpanId)?.kind === 2);
    expect(withoutClient.length).toBeGreaterThan(20);
  });

  it('shows an exception without an error where a service swallows it', () => {
    const swallowed = spansOf('exceptions-without-status').filter(
      ({ events, statusCode, attributes }) =>
        events.length > 0 && statusCode !== 2 && [200, 0].includes(statusOf(attributes)),
    );
    expect(swallowed.length).toBeGreaterThan(5);
  });
});

function statusOf(attributes: GeneratedSpan['attributes']): number {
  return Number(attributes['http.response.status_code'] ?? attributes['rpc.grpc.status_code'] ?? 200);
}

import { SpanKind } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { rules } from '../sampling/policies/rules.ts';
import { createTestTracer } from '../testing.ts';
import { SPAN_KINDS } from './span-kind.ts';

describe("a span's kind", () => {
  it('is given by its name or its number alike', () => {
    const { tracer, spans } = createTestTracer();
    for (const kind of SPAN_KINDS) {
      tracer.startSpan(kind, { kind }).end();
      tracer.startSpan(kind, { kind: SpanKind[kind.toUpperCase() as keyof typeof SpanKind] }).end();
    }
    expect(spans().every(({ name, kind }) => name === kind)).toBe(true);
    expect(spans()).toHaveLength(2 * SPAN_KINDS.length);
  });

  it('is the same for a policy, and with requests counted', () => {
    const sampling = rules([{ kind: 'server', sampling: 1 }], { otherwise: 0 });
    const { tracer, spans } = createTestTracer({
      sampling,
      requestMetrics: 'collector',
      endpoint: 'http://127.0.0.1:9',
    });
    for (const kind of SPAN_KINDS) tracer.startSpan(kind, { kind }).end();
    expect(spans().map(({ name, kind }) => [name, kind])).toEqual([['server', 'server']]);
  });
});

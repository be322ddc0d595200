import type { ResourceSpans, TracesData } from '@throughline/trace';
import { describe, expect, it } from 'vitest';
import { samplingOf, type DecidingSpan, type ReasonOf } from './trace-sampling.ts';

const TRACE_ID = '1'.repeat(32);
const nothingKnown: ReasonOf = () => null;

interface Kept {
  readonly service: string;
  readonly name: string;
  readonly th?: string;
  readonly sdk?: string;
  readonly parent?: number;
}

/** A span each, numbered from 1. */
const kept = (...spans: readonly Kept[]): TracesData => ({
  resourceSpans: spans.map(({ service, name, th, sdk = 'throughline', parent }, index): ResourceSpans => ({
    resource: {
      attributes: [
        { key: 'service.name', value: { stringValue: service } },
        { key: 'telemetry.sdk.name', value: { stringValue: sdk } },
      ],
    },
    scopeSpans: [
      {
        spans: [
          {
            traceId: TRACE_ID,
            spanId: String(index + 1).padStart(16, '0'),
            ...(parent !== undefined && { parentSpanId: String(parent).padStart(16, '0') }),
            ...(th !== undefined && { traceState: `a=1,ot=rv:00000000000001;th:${th}` }),
            name,
            kind: 2,
            startTimeUnixNano: String(1_700_000_000_000_000_000n + BigInt(index)),
            endTimeUnixNano: '1700000001000000000',
            attributes: [{ key: 'url.path', value: { stringValue: '/buy' } }],
          },
        ],
      },
    ],
  })),
});

describe('samplingOf', () => {
  it('says who decided, and who let fewer through', () => {
    const data = kept(
      { service: 'web', name: 'POST /buy', th: 'f333333333333' },
      { service: 'web', name: 'charge', th: 'f333333333333', parent: 1 },
      { service: 'shop', name: 'GET /stock', th: 'fc', parent: 2 },
    );
    expect(samplingOf(data, nothingKnown)).toEqual({
      traceId: TRACE_ID,
      estimate: 'estimated',
      weight: expect.closeTo(20, 6) as number,
      probability: expect.closeTo(0.05, 6) as number,
      decisions: [
        {
          service: 'web',
          operation: 'POST /buy',
          spanId: '0000000000000001',
          threshold: 'f333333333333',
          probability: expect.closeTo(0.05, 6) as number,
          reason: null,
          text: expect.stringMatching(/^web .*1 in 20 .*POST \/buy$/) as string,
        },
        {
          service: 'shop',
          operation: 'GET /stock',
          spanId: '0000000000000003',
          threshold: 'fc',
          probability: 0.015625,
          reason: null,
          text: expect.stringMatching(/^shop .*1 in 64 .*GET \/stock, fewer /) as string,
        },
      ],
    });
  });

  it('asks what applications are told of the operation, by what can be known of its span', () => {
    const asked: unknown[] = [];
    const reasonOf = (span: DecidingSpan) => {
      asked.push([span.service, span.name, span.kind, span.attribute('url.path'), span.attribute('none')]);
      return 'errors' as const;
    };
    const { decisions, ...whole } = samplingOf(kept({ service: 'web', name: 'POST /buy', th: '0' }), reasonOf);
    expect(asked).toEqual([['web', 'POST /buy', 1, '/buy', undefined]]);
    expect(whole).toMatchObject({ estimate: 'exact', weight: 1, probability: 1 });
    expect(decisions).toMatchObject([
      { reason: 'errors', text: expect.stringMatching(/^web .*every trace .*POST \/buy$/) as string },
    ]);
  });

  it('does not guess a weight that is not known', () => {
    const unknown = { estimate: 'biased', weight: null, probability: null };
    expect(samplingOf(kept({ service: 'web', name: 'a' }), nothingKnown)).toMatchObject({
      ...unknown,
      decisions: [
        {
          threshold: '',
          probability: null,
          text: expect.stringMatching(/^web .*trace of a without /) as string,
        },
      ],
    });
    // Other spans state a threshold: the SDK of this one could have.
    const mixed = kept(
      { service: 'old', name: 'a', sdk: 'opentelemetry' },
      { service: 'web', name: 'b', th: '8', parent: 1 },
    );
    expect(samplingOf(mixed, nothingKnown)).toMatchObject({
      ...unknown,
      decisions: [{ service: 'old' }, { service: 'web' }],
    });
  });

  it('takes it that other SDKs keep everything where nothing in the trace says otherwise', () => {
    const foreign = kept({ service: 'old', name: 'a', sdk: 'opentelemetry' });
    expect(samplingOf(foreign, nothingKnown)).toMatchObject({
      estimate: 'exact',
      weight: 1,
      decisions: [{ text: expect.stringMatching(/^old .*: a is assumed .*100%$/) as string }],
    });
  });

  it('answers the first decisions of a trace in which very many spans stand at the top', () => {
    const many = kept(...Array.from({ length: 150 }, () => ({ service: 'web', name: 'a', th: '8' })));
    expect(samplingOf(many, nothingKnown).decisions).toHaveLength(100);
  });
});

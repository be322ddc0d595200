import { SpanKind, StatusCode, type KeyValue, type Span, type TracesData } from '@throughline/trace';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const startUnixNano = 1_795_392_000_000_000_000n;

interface SpanPlan {
  readonly id: string;
  readonly parent?: string;
  readonly name: string;
  readonly kind: keyof typeof SpanKind;
  readonly fromMs: number;
  readonly toMs: number;
  readonly error?: string;
  readonly attributes?: KeyValue[];
}

const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } });

function span({ id, parent, name, kind, fromMs, toMs, error, attributes = [] }: SpanPlan): Span {
  return {
    traceId,
    spanId: id.padStart(16, '0'),
    ...(parent !== undefined && { parentSpanId: parent.padStart(16, '0') }),
    name,
    kind: SpanKind[kind],
    startTimeUnixNano: unixNano(fromMs),
    endTimeUnixNano: unixNano(toMs),
    attributes: error === undefined ? attributes : [...attributes, text('error.type', error)],
    ...(error !== undefined && { status: { code: StatusCode.error, message: 'no answer in time' } }),
  };
}

const unixNano = (ms: number): string => String(startUnixNano + BigInt(ms) * 1_000_000n);

const from = (service: string, ...spans: Span[]): TracesData['resourceSpans'][number] => ({
  resource: { attributes: [text('service.name', service)] },
  scopeSpans: [{ spans }],
});

/** payment waits 2 s for fraud, gives up and fails; the SELECT in fraud goes on for 3.2 s more. */
export function lateSelect(): TracesData {
  return {
    resourceSpans: [
      from(
        'payment',
        span({ id: '1', name: 'POST /pay', kind: 'server', fromMs: 0, toMs: 2020, error: '504' }),
        span({ id: '2', parent: '1', name: 'POST', kind: 'client', fromMs: 10, toMs: 2010, error: 'TimeoutError' }),
      ),
      from(
        'fraud',
        span({ id: '3', parent: '2', name: 'POST /check', kind: 'server', fromMs: 15, toMs: 2011 }),
        span({
          id: '4',
          parent: '3',
          name: 'SELECT cards',
          kind: 'client',
          fromMs: 20,
          toMs: 5210,
          attributes: [text('db.system.name', 'postgresql'), text('db.namespace', 'Cards')],
        }),
      ),
    ],
  };
}

import { Type, type Static } from '@sinclair/typebox';
import { count } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';

export interface ExchangeLimits {
  /** Operations of one message. */
  readonly messageOperationsMax: number;
  /** Totals of one message. */
  readonly messageTotalsMax: number;
  /** Of a service, an instance or an operation. */
  readonly nameCharactersMax: number;
}

export const EXCHANGE_VERSION = 1;
/** Of a span's kind, as the message writes it: 0 internal to 4 consumer. */
export const KIND_MAX = 4;
const STATUS_MAX = 2;
/** Scale 3 has eight buckets an octave; durations have 63 bits. */
export const BUCKET_MAX = 8 * 63 - 1;
/** Of one total: 10,000 a second for 30 years. Sums of such stay whole numbers. */
const REQUESTS_MAX = 1e13;
const WINDOW_MS_MAX = 24 * 3_600_000;

/** The message as it is sent. Members that are not known are left alone, since a newer SDK may send them. */
export function wireMessage({ messageOperationsMax, messageTotalsMax, nameCharactersMax }: ExchangeLimits) {
  const name = Type.String({ maxLength: nameCharactersMax });
  const givenName = Type.String({ minLength: 1, maxLength: nameCharactersMax });
  const exact = count({ maximum: Number.MAX_SAFE_INTEGER });
  const total = Type.Object({
    name,
    status: count({ maximum: STATUS_MAX }),
    requests: count({ maximum: REQUESTS_MAX }),
    durationSumNs: Type.Number({ minimum: 0 }),
    durations: Type.Object({
      offset: count({ maximum: BUCKET_MAX }),
      counts: Type.Array(exact, { maxItems: BUCKET_MAX + 1 }),
    }),
  });
  const operation = Type.Object({
    name,
    kind: count({ maximum: KIND_MAX }),
    recent: Type.Object({ started: exact, decided: exact, requests: exact, errors: exact }),
    totals: Type.Optional(Type.Array(total, { maxItems: messageTotalsMax })),
  });
  const message = Type.Object(
    {
      version: Type.Literal(EXCHANGE_VERSION),
      service: givenName,
      instance: givenName,
      windowMs: count({ maximum: WINDOW_MS_MAX }),
      uptimeMs: Type.Optional(exact),
      operations: Type.Array(operation, { maxItems: messageOperationsMax }),
    },
    { description: 'The request metrics of a process.' },
  );
  return named('SamplingMessage', message);
}

export type WireMessageSchema = ReturnType<typeof wireMessage>;
export type WireMessage = Static<WireMessageSchema>;

import { encodeOtlp } from '../../packages/server/src/receivers/testing/encode-otlp.ts';
import { SERVICE, traceIdOfRequest } from './span-ledger.ts';

/** Stands in the bytes where the number does. */
const MARK = 0xa5c3_96e1;

/**
 * A request in protobuf that is made another one in place: every span's ids say the number of the request and which of
 * its spans it is, as `SpanLedger` wants them. Encoding anew would cost the sender more than the collector.
 */
export class NumberedRequest {
  readonly bytes: Buffer;
  readonly #places: number[] = [];

  constructor(spans: number) {
    const nowNs = `${Date.now()}000000`;
    const mark = MARK.toString(16);
    this.bytes = encodeOtlp({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: SERVICE } }] },
          scopeSpans: [
            {
              scope: { name: 'ledger' },
              spans: Array.from({ length: spans }, (_, index) => ({
                traceId: traceIdOfRequest(MARK),
                spanId: mark + (index + 1).toString(16).padStart(8, '0'),
                name: 'operation',
                kind: 2,
                startTimeUnixNano: nowNs,
                endTimeUnixNano: nowNs,
                attributes: [
                  { key: 'http.request.method', value: { stringValue: 'GET' } },
                  { key: 'url.path', value: { stringValue: `/api/v1/items/${index}` } },
                  { key: 'http.response.status_code', value: { intValue: '200' } },
                  { key: 'user_agent.original', value: { stringValue: 'ShopClient/7.0 (Linux; x86_64) Node/20' } },
                ],
              })),
            },
          ],
        },
      ],
    });
    const wanted = Buffer.from(mark, 'hex');
    for (let at = this.bytes.indexOf(wanted); at >= 0; at = this.bytes.indexOf(wanted, at + 4)) this.#places.push(at);
    if (this.#places.length !== spans * 2) throw new Error('the mark stands elsewhere as well');
  }

  /** `number`: 32 bits. */
  stamp(number: number): void {
    for (const at of this.#places) this.bytes.writeUInt32BE(number, at);
  }
}

import { singleHeader, type HeaderFormat } from './header-format.ts';
import { decisionOf, remoteSpan, spanIdHex, type SamplingDecision } from './remote-span.ts';

const HEADER = 'x-amzn-trace-id';
/** Version 1, the trace's first second as 32 bits, and 96 bits more. */
const ROOT = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/;
const PARENT = /^[0-9a-f]{16}$/;
const SAMPLED = { sample: '1', debug: '1', drop: '0', deferred: '?' } as const;

/**
 * AWS X-Ray: `Root=1-{8 hex}-{24 hex};Parent={span id};Sampled={1, 0 or ?}`, in any order; `Self`, `Lineage` and what
 * else a load balancer adds is passed over. A header without a parent names no span, and is not followed.
 */
export const xray: HeaderFormat = {
  fields: [HEADER],
  injectSpan(span, carrier, setter) {
    const { idHex } = span.trace;
    const root = `1-${idHex.slice(0, 8)}-${idHex.slice(8)}`;
    setter.set(carrier, HEADER, `Root=${root};Parent=${spanIdHex(span)};Sampled=${SAMPLED[decisionOf(span.trace)]}`);
  },
  extractSpan(carrier, getter) {
    const header = singleHeader(carrier, getter, HEADER);
    if (header === undefined) return undefined;
    const fields = new Map<string, string>();
    for (const field of header.split(';')) {
      const equals = field.indexOf('=');
      if (equals > 0) fields.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim());
    }
    const root = ROOT.exec(fields.get('root') ?? '');
    const parent = fields.get('parent') ?? '';
    if (root === null || !PARENT.test(parent)) return undefined;
    return remoteSpan(`${root[1]}${root[2]}`, parent, decisionFrom(fields.get('sampled')));
  },
};

function decisionFrom(sampled: string | undefined): SamplingDecision {
  if (sampled === '1') return 'sample';
  return sampled === '0' ? 'drop' : 'deferred';
}

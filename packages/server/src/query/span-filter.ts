import { StatusCode } from '@throughline/trace';
import { ATTRIBUTE_HASHES } from '../storage/schema.ts';
import { sqlString } from '../storage/sql.ts';

type SpanStatus = 'error' | 'ok' | 'unset';

export interface Tag {
  readonly key: string;
  /** Compared with the attribute's text: `true`, `42`, `0.5`, or the string itself; of an array with that of each element. */
  readonly value: string;
}

/** All of it holds for one and the same span. */
export interface SpanFilter {
  readonly service: string | null;
  readonly operation: string | null;
  readonly status: SpanStatus | null;
  /** Each is an attribute of the span, of its resource, of its scope or of one of its events. */
  readonly tags: readonly Tag[];
}

export function matchesAll(filter: SpanFilter): boolean {
  return filter.tags.length === 0 && fieldConditions(filter).length === 0;
}

/** The conditions on small columns; none when the filter has none. */
export function fieldConditions({ service, operation, status }: SpanFilter): string[] {
  return [
    ...(service === null ? [] : [`service = ${sqlString(service)}`]),
    ...(operation === null ? [] : [`name = ${sqlString(operation)}`]),
    ...(status === null ? [] : [`status_code = ${StatusCode[status]}`]),
  ];
}

/** Whose attributes are looked at: a span's own, its resource's, its scope's, and those of its events. */
const PREFIXES = ['attrs', 'res', 'scope', 'ev'] as const;

type Prefix = (typeof PREFIXES)[number];

/** Lets the index of all attributes leave granules out; it is never computed. */
export function attributeHint({ key, value }: Tag): string {
  return `indexHint(has(${ATTRIBUTE_HASHES}, cityHash64(${sqlString(key)}, ${sqlString(value)})))`;
}

/** The conditions on attributes, which are the bulk of a span. */
export function tagConditions({ tags }: Pick<SpanFilter, 'tags'>): string[] {
  return tags.map((tag) => `(${PREFIXES.map((prefix) => hasAttribute(prefix, tag)).join(' OR ')})`);
}

function hasAttribute(prefix: Prefix, { key, value }: Tag): string {
  const [k, v] = [sqlString(key), sqlString(value)];
  const whole = `arrayExists((k, v) -> k = ${k} AND v = ${v}, ${prefix}_k, ${prefix}_v)`;
  if (prefix !== 'attrs') return whole;
  return `${whole} OR has(attrs_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = ${k} AND (${elements('v', value)}), attrs_k, attrs_v, attrs_t)`;
}

/** Whether the OTLP JSON of an array has an element with this text. */
function elements(array: string, value: string): string {
  const texts = [
    `{"stringValue":${JSON.stringify(value)}}`,
    ...(/^-?\d+$/.test(value) ? [`{"intValue":"${value}"}`] : []),
    ...(/^(?:true|false)$/.test(value) ? [`{"boolValue":${value}}`] : []),
    ...(/^-?[\d.]+(?:e[+-]?\d+)?$/.test(value) ? [`{"doubleValue":${value}}`] : []),
  ];
  return texts.map((text) => `position(${array}, ${sqlString(text)}) > 0`).join(' OR ');
}

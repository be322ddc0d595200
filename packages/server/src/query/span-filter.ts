import { StatusCode } from '@throughline/trace';
import { sqlString } from '../storage/sql.ts';

type SpanStatus = 'error' | 'ok' | 'unset';

interface Tag {
  readonly key: string;
  /** Compared with the attribute's text: `true`, `42`, `0.5`, or the string itself. */
  readonly value: string;
}

/** All of it holds for one and the same span. */
export interface SpanFilter {
  readonly service: string | null;
  readonly operation: string | null;
  readonly status: SpanStatus | null;
  /** Each is an attribute of the span or of its resource. */
  readonly tags: readonly Tag[];
}

/** The conditions on small columns; none when the filter has none. */
export function fieldConditions({ service, operation, status }: SpanFilter): string[] {
  return [
    ...(service === null ? [] : [`service = ${sqlString(service)}`]),
    ...(operation === null ? [] : [`name = ${sqlString(operation)}`]),
    ...(status === null ? [] : [`status_code = ${StatusCode[status]}`]),
  ];
}

/** The conditions on attributes, which are the bulk of a span. */
export function tagConditions({ tags }: SpanFilter): string[] {
  return tags.map((tag) => `(${hasAttribute('attrs', tag)} OR ${hasAttribute('res', tag)})`);
}

/** `has` alone is what the bloom filters on the values answer; it skips most granules before keys are compared. */
function hasAttribute(prefix: 'attrs' | 'res', { key, value }: Tag): string {
  const [k, v] = [sqlString(key), sqlString(value)];
  return `has(${prefix}_v, ${v}) AND arrayExists((k, v) -> k = ${k} AND v = ${v}, ${prefix}_k, ${prefix}_v)`;
}

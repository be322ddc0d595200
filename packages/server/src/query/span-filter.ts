import { StatusCode } from '@throughline/trace';
import { sqlString } from '../storage/sql.ts';

type SpanStatus = 'error' | 'ok' | 'unset';

export interface Tag {
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

/** The conditions on attributes, which are the bulk of a span. */
export function tagConditions({ tags }: Pick<SpanFilter, 'tags'>): string[] {
  return tags.map((tag) => `(${(['attrs', 'res'] as const).map((prefix) => whole(prefix, tag)).join(' OR ')})`);
}

/** `has` alone is what the bloom filters on the values answer; it skips most granules before keys are compared. */
function whole(prefix: Prefix, tag: Tag): string {
  return `${hasValue(prefix, tag)} AND ${hasAttribute(prefix, tag)}`;
}

/** Attributes of the span, or of its resource. */
type Prefix = 'attrs' | 'res';

export function hasValue(prefix: Prefix, { value }: Tag): string {
  return `has(${prefix}_v, ${sqlString(value)})`;
}

export function hasAttribute(prefix: Prefix, { key, value }: Tag): string {
  return `arrayExists((k, v) -> k = ${sqlString(key)} AND v = ${sqlString(value)}, ${prefix}_k, ${prefix}_v)`;
}

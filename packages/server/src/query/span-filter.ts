import { StatusCode } from '@throughline/trace';
import { ATTRIBUTE_HASHES, SEARCHED_ATTRIBUTES } from '../storage/schema.ts';
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

/** Lets the index of all attributes leave granules out; it is never computed. */
export function attributeHint({ key, value }: Tag): string {
  const written = JSON.stringify(value).slice(1, -1);
  const texts = written === value ? [value] : [value, written];
  const each = texts.map((text) => `has(${ATTRIBUTE_HASHES}, cityHash64(${sqlString(key)}, ${sqlString(text)}))`);
  return `indexHint(${each.join(' OR ')})`;
}

/** The conditions on attributes, which are the bulk of a span. */
export function tagConditions({ tags }: Pick<SpanFilter, 'tags'>): string[] {
  return tags.map((tag) => `(${SEARCHED_ATTRIBUTES.map((of) => hasAttribute(of, tag)).join(' OR ')})`);
}

function hasAttribute(of: (typeof SEARCHED_ATTRIBUTES)[number], { key, value }: Tag): string {
  const [k, v] = [sqlString(key), sqlString(value)];
  return `arrayExists((k, v) -> k = ${k} AND v = ${v}, ${of}_k, ${of}_v) OR has(${of}_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = ${k} AND (${hasElement('v', value)}), ${of}_k, ${of}_v, ${of}_t)`;
}

/**
 * Whether an array has an element with this text, by the OTLP JSON of it that we write ourselves: that of an element has a `{"`, which no
 * text has there, and what is deeper than the array's own elements stands behind more brackets that are open.
 */
function hasElement(array: string, value: string): string {
  const elements = [
    `{"stringValue":${JSON.stringify(value)}}`,
    ...(/^-?\d+$/.test(value) ? [`{"intValue":"${value}"}`] : []),
    ...(/^(?:true|false)$/.test(value) ? [`{"boolValue":${value}}`] : []),
    ...(/^-?[\d.]+(?:e[+-]?\d+)?$/.test(value) ? [`{"doubleValue":${value}}`] : []),
    ...(/^(?:NaN|-?Infinity|-0)$/.test(value) ? [`{"doubleValue":"${value}"}`] : []),
  ];
  return elements.map((element) => stands(sqlString(element), array)).join(' OR ');
}

function stands(element: string, array: string): string {
  const bare = String.raw`replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', '')`;
  const opened = `length(replaceAll(${bare}, ']', '')) - length(replaceAll(${bare}, '[', ''))`;
  return `position(${array}, ${element}) > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> ${opened}, splitByString(${element}, CAST(${array} AS String))))), 1)`;
}

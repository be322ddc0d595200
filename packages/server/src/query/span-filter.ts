import { StatusCode } from '@throughline/trace';
import { ATTRIBUTE_HASHES, SEARCHED_ATTRIBUTES } from '../storage/schema.ts';
import { sqlString } from '../storage/sql.ts';

type SpanStatus = 'error' | 'ok' | 'unset';

export interface Tag {
  readonly key: string;
  /**
   * Compared with the attribute's text: `true`, `42`, `0.5`, or the string itself; of an array with that of each
   * element.
   */
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

/** Lets the index of all attributes skip granules; it is never computed. */
export function attributeHint({ key, value }: Tag): string {
  const written = writtenInJson(value);
  const texts = written === value ? [value] : [value, written];
  const each = texts.map((text) => `has(${ATTRIBUTE_HASHES}, cityHash64(${sqlString(key)}, ${sqlString(text)}))`);
  return `indexHint(${each.join(' OR ')})`;
}

/**
 * The conditions on attributes, which are the bulk of a span. `hasHashes`: the table has hashes of the elements of
 * arrays.
 */
export function tagConditions({ tags }: Pick<SpanFilter, 'tags'>, hasHashes: boolean): string[] {
  return tags.map(
    (tag) => `(${isAttribute(tag)} OR ${hasHashes ? elementHash(tag) : HAS_ARRAY} AND ${isElement(tag)})`,
  );
}

/**
 * The same for a table with hashes, but what is deeper in an array counts as an element: to analyse what tells these
 * apart takes the engine longer than to look at a hundred thousand spans. `doubtful` is 1 where that may have made a
 * difference.
 */
export function looseTagConditions({ tags }: Pick<SpanFilter, 'tags'>): { conditions: string[]; doubtful: string } {
  return {
    conditions: tags.map((tag) => `(${isAttribute(tag)} OR ${elementHash(tag)})`),
    doubtful: tags.length === 0 ? '0' : `NOT (${tags.map((tag) => `(${isAttribute(tag)})`).join(' AND ')})`,
  };
}

function isAttribute({ key, value }: Tag): string {
  const each = SEARCHED_ATTRIBUTES.map(
    (of) => `arrayExists((k, v) -> k = ${sqlString(key)} AND v = ${sqlString(value)}, ${of}_k, ${of}_v)`,
  );
  return each.join(' OR ');
}

function elementHash({ key, value }: Tag): string {
  return `has(element_hashes, cityHash64(${sqlString(key)}, ${sqlString(writtenInJson(value))}))`;
}

const HAS_ARRAY = `(${SEARCHED_ATTRIBUTES.map((of) => `has(${of}_t, 6)`).join(' OR ')})`;

const ALL_KEYS = `arrayConcat(${SEARCHED_ATTRIBUTES.map((of) => `CAST(${of}_k AS Array(String))`).join(', ')})`;
const ALL_VALUES = `arrayConcat(${SEARCHED_ATTRIBUTES.map((of) => `CAST(${of}_v AS Array(String))`).join(', ')})`;
const ALL_TYPES = `arrayConcat(${SEARCHED_ATTRIBUTES.map((of) => `${of}_t`).join(', ')})`;

/** Of all arrays at once, which is analysed in less time. */
function isElement({ key, value }: Tag): string {
  return `arrayExists((k, v, t) -> t = 6 AND k = ${sqlString(key)} AND (${hasElement('v', value)}), ${ALL_KEYS}, ${ALL_VALUES}, ${ALL_TYPES})`;
}

function writtenInJson(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/**
 * Whether an array has an element with this text, by the OTLP JSON of it that we write ourselves: that of an element
 * has a `{"`, which no text has there, and what is deeper than the array's own elements follows more brackets that are
 * open.
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
  return `position(${array}, ${element}) > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> ${opened}, splitByString(${element}, ${array})))), 1)`;
}

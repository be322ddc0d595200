import { attributeText, type AnyValue } from '@throughline/trace';
import { canBeAsked } from '../../explore/state/explore-state.ts';

export type ValueType = 'string' | 'boolean' | 'integer' | 'double' | 'bytes' | 'array' | 'map' | 'empty';

export function valueType(value: AnyValue): ValueType {
  if (value.stringValue !== undefined) return 'string';
  if (value.boolValue !== undefined) return 'boolean';
  if (value.intValue !== undefined) return 'integer';
  if (value.doubleValue !== undefined) return 'double';
  if (value.bytesValue !== undefined) return 'bytes';
  if (value.arrayValue !== undefined) return 'array';
  if (value.kvlistValue !== undefined) return 'map';
  return 'empty';
}

/** What the panel shows. A text that only looks like another type is distinguished by its type's mark beside it. */
export function valueText(value: AnyValue): string {
  return valueType(value) === 'empty' ? '(empty)' : attributeText(value);
}

/** Whether the search can find it: values that people compare, as far as an address goes. */
export function isSearchable(key: string, value: AnyValue): boolean {
  const type = valueType(value);
  return (
    (type === 'string' || type === 'boolean' || type === 'integer' || type === 'double') &&
    canBeAsked({ key, value: valueText(value) })
  );
}

import { describe, expect, test } from 'vitest';
import { attributeText, findAttribute } from './attributes.ts';
import type { AnyValue } from './otlp.ts';

describe('attributeText', () => {
  test.each<[AnyValue | undefined, string]>([
    [{ stringValue: 'card declined' }, 'card declined'],
    [{ stringValue: '' }, ''],
    [{ boolValue: false }, 'false'],
    [{ intValue: '9223372036854775807' }, '9223372036854775807'],
    [{ intValue: '-7' }, '-7'],
    [{ doubleValue: 0.1 }, '0.1'],
    [{ doubleValue: 'NaN' }, 'NaN'],
    [{ bytesValue: 'AAEC' }, 'AAEC'],
    [{}, ''],
    [undefined, ''],
    [{ arrayValue: {} }, '[]'],
    [{ arrayValue: { values: [{ intValue: '1' }, { stringValue: 'a' }, {}] } }, '[1,"a",null]'],
    [{ kvlistValue: { values: [{ key: 'a', value: { boolValue: true } }] } }, '{"a":true}'],
  ])('shows %j as %s', (value, text) => {
    expect(attributeText(value)).toBe(text);
  });

  test('keeps every digit of an integer inside of a list', () => {
    expect(attributeText({ arrayValue: { values: [{ intValue: '9007199254740993' }] } })).toBe('["9007199254740993"]');
  });

  test('takes a key named __proto__ as any other', () => {
    const value: AnyValue = { kvlistValue: { values: [{ key: '__proto__', value: { intValue: '1' } }] } };
    expect(attributeText(value)).toBe('{"__proto__":1}');
  });

  test('survives a value nested a hundred thousand times', () => {
    let value: AnyValue = { stringValue: 'deep' };
    for (let depth = 0; depth < 100_000; depth++) value = { arrayValue: { values: [value] } };
    expect(attributeText(value)).toContain('…');
  });
});

test('findAttribute answers the first attribute with the key, and undefined for none', () => {
  const attributes = [
    { key: 'a', value: { intValue: '1' } },
    { key: 'a', value: { intValue: '2' } },
  ];
  expect(findAttribute(attributes, 'a')).toEqual({ intValue: '1' });
  expect(findAttribute(attributes, 'b')).toBeUndefined();
  expect(findAttribute(undefined, 'a')).toBeUndefined();
});

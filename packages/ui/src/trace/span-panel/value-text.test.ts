import { describe, expect, it } from 'vitest';
import { isSearchable, valueText, valueType } from './value-text.ts';

describe('an attribute value in the panel', () => {
  it('has its OTLP type', () => {
    expect(valueType({ stringValue: '5' })).toBe('string');
    expect(valueType({ intValue: '5' })).toBe('integer');
    expect(valueType({ boolValue: false })).toBe('boolean');
    expect(valueType({ arrayValue: { values: [] } })).toBe('array');
    expect(valueType({})).toBe('empty');
  });

  it('shows what is empty as such', () => {
    expect(valueText({})).toBe('(empty)');
    expect(valueText({ intValue: '9007199254740993' })).toBe('9007199254740993');
  });

  it('can be searched for where a URL can name it', () => {
    expect(isSearchable('http.route', { stringValue: '/pay' })).toBe(true);
    expect(isSearchable('a=b', { stringValue: 'x' })).toBe(true);
    expect(isSearchable('list', { arrayValue: {} })).toBe(false);
    expect(isSearchable('db.query.text', { stringValue: 'x'.repeat(16_000) })).toBe(true);
    expect(isSearchable('db.query.text', { stringValue: 'x'.repeat(17_000) })).toBe(false);
    // Each takes nine characters in an address.
    expect(isSearchable('db.query.text', { stringValue: '中'.repeat(2_000) })).toBe(false);
  });
});

import { expect, it } from 'vitest';
import { eventOffset } from './event-offset.ts';

it.each([
  ['1795392000005000000', '1795392000000000000', '+5 ms'],
  ['1795392000000000000', '1795392000005000000', '−5 ms'],
  ['18446744073709551615', '1795392000000000000', '+4625375 h 35 min'],
  ['', '1795392000000000000', ''],
  ['0', '1795392000000000000', ''],
  ['1795392000000000000', '', ''],
  ['soon', '1795392000000000000', ''],
])('an event at %j in a span from %j is at %j', (event, start, text) => {
  expect(eventOffset(event, start)).toBe(text);
});

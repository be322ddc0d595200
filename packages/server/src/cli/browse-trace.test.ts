import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { tellStory, traceFromOtlp } from '@throughline/trace';
import { expect, test } from 'vitest';
import { aCheckout } from '../../../trace/src/testing/a-checkout.ts';
import { browseTrace, type FullTerminal, type KeySource } from './browse-trace.ts';

class Keys extends PassThrough implements KeySource {
  readonly modes: boolean[] = [];
  setRawMode(isRaw: boolean): void {
    this.modes.push(isRaw);
  }
}

class Terminal extends PassThrough implements FullTerminal {
  columns = 80;
  rows = 12;
  output = '';
  override write(text: string): boolean {
    this.output += text;
    return this.emit('drawn');
  }
}

const trace = traceFromOtlp(aCheckout());
const report = { trace, story: tellStory(trace), url: null, warnings: [] };
const ROWS = { critical: false, errors: false, depthMax: Infinity, rowsMax: 100, isExpanded: false };

function browse(): { keys: Keys; terminal: Terminal; ended: Promise<void> } {
  const [keys, terminal] = [new Keys(), new Terminal()];
  return { keys, terminal, ended: browseTrace(report, ROWS, { isColored: false }, keys, terminal) };
}

// oxlint-disable-next-line no-control-regex -- what ends a line on the screen
const place = (terminal: Terminal): string => /(\d+\/\d+) *\u001b\[K$/.exec(terminal.output)?.[1] ?? '';

test('keys move, however many come at once, and q leaves the terminal as it was', async () => {
  const { keys, terminal, ended } = browse();
  expect(place(terminal)).toBe('8/8');
  const drawn = once(terminal, 'drawn');
  keys.write('gj\u001b[B\u001bOBx');
  await drawn;
  expect(place(terminal)).toBe('4/8');
  keys.write('q');
  await ended;
  expect(keys.modes).toEqual([true, false]);
  expect(terminal.output.startsWith('\u001b[?1049h')).toBe(true);
  expect(terminal.output.endsWith('\u001b[?1049l')).toBe(true);
});

test('a window of another size is drawn anew', async () => {
  const { keys, terminal, ended } = browse();
  terminal.output = '';
  terminal.rows = 20;
  terminal.emit('resize');
  expect(terminal.output.split('\r\n')).toHaveLength(20);
  keys.write('\u0003');
  await ended;
  expect(terminal.listenerCount('resize')).toBe(0);
});

test('the end of the input ends it as well', async () => {
  const { keys, ended } = browse();
  keys.end();
  await ended;
  expect(keys.modes).toEqual([true, false]);
});

import { describe, expect, it } from 'vitest';
import { readTerminalLine, type Surroundings, usesColor } from './terminal-options.ts';

const COMMAND = {
  name: 'trace',
  flags: { '--md': 'switch', '--tag': { accepted: 'key=value' } },
  namesMax: 1,
} as const;
const PIPED: Surroundings = { env: {}, isTerminal: false, columns: undefined };

function read(args: readonly string[], more: Partial<Surroundings> = {}): ReturnType<typeof readTerminalLine> {
  return readTerminalLine(args, COMMAND, { ...PIPED, ...more });
}

describe('what the commands for a terminal have in common', () => {
  it('is a local collector on 80 columns without colours, unless something else is said', () => {
    expect(read(['x'])).toMatchObject({
      names: ['x'],
      options: {
        url: 'http://127.0.0.1:4319',
        screen: { width: 80, isColored: false },
        timeoutMs: 60_000,
        format: 'text',
      },
    });
  });

  it('takes the collector from the flag, then from the environment', () => {
    const env = { THROUGHLINE_URL: 'https://tools.example/tracing/' };
    expect(read([], { env })?.options.url).toBe('https://tools.example/tracing');
    expect(read(['--url', 'http://[::1]:80'], { env })?.options.url).toBe('http://[::1]:80');
    expect(read([], { env: { THROUGHLINE_URL: '' } })?.options.url).toBe('http://127.0.0.1:4319');
  });

  it('takes the width of the terminal within bounds, or the one that is given', () => {
    const width = (columns: number): number | undefined =>
      read([], { isTerminal: true, columns })?.options.screen.width;
    expect([133, 5, 100_000, 0].map(width)).toEqual([133, 40, 1_000, 80]);
    expect(read(['--width', '200'], { columns: 90 })?.options.screen.width).toBe(200);
  });

  it('has every value of a flag that is repeated', () => {
    expect(read(['--tag', 'a=b', '--tag=c=d'])?.lists.get('--tag')).toEqual(['a=b', 'c=d']);
  });

  it.each([
    [['--width', '39'], '--width: got "39"'],
    [['--timeout', '0'], '--timeout: got "0"'],
    [['--url', 'localhost:4319'], '--url: got "localhost:4319"'],
    [['--url', 'ftp://host'], '--url: got "ftp://host"'],
    [['--url', 'http://host/?a=b'], '--url: got'],
    [['--json', '--md'], '--json or --md'],
    [['--data-dir', 'x'], 'unknown flag --data-dir'],
    [['a', 'b'], 'unexpected argument "b"'],
  ])('rejects %j', (args, message) => {
    expect(() => read(args)).toThrow(message);
  });

  it('never shows the password of a URL', () => {
    expect(() => read(['--url', 'ftp://ann:s3cret@host'])).toThrow(/^(?!.*s3cret).*--url: got/);
  });

  it('asks for help before all else', () => {
    expect(read(['--width', '1', '--help'])).toBeNull();
  });
});

describe('colours', () => {
  it.each([
    ['on a terminal', {}, true, true],
    ['not where there is none', {}, false, false],
    ['not with NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['where NO_COLOR is empty', { NO_COLOR: '' }, true, true],
    ['not on a dumb terminal', { TERM: 'dumb' }, true, false],
    ['with FORCE_COLOR, whatever else is said', { FORCE_COLOR: '1', NO_COLOR: '1', TERM: 'dumb' }, false, true],
    ['with an empty FORCE_COLOR', { FORCE_COLOR: '' }, false, true],
    ['not with FORCE_COLOR=0', { FORCE_COLOR: '0' }, true, false],
  ])('are used %s', (_, env, isTerminal, expected) => {
    expect(usesColor(env, isTerminal)).toBe(expected);
  });
});

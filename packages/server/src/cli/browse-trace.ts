import { once } from 'node:events';
import type { RowOptions } from '../terminal/lay-out-rows.ts';
import { render, type Screen } from '../terminal/screen.ts';
import { type BrowserKey, type FullScreen, TraceBrowser } from '../terminal/trace-browser.ts';
import type { TraceReport } from '../terminal/write-trace.ts';

/** What a terminal is read from: keys come one by one, and not in lines. */
export interface KeySource extends NodeJS.ReadableStream {
  setRawMode(isRaw: boolean): unknown;
}

/** What a terminal is written to. */
export interface FullTerminal extends NodeJS.WritableStream {
  readonly columns: number;
  readonly rows: number;
}

const KEYS: Readonly<Record<string, BrowserKey | 'quit'>> = {
  j: 'down',
  '\u001b[B': 'down',
  k: 'up',
  '\u001b[A': 'up',
  ' ': 'page-down',
  '\u001b[6~': 'page-down',
  b: 'page-up',
  '\u001b[5~': 'page-up',
  g: 'first',
  '\u001b[H': 'first',
  G: 'last',
  '\u001b[F': 'last',
  h: 'fold',
  '\u001b[D': 'fold',
  l: 'unfold',
  '\u001b[C': 'unfold',
  e: 'next-error',
  c: 'next-critical',
  '\r': 'details',
  '\n': 'details',
  q: 'quit',
  '\u0003': 'quit',
  '\u001b': 'quit',
};

/** One key as a terminal sends it; a fast hand, or a paste, sends several at once. */
// oxlint-disable-next-line no-control-regex -- a terminal sends them
const KEY = /\u001b\[[\d;]*[A-Za-z~]|\u001bO[A-Za-z]|[^]/gu;

/** Of a smaller window, or of one that does not know its size, a part is shown. */
const WIDTH_MIN = 40;
const HEIGHT_MIN = 8;

const OPEN = '\u001b[?1049h\u001b[?25l';
const CLOSE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const END_OF_LINE = '\u001b[K';

/** Shows a trace on the whole terminal until a key, or the end of its input, ends it. Leaves the terminal as it was. */
export async function browseTrace(
  report: TraceReport,
  options: RowOptions,
  { isColored }: Pick<Screen, 'isColored'>,
  keys: KeySource,
  terminal: FullTerminal,
): Promise<void> {
  const screen = (): FullScreen => ({
    width: Math.max(WIDTH_MIN, terminal.columns),
    height: Math.max(HEIGHT_MIN, terminal.rows),
    isColored,
  });
  const browser = new TraceBrowser(report, options, screen());
  const draw = (): void => {
    const text = render(browser.view(), { isColored }).replace(/\n$/, '');
    terminal.write(HOME + text.replaceAll('\n', `${END_OF_LINE}\r\n`) + END_OF_LINE);
  };
  const onResize = (): void => {
    browser.resize(screen());
    draw();
  };
  const ended = new AbortController();
  const onKeys = (typed: string | Buffer): void => {
    for (const [key] of String(typed).matchAll(KEY)) {
      const pressed = KEYS[key.replace('\u001bO', '\u001b[')];
      if (pressed === 'quit') ended.abort();
      else if (pressed !== undefined) browser.press(pressed);
    }
    if (!ended.signal.aborted) draw();
  };
  // Whatever ends this process, the terminal is to be usable afterwards.
  const restore = (): void => void terminal.write(CLOSE);
  process.once('exit', restore);
  keys.setRawMode(true);
  terminal.write(OPEN);
  terminal.on('resize', onResize);
  keys.on('data', onKeys);
  try {
    draw();
    await Promise.race([once(ended.signal, 'abort'), once(keys, 'end')]);
  } finally {
    keys.off('data', onKeys);
    keys.pause();
    terminal.off('resize', onResize);
    keys.setRawMode(false);
    process.off('exit', restore);
    restore();
  }
}

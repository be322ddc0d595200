import { tellStory, traceFromOtlp, type TracesData } from '@throughline/trace';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { aCheckout } from '../../../trace/src/testing/a-checkout.ts';
import { aTrace, type SpanPlan } from '../../../trace/src/testing/a-trace.ts';
import type { RowOptions } from './lay-out-rows.ts';
import { render } from './screen.ts';
import { type BrowserKey, TraceBrowser } from './trace-browser.ts';
import type { TraceReport } from './write-trace.ts';

const ROWS: RowOptions = { critical: false, errors: false, depthMax: Infinity, rowsMax: 10_000, isExpanded: false };
const SCREEN = { width: 80, height: 12, isColored: false };

function report(data: TracesData): TraceReport {
  const trace = traceFromOtlp(data);
  return { trace, story: tellStory(trace), url: null, warnings: [] };
}

function open(data: TracesData = aCheckout(), screen = SCREEN): TraceBrowser {
  return new TraceBrowser(report(data), ROWS, screen);
}

function press(browser: TraceBrowser, ...keys: readonly BrowserKey[]): void {
  for (const key of keys) browser.press(key);
}

function frame(browser: TraceBrowser): string {
  return render(browser.view(), { isColored: false });
}

/** The row that the cursor is on, without its bar. */
function current(browser: TraceBrowser): string {
  const line =
    frame(browser)
      .split('\n')
      .find((text) => /^..[>»]/.test(text)) ?? '';
  return line
    .slice(3)
    .replaceAll(/[│└├╴⋯]/g, '')
    .trim()
    .replace(/ {2}.*/, '');
}

const row: SpanPlan = {
  service: 'web',
  name: 'GET /',
  from: 0,
  to: 100,
  children: Array.from({ length: 30 }, (_, at) => ({
    service: 'web',
    name: `step ${'abcdefghij'[at % 10]}${'xyz'[Math.floor(at / 10)]}`,
    from: at,
    to: at + 0.5,
  })),
};

describe('a browser of a trace', () => {
  it('begins at the cause, and shows what is asked for', async () => {
    const frames: string[] = [];
    const browser = open();
    const show = (what: string): void => void frames.push(`# ${what}\n\n${frame(browser)}`);
    show('opened');
    press(browser, 'details');
    show('details');
    press(browser, 'first', 'down', 'fold');
    show('first, down, fold');
    browser.resize({ ...SCREEN, width: 50, height: 16 });
    press(browser, 'next-error');
    show('on another screen, next error');
    await expect(frames.join('\n')).toMatchFileSnapshot('trace-browser.golden.txt');
  });

  it('moves by rows, screens, to the ends, and no further', () => {
    const browser = open(aTrace(row));
    press(browser, 'first', 'up');
    expect(current(browser)).toMatch(/^web GET/);
    press(browser, 'down', 'down');
    expect(current(browser)).toBe('step bx');
    press(browser, 'page-down');
    expect(current(browser)).toBe('step jx');
    press(browser, 'last', 'down');
    expect(current(browser)).toBe('step jz');
    press(browser, 'page-up', 'up');
    expect(current(browser)).toBe('step az');
  });

  it('folds what is below a row, then goes to the row above', () => {
    const browser = open();
    press(browser, 'first', 'down', 'fold');
    expect(current(browser)).toMatch(/^POST/);
    expect(frame(browser)).not.toContain('checkout POST');
    press(browser, 'unfold');
    expect(frame(browser)).toContain('checkout POST');
    press(browser, 'fold', 'fold');
    expect(current(browser)).toMatch(/^web POST/);
  });

  it('finds the next failure and the next critical row, also where they are folded, and begins again behind the last', () => {
    const failing = { service: 'a', name: 'failing', from: 5, to: 9, error: 'E' };
    const data = aTrace({
      ...row,
      children: [...(row.children ?? []), { service: 'a', name: 'around', from: 4, to: 99, children: [failing] }],
    });
    const browser = open(data);
    press(browser, 'first', 'fold', 'next-error');
    expect(current(browser)).toMatch(/^failing/);
    press(browser, 'next-error');
    expect(current(browser)).toMatch(/^failing/);
    press(browser, 'first', 'next-critical');
    expect(current(browser)).not.toMatch(/^web/);
  });

  it('always fills the screen, whatever is pressed on whatever trace', () => {
    const keys: readonly BrowserKey[] = [
      'details',
      'last',
      'fold',
      'fold',
      'fold',
      'next-error',
      'page-up',
      'unfold',
      'first',
    ];
    for (const data of [aCheckout(), aTrace(row), { resourceSpans: [] }]) {
      for (const screen of [
        SCREEN,
        { width: 40, height: 8, isColored: true },
        { width: 200, height: 50, isColored: true },
      ]) {
        const browser = open(data, screen);
        for (const key of keys) {
          press(browser, key);
          expect(browser.view()).toHaveLength(screen.height);
          const lines = render(browser.view(), screen).split('\n');
          expect(lines.filter((line) => stringWidth(line) > screen.width)).toEqual([]);
        }
      }
    }
  });
});

import { describe, expect, it } from 'vitest';
import { markdownBlock, markdownCode, markdownText } from './markdown-text.ts';

describe('text of spans in Markdown', () => {
  it.each([
    ['a heading', '# x', String.raw`\# x`],
    ['emphasis', '**x** _y_', String.raw`\*\*x\*\* \_y\_`],
    ['a link', '[x](javascript:1)', String.raw`\[x\](javascript:1)`],
    ['an image', '![x](http://a)', String.raw`!\[x\](http\://a)`],
    ['HTML', '<img src=x onerror=y>&lt;', String.raw`\<img src=x onerror=y\>\&lt;`],
    ['a row of a table', 'a|b', String.raw`a\|b`],
    ['code', 'a`b`c', 'a\\`b\\`c'],
    ['a fence', '```\nx', '\\`\\`\\` x'],
    ['a quote', '> x', String.raw`\> x`],
    ['lists', '- x', String.raw`\- x`],
    ['a numbered list', '1. x', String.raw`1\. x`],
    ['a figure', '1.99 s', '1.99 s'],
    ['a negative one', '-3 ms', '-3 ms'],
    ['a rule', '---', String.raw`\---`],
    ['an underlined heading', '===', String.raw`\===`],
    ['formulas', '$x$', String.raw`\$x\$`],
    ['an address', 'GET https://evil.example/?x', String.raw`GET https\://evil.example/?x`],
    ['an address without a scheme', 'www.evil.example', String.raw`www\.evil.example`],
    ['an address of mail', 'a@evil.example', String.raw`a\@evil.example`],
    ['a new paragraph', 'x\n\n# y\r\n- z', String.raw`x \# y - z`],
    ['escapes of a terminal', 'x\u001b[31my\u0007', String.raw`x␛\[31my␇`],
    ['letters that nobody sees', 'x\u{e0041}\u{e007f}y\u202ez', 'x��y�z'],
    ['nothing', 'POST /buy: 3.2 s (1 of 4) - ok', 'POST /buy: 3.2 s (1 of 4) - ok'],
  ])('is no markup: %s', (_, text, expected) => {
    expect(markdownText(text)).toBe(expected);
  });

  it('is cut where nobody would read on', () => {
    expect(markdownText('x'.repeat(10_000)).length).toBeLessThan(600);
    expect(markdownText('xxxx', 2)).toBe('xx…');
  });

  it('ends no code that it is shown as', () => {
    expect(['a', 'a`b', '`a', '``` a', 'a\n`\nb', ''].map((text) => markdownCode(text))).toEqual([
      '`a`',
      '``a`b``',
      '`` `a ``',
      '```` ``` a ````',
      '``a ` b``',
      '``` ```',
    ]);
  });

  it('ends no block that it is in', () => {
    expect(markdownBlock('a\nb\n')).toBe('```text\na\nb\n```');
    expect(markdownBlock('a ```` b')).toBe('`````text\na ```` b\n`````');
  });
});

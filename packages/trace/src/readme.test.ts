import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import * as api from './index.ts';
import { aCheckout } from './testing/a-checkout.ts';

test('the example of the README prints the headline that the README shows', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /```js\nimport .*?\n\n(.*?)```/s.exec(readme) ?? [];
  const [, headline] = /^> (.*)$/m.exec(readme) ?? [];
  const lines: string[] = [];
  const console = { log: (...words: string[]) => lines.push(words.join(' ')) };
  runInNewContext(example, { ...api, otlpJson: aCheckout(), console });
  expect(lines[0]).toBe(headline);
  expect(lines).toContainEqual(expect.stringMatching(/^- payment .*fraud .*2 s \[spans: 1\]$/));
  expect(lines).toContain('1.99 s fraud SELECT fraud_checks');
});

import { expect, it } from 'vitest';
import { preferredForm } from './accept.ts';

it('sends JSON to clients that do not name Markdown, whatever else they name', () => {
  expect(
    [
      undefined,
      '',
      ' ',
      '*/*',
      '*/*;q=0.1',
      'text/html, */*;q=0.8',
      // As Java's HttpURLConnection and older agents write it.
      'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
      'application/json;q=0.9, */*',
      'application/json;q=0.001, text/plain, */*',
      'application/vnd.api+json',
      'application/xml',
      'text/plain',
      'text/html',
      'text/markdown;q=0',
      'markdown',
      ',;q=1,',
    ].filter((accept) => preferredForm(accept) !== 'json'),
  ).toEqual([]);
});

it('takes a weight as it is meant, and one that it cannot read as none', () => {
  expect(
    [
      '*/*;q=0.8000',
      '*;q=.5',
      'application/json;q=.9, text/markdown;q=.8',
      'application/json;q=2, text/markdown;q=1',
      'application/json;q=high, text/markdown;q=0.9',
      'application/json;q=-1, text/markdown;q=0.9',
      'application/json;q=, text/markdown;q=0.9',
    ].filter((accept) => preferredForm(accept) !== 'json'),
  ).toEqual([]);
  expect(preferredForm('text/markdown;q=.50, application/json;q=.4999')).toBe('markdown');
});

it('sends Markdown to clients that name it, whatever they would take besides', () => {
  expect(
    [
      'text/markdown',
      'TEXT/Markdown; charset=utf-8',
      'text/markdown, */*',
      'text/markdown;variant=GFM, text/html;q=0.9, */*;q=0.8',
      'text/*',
      'application/json;q=0.5,text/markdown;q=0.51',
      'application/*;q=0.9, text/markdown',
      '*/*, application/json;q=0',
    ].map(preferredForm),
  ).toEqual(Array(8).fill('markdown'));
});

it('sends JSON where it weighs as much, or more', () => {
  expect(
    [
      'application/json',
      'text/markdown, application/json',
      'text/markdown;q=0.9, application/json',
      'text/markdown;q=0.001, */*',
      'text/markdown;q=0, */*',
      'text/*;q=0, */*;q=0.1',
    ].map(preferredForm),
  ).toEqual(Array(6).fill('json'));
});

it('sends nothing to clients that refuse JSON, and do not accept Markdown', () => {
  expect(
    [
      '*/*;q=0',
      '*;q=0',
      'text/html, */*;q=0.0',
      'text/html, application/json;q=0',
      'application/json;q=.000',
      'application/*;q=0, text/plain',
      'application/json;q=0, text/markdown;q=0, */*',
    ].map(preferredForm),
  ).toEqual(Array(7).fill(null));
});

it('looks at no more of a header than anybody writes', () => {
  expect(preferredForm(`${'text/html,'.repeat(99)}text/markdown`)).toBe('markdown');
  expect(preferredForm(`${'text/html,'.repeat(100)}text/markdown`)).toBe('json');
});

import { expect, it } from 'vitest';
import { preferredForm } from './accept.ts';

it('sends JSON to clients that do not say what they accept, or accept anything', () => {
  expect([undefined, '', ' ', '*/*', '*/*;q=0.1', 'text/html, */*;q=0.8'].map(preferredForm)).toEqual(
    Array(6).fill('json'),
  );
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
      'text/markdown;q=high, */*;q=0.2',
      'text/*;q=0, */*;q=0.1',
    ].map(preferredForm),
  ).toEqual(Array(7).fill('json'));
});

it('sends nothing to clients that accept neither', () => {
  expect(
    [
      'application/xml',
      'text/html',
      '*/*;q=0',
      'application/json;q=0, text/markdown;q=0, */*',
      'text/markdown;q=0',
      'markdown',
      ',;q=1,',
    ].map(preferredForm),
  ).toEqual(Array(7).fill(null));
});

it('looks at no more of a header than anybody writes', () => {
  expect(preferredForm(`${'text/html,'.repeat(100)}application/json`)).toBeNull();
});

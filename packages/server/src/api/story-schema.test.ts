import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { storySchema } from './story-schema.ts';
import { withReferences } from './with-references.ts';

it('says of a story what the docstrings of its types say', () => {
  const source = readFileSync(new URL('../../../trace/src/story/story.ts', import.meta.url), 'utf8');
  const docstrings = source.replaceAll(/\s*\n\s*\* ?/g, ' ').replaceAll(/\s+/g, ' ');
  const { types } = withReferences(storySchema);
  const said = [...JSON.stringify(types).matchAll(/"description":("(?:[^"\\]|\\.)*")/g)].map(
    ([, text = '']) => JSON.parse(text) as string,
  );
  expect(Object.keys(types)).toContain('StoryErrorOrigin');
  expect(said.length).toBeGreaterThan(40);
  expect(said.filter((text) => !docstrings.includes(text.replace(/\.$/, '')))).toEqual([]);
});

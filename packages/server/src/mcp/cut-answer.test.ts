import { expect, it } from 'vitest';
import { cutAnswer } from './cut-answer.ts';

const lines = (count: number): string => Array.from({ length: count }, (_, at) => `- line ${at}\n`).join('');

it('leaves what fits as it is', () => {
  expect(cutAnswer(lines(10), lines(10).length)).toBe(lines(10));
});

it('cuts between lines, says so, and stays within the limit', () => {
  for (const most of [1_000, 1_001, 1_007, 5_000]) {
    const cut = cutAnswer(lines(1_000), most);
    expect(cut.length).toBeLessThanOrEqual(most);
    const kept = cut.split('\n').filter((line) => line.startsWith('- '));
    expect(kept).toEqual(lines(kept.length).trimEnd().split('\n'));
    expect(cut.trimEnd().split('\n').at(-1)).toContain(String(lines(1_000).length));
  }
});

it('closes a block that it cuts, so that the note is none of it', () => {
  const cut = cutAnswer(`### x\n\n\`\`\`\`text\n${lines(1_000)}\`\`\`\`\n`, 1_000);
  expect(cut.match(/^````/gm)).toHaveLength(2);
  expect(cut.indexOf('Cut')).toBeGreaterThan(cut.lastIndexOf('````'));
  const closed = cutAnswer(`\`\`\`text\na\n\`\`\`\n${lines(1_000)}`, 1_000);
  expect(closed.match(/^```/gm)).toHaveLength(2);
});

it('cuts a line that is longer than the limit, through no character', () => {
  const cut = cutAnswer('👨'.repeat(2_000), 1_001);
  expect(cut.length).toBeLessThanOrEqual(1_001);
  expect(cut).not.toMatch(/\p{Cs}/u);
});

import { expect, test } from 'vitest';
import { findUnnotedPart } from './unnoted-parts.ts';

/** Answers in turn, and notes what was asked. */
function played(...answers: unknown[][][]): { select: (sql: string) => Promise<unknown[][]>; asked: string[] } {
  const asked: string[] = [];
  const select = (sql: string): Promise<unknown[][]> => {
    asked.push(sql);
    return Promise.resolve(answers.shift() ?? []);
  };
  return { select, asked };
}

const PATH = "/tables/1/spans/replicas/it's";

test('a replica that suspects no part is asked nothing more', async () => {
  const { select, asked } = played([[PATH, 0]], [['20261130_1_1_0']], []);
  expect(await findUnnotedPart(select)).toBeNull();
  expect(asked).toHaveLength(1);
});

test('a part that Keeper does not know is found, and asked for after what is shown', async () => {
  const { select, asked } = played(
    [[PATH, 2]],
    [['20261130_0_5_1'], ['20261130_6_6_0']],
    [['20261130_0_5_1'], ['old']],
  );
  expect(await findUnnotedPart(select)).toBe('20261130_6_6_0');
  expect(asked.map((sql) => /FROM (\S+)/.exec(sql)?.[1])).toEqual([
    'system.replicas',
    'system.parts',
    'system.zookeeper',
  ]);
  expect(asked.at(-1)).toContain("it\\'s/parts'");
});

test('a part that is checked and known is none', async () => {
  const { select } = played([[PATH, 1]], [['20261130_6_6_0']], [['20261130_6_6_0']]);
  expect(await findUnnotedPart(select)).toBeNull();
});

test('a server without the table has none', async () => {
  expect(await findUnnotedPart(played([]).select)).toBeNull();
});

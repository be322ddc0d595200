import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadMallocTrim } from './malloc-trim.ts';

const anonymousBytes = (): number =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;

it.runIf(process.platform === 'linux')('gives back what lies free between blocks that are in use', async () => {
  const trim = await loadMallocTrim();
  // Below what the C library maps by itself; every other one stays.
  const blocks = Array.from({ length: 4_000 }, () => Buffer.allocUnsafeSlow(32 * 1024).fill(1));
  const full = anonymousBytes();
  const kept = blocks.filter((_, i) => i % 2 === 0);
  blocks.length = 0;
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--expose-gc');
  const { runInNewContext } = await import('node:vm');
  (runInNewContext('gc') as () => void)();
  trim?.();
  expect(trim).not.toBeNull();
  expect(kept.every((block) => block[0] === 1 && block.at(-1) === 1)).toBe(true);
  expect(full - anonymousBytes()).toBeGreaterThan(40 * 1024 * 1024);
});

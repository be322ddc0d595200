import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isSpoolEmpty, newDirectory, startCollector } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const FAULT = new URL('./support/fatal-on-signal.mjs', import.meta.url).href;

interface Entry {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly stack: string };
}

describe('an error that nobody has handled', () => {
  for (const [signal, message, words] of [
    ['SIGUSR2', 'a promise that nobody awaits', 'unhandled promise'],
    ['SIGHUP', 'an error that nobody catches', 'uncaught exception'],
  ] as const) {
    it(`(${message}) is logged with its stack and stops the collector in order`, async () => {
      const dataDirectory = newDirectory();
      const env = { NODE_OPTIONS: `--import ${FAULT}`, THROUGHLINE_LOG_FORMAT: 'json', THROUGHLINE_LOG_LEVEL: 'info' };
      const collector = await startCollector({ dataDirectory, env });
      const below = descendantsOf(collector.pid);
      const ledger = new SpanLedger(10);
      for (let request = 0; request < 5; request++) expect(await ledger.send(collector.otlpUrl)).toBe(200);
      // The engine's process has loaded the fault as well, and is not asked.
      process.kill(collector.pid, signal);
      expect(await collector.exited).toEqual({ code: 1, signal: null });
      await eventually('every process of the collector has ended', () => !below.some((pid) => isAlive(pid)));

      const entries = collector
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Entry);
      const fatal = entries.filter(({ level }) => level === 60);
      expect(fatal.map(({ msg }) => msg)).toEqual([expect.stringContaining(words)]);
      expect(fatal[0]?.err?.stack).toContain(message);
      expect(fatal[0]?.err?.stack).toContain(fileURLToPath(FAULT));
      expect(entries.map(({ msg }) => msg).slice(-2)).toEqual(['stopping', 'stopped']);

      // What was acknowledged is there after it, once.
      const next = await startCollector({ dataDirectory });
      await eventually('everything is loaded', () => isSpoolEmpty(next));
      await next.stop({ keepData: true });
      expect(await ledger.audit(dataDirectory)).toMatchObject({ ...NOTHING_WRONG, acknowledgedSpans: 50 });
      rmSync(dataDirectory, { recursive: true });
    });
  }
});

import { execFileSync } from 'node:child_process';
import { afterAll, expect, it } from 'vitest';
import { PackedProject } from '../test-support/packed.ts';

const project = new PackedProject();
afterAll(() => project.remove());

/** What takes milliseconds to load. */
const HEAVY = ['crypto', 'http', 'https', 'net', 'tls', 'worker_threads', 'zlib'];

it.each(['require', 'import'])('loads no module of Node that it may never need (%s)', (way) => {
  const load = way === 'require' ? `require('@throughline/sdk')` : `await import('@throughline/sdk')`;
  const file = project.write(
    way === 'require' ? 'load.cjs' : 'load.mjs',
    `const { Tracer } = ${load};
     const loaded = (name) => process.moduleLoadList.includes('NativeModule ' + name);
     const names = ${JSON.stringify(HEAVY)};
     const atLoad = names.filter(loaded);
     const tracer = new Tracer({ exporter: 'none', flushOnExit: false });
     const atStart = names.filter(loaded);
     tracer.startSpan('first').end();
     process.stdout.write(JSON.stringify({ atLoad, atStart, atSpan: names.filter(loaded) }));`,
  );
  const { atLoad, atStart, atSpan } = JSON.parse(
    execFileSync(process.execPath, [file], { cwd: project.folder, encoding: 'utf8' }),
  ) as Record<string, string[]>;
  expect({ atLoad, atStart }).toEqual({ atLoad: [], atStart: [] });
  // That the list tells is shown by the one that ids need.
  expect(atSpan).toContain('crypto');
});

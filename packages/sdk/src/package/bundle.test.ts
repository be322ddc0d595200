import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, expect, it } from 'vitest';

// Below node_modules, so that the entry finds OpenTelemetry's API.
const folder = mkdtempSync(join(fileURLToPath(new URL('../../../../node_modules', import.meta.url)), '.throughline-'));
afterAll(() => rmSync(folder, { recursive: true }));

const APPLICATION = `
  import { Tracer } from ${JSON.stringify(fileURLToPath(new URL('../index.ts', import.meta.url)))};
  import { instrumentHttp } from ${JSON.stringify(fileURLToPath(new URL('../http/index.ts', import.meta.url)))};
  import { trace } from '@opentelemetry/api';
  const tracer = new Tracer({ exporter: 'none', reportUnendedSpans: true, flushOnExit: false });
  instrumentHttp(tracer);
  tracer.span('ours', () => trace.getTracer('lib').startSpan('theirs').end());
  console.log(tracer.stats().ended);
`;

it.each(['esm', 'cjs'] as const)(
  'runs in a bundle with its application (%s), even in one that omits import.meta.url',
  async (format) => {
    const entry = join(folder, 'application.mjs');
    writeFileSync(entry, APPLICATION);
    for (const define of [{}, { 'import.meta.url': 'undefined' }]) {
      const build = await rolldown({ input: entry, platform: 'node', transform: { define }, logLevel: 'silent' });
      const file = join(folder, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs');
      await build.write({ file, format, minify: true });
      await build.close();
      expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('2\n');
    }
  },
);

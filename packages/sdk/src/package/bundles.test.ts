import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rolldown } from 'rolldown';
import { rollup, type Plugin } from 'rollup';
import { afterAll, expect, it } from 'vitest';
import webpack from 'webpack';
import { PackedProject } from '../test-support/packed.ts';
import { startSink } from '../test-support/sink.ts';

const project = new PackedProject();
afterAll(() => project.remove());

// With an import and a `require` of it, as an application and its dependency have it.
project.write(
  'node_modules/dependency/index.js',
  `const { instrumentHttp } = require('@throughline/sdk/http');
   exports.instrument = (tracer) => instrumentHttp(tracer);
   exports.Tracer = require('@throughline/sdk').Tracer;`,
);
const entry = project.write(
  'app.mjs',
  `import http from 'node:http';
   import { rules, Tracer } from '@throughline/sdk';
   import { trace } from '@opentelemetry/api';
   import { instrument, Tracer as Same } from 'dependency';
   const tracer = new Tracer({ service: 'bundled', endpoint: process.argv[2], compression: 'gzip', reportUnendedSpans: true, sampling: rules([{ sampling: 1 }]) });
   instrument(tracer);
   const server = http.createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1', async () => {
     await tracer.span('ours', async () => {
       trace.getTracer('library').startSpan('theirs').end();
       await (await fetch('http://127.0.0.1:' + server.address().port)).text();
     });
     server.close();
     server.closeAllConnections();
     if (Same !== Tracer) console.error('there are two copies');
     if (process.argv[3] === 'exit') process.exit(0);
   });`,
);

type Bundle = (file: string) => Promise<unknown>;
type Format = 'esm' | 'cjs';

const byEsbuild =
  (format: Format, minify: boolean): Bundle =>
  (outfile) =>
    esbuild.build({ entryPoints: [entry], outfile, format, minify, bundle: true, platform: 'node', logLevel: 'error' });

const byRolldown =
  (format: Format, minify: boolean): Bundle =>
  async (file) => {
    const build = await rolldown({ input: entry, platform: 'node', logLevel: 'silent' });
    await build.write({ file, format, minify });
    await build.close();
  };

const byRollup =
  (format: Format): Bundle =>
  async (file) => {
    // Its declaration is that of a CommonJS module, which it is not here.
    const commonjsPlugin = (commonjs.default as unknown as () => Plugin)();
    const plugins = [nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjsPlugin];
    const build = await rollup({ input: entry, external: /^node:/, plugins, logLevel: 'silent' });
    await build.write({ file, format });
    await build.close();
  };

const byWebpack =
  (format: Format): Bundle =>
  (file) =>
    new Promise((resolve, reject) => {
      const isModule = format === 'esm';
      const configuration: webpack.Configuration = {
        mode: 'production',
        target: 'node20',
        context: project.folder,
        entry,
        experiments: { outputModule: isModule },
        output: {
          path: project.folder,
          filename: file.slice(project.folder.length + 1),
          module: isModule,
          library: { type: isModule ? 'module' : 'commonjs2' },
        },
      };
      webpack(configuration, (error, stats) => {
        if (error !== null) reject(error);
        else if (stats?.hasErrors() === true) reject(new Error(stats.toString('errors-only')));
        else resolve(stats);
      });
    });

const bundles: readonly (readonly [name: string, format: Format, bundle: Bundle])[] = [
  ['esbuild, ESM', 'esm', byEsbuild('esm', false)],
  ['esbuild, CommonJS', 'cjs', byEsbuild('cjs', false)],
  ['esbuild, CommonJS, minified', 'cjs', byEsbuild('cjs', true)],
  ['rolldown, ESM', 'esm', byRolldown('esm', false)],
  ['rolldown, CommonJS, minified', 'cjs', byRolldown('cjs', true)],
  ['rollup, ESM', 'esm', byRollup('esm')],
  ['rollup, CommonJS', 'cjs', byRollup('cjs')],
  ['webpack, ESM', 'esm', byWebpack('esm')],
  ['webpack, CommonJS', 'cjs', byWebpack('cjs')],
];

// What they bundle does not depend on the Node that runs them; that the bundle runs is shown by one of each format.
const isOldest = process.versions.node.startsWith('20.');
const tried = isOldest ? bundles : bundles.filter(([name]) => name === 'esbuild, ESM' || name === 'esbuild, CommonJS');

it.each(tried)('exports from a bundle by %s', async (name, format, bundle) => {
  const file = join(project.folder, `bundle-${name.replaceAll(/\W+/g, '-')}.${format === 'esm' ? 'mjs' : 'cjs'}`);
  await bundle(file);
  for (const end of ['empty', 'exit']) {
    const sink = await startSink();
    const child = spawn(process.execPath, [file, sink.url, end], { cwd: project.folder });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const code = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    await sink.close();
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(sink.spans.map((span) => `${span.name} ${span.kind}`).toSorted()).toEqual([
      'GET 2',
      'GET 3',
      'ours 1',
      'theirs 1',
    ]);
  }
  rmSync(file);
});

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { newDirectory } from './support/collector.ts';

const INSTALLED_BYTES_MAX = 1_000_000;

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** Each on one line. */
const commentsIn = (text: string): string[] =>
  Array.from(text.matchAll(/\/\*\*[^]*?\*\//g), ([comment]) => comment.replaceAll(/\s+/g, ' '));

describe("the SDK's package", () => {
  const scratch = newDirectory();
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  // The variables of the npm that runs the tests would point this one at the workspace.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const run = (command: string, args: string[], cwd: string): string => {
    const result = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
    if (result.status !== 0)
      throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr}\n${result.stdout}`);
    return result.stdout;
  };

  it('takes at most a megabyte, depends on nothing, is readable, and works from its tarball through every entry', () => {
    const output = run('npm', ['pack', '--json', '--pack-destination', scratch], join(root, 'packages/sdk'));
    const [packed] = JSON.parse(output.slice(output.indexOf('['))) as Packed[];
    expect(packed?.unpackedSize).toBeLessThanOrEqual(INSTALLED_BYTES_MAX);
    expect(packed?.files.map(({ path }) => path)).toEqual(expect.arrayContaining(['LICENSE', 'README.md']));

    const home = join(scratch, 'node_modules/@throughline/sdk');
    mkdirSync(home, { recursive: true });
    run('tar', ['-xzf', join(scratch, packed?.filename ?? ''), '--strip-components=1', '-C', home], scratch);
    symlinkSync(join(root, 'node_modules/@opentelemetry'), join(scratch, 'node_modules/@opentelemetry'));
    writeFileSync(
      join(scratch, 'app.mjs'),
      `import { readFileSync } from 'node:fs';
       import { ConfigError, Tracer } from '@throughline/sdk';
       import { instrumentHttp } from '@throughline/sdk/http';
       import { createTestTracer } from '@throughline/sdk/testing';
       import { zipkin } from '@throughline/sdk/zipkin';
       const { tracer, spans } = createTestTracer({ register: true });
       instrumentHttp(tracer)();
       tracer.span('root', { attributes: { a: 1 } }, () => tracer.startSpan('child').end());
       let refused;
       try { new Tracer({ exporter: zipkin(), sampling: 2 }); } catch (error) { refused = error instanceof ConfigError && error.message; }
       const { dependencies = {} } = JSON.parse(readFileSync('node_modules/@throughline/sdk/package.json', 'utf8'));
       console.log(JSON.stringify({ names: spans().map(({ name }) => name), refused, dependencies }));`,
    );
    expect(JSON.parse(run(process.execPath, ['app.mjs'], scratch))).toEqual({
      names: ['child', 'root'],
      refused: expect.stringMatching(/^sampling: got 2, expected /) as string,
      dependencies: {},
    });

    // A stack leads to the line of the source, which is there.
    writeFileSync(
      join(scratch, 'stack.mjs'),
      `import { Tracer } from '@throughline/sdk';
       try { new Tracer({ sampling: 2 }); } catch (error) { console.log(error.stack); }`,
    );
    const stack = run(process.execPath, ['--enable-source-maps', 'stack.mjs'], scratch);
    const [, file = '', line = ''] = /\(?(?:file:\/\/)?(\/[^()\n]*\/config\/[\w-]*\.ts):(\d+)/.exec(stack) ?? [];
    const source = readFileSync(join(root, 'packages/sdk/src/config', basename(file)), 'utf8').split('\n')[
      Number(line) - 1
    ];
    expect(source).toContain('asPolicy(');
    // Comments are whole: each first sentence of an option's stands in what is packed.
    const declared = readFileSync(join(home, 'dist/config/options.d.cts'), 'utf8');
    const written = commentsIn(readFileSync(join(root, 'packages/sdk/src/config/options.ts'), 'utf8'));
    expect(commentsIn(declared).filter((comment) => !written.includes(comment))).toEqual([]);
    expect(commentsIn(declared).length).toBeGreaterThan(30);

    // Only what the entries' declarations lead to is packed: it must be whole.
    symlinkSync(join(root, 'node_modules/@types'), join(scratch, 'node_modules/@types'));
    writeFileSync(
      join(scratch, 'app.mts'),
      `import { anyOf, rateLimit, rules, Tracer, type SamplingFunction, type SpanProcessor } from '@throughline/sdk';
       import { instrumentHttp } from '@throughline/sdk/http';
       import { createTestTracer } from '@throughline/sdk/testing';
       import { zipkin } from '@throughline/sdk/zipkin';
       const spanProcessors: SpanProcessor[] = [];
       const own: SamplingFunction = ({ name }) => (name === 'pay' ? 1 : 0.1);
       const sampling = anyOf(own, rules([{ kind: 'server', sampling: rateLimit({ spansPerSecond: 5 }) }]));
       const tracer: Tracer = new Tracer({ exporter: zipkin(), spanProcessors, sampling });
       instrumentHttp(tracer);
       createTestTracer().tracer.span('x', (span) => span.setAttribute('http.request.method', 'GET').end());`,
    );
    writeFileSync(
      join(scratch, 'api.mts'),
      `import { Tracer, type Span } from '@throughline/sdk';
       import { trace, type Attributes, type Link, type Span as OtelSpan } from '@opentelemetry/api';
       declare const attributes: Attributes;
       declare const links: Link[];
       const tracer = new Tracer();
       tracer.span('b', { attributes, links }, (span: Span) => {
         const given: OtelSpan = span;
         given.setAttributes(attributes).addLinks(links);
         span.setAttributes(attributes).addEvent('x', attributes).addLinks(links);
       });
       trace.setGlobalTracerProvider(tracer.openTelemetry.tracerProvider);`,
    );
    const compilerOptions = {
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      target: 'es2022',
      module: 'nodenext',
      lib: ['es2024', 'esnext.disposable', 'esnext.decorators'],
      types: ['node'],
    };
    // The lowest version of the API that works, and the newest.
    for (const api of ['@opentelemetry/api', 'opentelemetry-api-newest']) {
      for (const exactOptionalPropertyTypes of [true, false]) {
        const paths = { '@opentelemetry/api': [join(root, 'node_modules', api)] };
        const tsconfig = {
          compilerOptions: { ...compilerOptions, exactOptionalPropertyTypes, paths },
          files: ['app.mts', 'api.mts'],
        };
        writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(tsconfig));
        run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], scratch);
      }
    }
  });
});

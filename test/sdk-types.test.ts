import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { isLong } from '../packages/server/src/storage/testing/sample-of.ts';
import { PackedProject, tool } from '../packages/sdk/src/test-support/packed.ts';

const PROGRAM = `
  import { createServer } from 'node:http';
  import { trace, type Attributes, type Link, type Span as OtelSpan } from '@opentelemetry/api';
  import {
    anyOf, ConfigError, rateLimit, rules, traced, Tracer,
    type SamplingFunction, type Span, type SpanProcessor, type TracerOptions, type TracerStats,
  } from '@throughline/sdk';
  import { httpMiddleware, instrumentHttp } from '@throughline/sdk/http';
  import { createTestTracer } from '@throughline/sdk/testing';
  import { zipkin } from '@throughline/sdk/zipkin';

  const spanProcessors: SpanProcessor[] = [];
  const own: SamplingFunction = ({ name }) => (name === 'pay' ? 1 : 0.1);
  const sampling = anyOf(own, rules([{ kind: 'server', sampling: rateLimit({ spansPerSecond: 5 }) }]));
  const options: TracerOptions = { exporter: zipkin(), spanProcessors, sampling };
  export const tracer: Tracer = new Tracer(options);
  instrumentHttp(tracer, { ignoreOutgoing: ({ path }) => path === '/healthz' });
  declare const attributes: Attributes;
  declare const links: Link[];
  tracer.span('b', { attributes, links }, (span: Span) => {
    const given: OtelSpan = span;
    given.setAttributes(attributes).addLinks(links);
    span.setAttribute('http.request.method', 'GET').setAttributes(attributes).addEvent('x', attributes).addLinks(links);
    // @ts-expect-error -- A known attribute has its type.
    span.setAttribute('http.request.method', 17);
  });
  trace.setGlobalTracerProvider(tracer.openTelemetry.tracerProvider);
  createServer((request, response) => httpMiddleware(tracer)(request, response, () => response.end()));
  export async function work(): Promise<number> {
    const { tracer: tested, spans } = createTestTracer();
    const value: number = await tested.span('x', async () => 17);
    const { dropped }: TracerStats = tested.stats();
    return value + spans().length + dropped.limit;
  }
  export const isMistake = (error: unknown): boolean => error instanceof ConfigError && error.setting === 'sampling';
  export class Shop {
    @traced(tracer)
    total(factor: number): number { return factor; }
    @traced({ tracer, name: 'shop.fail', attributes: { 'app.kind': 'test' } })
    async fail(): Promise<never> { throw new TypeError('closed'); }
    @traced(tracer)
    static open(): string { return 'opened'; }
    @traced(tracer)
    same<Item>(item: Item): Item { return item; }
  }
`;

const project = new PackedProject();
afterAll(() => project.remove());
mkdirSync(join(project.folder, 'node_modules/@types'), { recursive: true });
for (const types of ['node', 'undici-types']) {
  const target = join(project.folder, 'node_modules', types === 'node' ? '@types/node' : types);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(tool(types === 'node' ? '@types/node' : types), target);
}
// The same types whichever way they came: the one file is CommonJS, the other an ES module, where the two differ.
project.write('required.cts', PROGRAM);
project.write(
  'imported.mts',
  `${PROGRAM}
   import { tracer as required } from './required.cjs';
   export const same: Tracer = required;`,
);

const compilers = ['typescript-5-0', 'typescript-5-4', 'typescript-5-9', 'typescript'];
/** `module` and `moduleResolution`; TypeScript 7 no longer has `node10`, which is the default beside `commonjs` before it. */
const modules: readonly (readonly [string, string])[] = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
  ['commonjs', 'node10'],
];
const variants = [
  { exactOptionalPropertyTypes: true, experimentalDecorators: false, api: '@opentelemetry/api' },
  { exactOptionalPropertyTypes: false, experimentalDecorators: true, api: 'opentelemetry-api-newest' },
];
const cases = compilers.flatMap((compiler) =>
  modules.map(([module, resolution], at) => ({
    compiler,
    // The short form takes them in turn.
    variantInShort: (at + compilers.indexOf(compiler)) % variants.length,
    module,
    moduleResolution: resolution !== 'node10' ? resolution : compiler === 'typescript' ? 'bundler' : 'node',
  })),
);

it.each(cases)(
  'has types for $compiler with module $module, moduleResolution $moduleResolution',
  async ({ compiler, module, moduleResolution, variantInShort }) => {
    const chosen = [...variants.entries()].filter(([at]) => isLong || at === variantInShort);
    const outputs = await Promise.all(
      chosen.map(([at, { api, ...variant }]) => {
        const compilerOptions = {
          noEmit: true,
          strict: true,
          skipLibCheck: false,
          target: 'es2022',
          module,
          moduleResolution,
          lib: ['es2022'],
          types: ['node'],
          paths: { '@opentelemetry/api': [tool(api)] },
          ...variant,
        };
        const files = ['required.cts', 'imported.mts'];
        const config = `tsconfig-${compiler}-${module}-${at}.json`;
        project.write(config, JSON.stringify({ compilerOptions, files }));
        return run(tool(`${compiler}/bin/tsc`), ['-p', config]);
      }),
    );
    expect(outputs).toEqual(chosen.map(() => ''));
  },
);

/** What a tool writes. */
function run(file: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [file, ...args], { cwd: project.folder });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

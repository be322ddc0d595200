import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { PackedProject, tool } from '../test-support/packed.ts';

/** Jest's own report, as far as it is looked at. */
interface Report {
  readonly numPassedTests: number;
  readonly numTotalTests: number;
  readonly testResults: readonly { readonly message: string }[];
}

const project = new PackedProject();
afterAll(() => project.remove());

project.write(
  'shop.js',
  `const { Tracer } = require('@throughline/sdk');
   exports.pay = (tracer, amount) => tracer.span('pay', async (span) => {
     span.setAttribute('amount', amount);
     await null;
     tracer.startSpan('inside').end();
     return amount * 2;
   });
   exports.newTracer = (options) => new Tracer({ register: false, ...options });`,
);
project.write(
  'required.test.js',
  `const entries = ['@throughline/sdk', '@throughline/sdk/http', '@throughline/sdk/testing', '@throughline/sdk/zipkin'];
   it.each(entries)('requires %s', (entry) => {
     expect(Object.keys(require(entry)).length).toBeGreaterThan(0);
   });
   it('keeps what is active over await', async () => {
     const { createTestTracer } = require('@throughline/sdk/testing');
     const { tracer, spans } = createTestTracer();
     await tracer.span('outer', async () => { await null; tracer.startSpan('inner').end(); });
     const [inner, outer] = spans();
     expect(inner.parentSpanId).toBe(outer.spanId);
   });`,
);
project.write(
  'shop.test.js',
  `const http = require('node:http');
   const { pay, newTracer } = require('./shop.js');
   const { createTestTracer } = require('@throughline/sdk/testing');
   const { instrumentHttp } = require('@throughline/sdk/http');
   const { trace } = require('@opentelemetry/api');

   it('sees the spans of the code under test', async () => {
     const { tracer, spans } = createTestTracer();
     expect(await pay(tracer, 21)).toBe(42);
     expect(spans().map(({ name, attributes }) => [name, attributes])).toEqual([['inside', {}], ['pay', { amount: 21 }]]);
   });

   it('lets all fake timers run', () => {
     jest.useFakeTimers();
     const { tracer, spans } = createTestTracer();
     tracer.span('timed', () => undefined);
     jest.runAllTimers();
     jest.useRealTimers();
     expect(spans()).toHaveLength(1);
   });

   it('keeps what is active over modules that are loaded again', () => {
     const { tracer, spans } = createTestTracer();
     tracer.span('outer', () => {
       jest.isolateModules(() => {
         const again = require('@throughline/sdk/testing').createTestTracer();
         again.tracer.span('inner', () => undefined);
         tracer.startSpan('beside').end();
         expect(again.spans()[0].parentSpanId).toBe(tracer.activeSpan().spanContext().spanId);
       });
     });
     expect(spans()).toHaveLength(2);
   });

   it('can be spied on', () => {
     const sdk = require('@throughline/sdk');
     const ratio = jest.spyOn(sdk, 'ratio').mockReturnValue(1);
     expect(sdk.ratio(0.5)).toBe(1);
     ratio.mockRestore();
   });

   it('is the provider of OpenTelemetry, and exports over HTTP', async () => {
     let bytes = 0;
     const server = http.createServer((request, response) => {
       request.on('data', (part) => (bytes += part.length));
       request.on('end', () => response.end());
     });
     await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
     const url = 'http://127.0.0.1:' + server.address().port;
     const tracer = newTracer({ register: true, endpoint: url });
     const uninstrument = instrumentHttp(tracer);
     trace.getTracer('library').startActiveSpan('theirs', (span) => { tracer.startSpan('ours').end(); span.end(); });
     expect((await fetch(url)).status).toBe(200);
     expect(await tracer.shutdown()).toBe(true);
     uninstrument();
     expect(tracer.stats().exported).toBeGreaterThanOrEqual(3);
     expect(bytes).toBeGreaterThan(200);
     server.closeAllConnections();
     await new Promise((resolve) => server.close(resolve));
   });

   it('does not keep Jest from ending, though a tracer is never shut down', () => {
     newTracer({ endpoint: 'http://127.0.0.1:9', log: () => undefined }).span('left', () => undefined);
   });`,
);

// As NestJS sets it up: TypeScript with decorators from before the standard, made CommonJS of by the compiler.
project.write(
  'typescript/transform.cjs',
  `const ts = require(${JSON.stringify(tool('typescript-5-9'))});
   const compilerOptions = { module: 'commonjs', target: 'es2021', experimentalDecorators: true, emitDecoratorMetadata: true };
   exports.process = (text, fileName) => ({ code: ts.transpileModule(text, { fileName, compilerOptions }).outputText });`,
);
project.write(
  'typescript/jest.config.cjs',
  `module.exports = { testRegex: 'cases', transform: { '\\.ts$': './transform.cjs' } };`,
);
project.write(
  'typescript/shop.cases.ts',
  `import { traced, Tracer } from '@throughline/sdk';
   import * as testing from '@throughline/sdk/testing';
   const { tracer, spans } = testing.createTestTracer();
   class ShopService {
     @traced(tracer)
     async price(id: string): Promise<number> { await null; return Number(id) * 2; }
   }
   it('traces a method', async () => {
     expect(await new ShopService().price('21')).toBe(42);
     expect(spans().map(({ name }) => name)).toEqual(['ShopService.price']);
     expect(tracer).toBeInstanceOf(Tracer);
   });`,
);

it.each([['jest-29'], ['jest-30']])('runs in %s as it comes', (jest) => {
  const results = join(project.folder, `${jest}.json`);
  const cache = join(project.folder, `.cache-${jest}`);
  const args = ['--json', `--outputFile=${results}`, `--cacheDirectory=${cache}`];
  const typescript = ['--config', 'typescript/jest.config.cjs', `--cacheDirectory=${cache}`];
  const compiled = project.node(tool(`${jest}/bin/jest.js`), typescript);
  expect(compiled.stderr).toContain('Tests:       1 passed, 1 total');
  const { stderr, status } = project.node(tool(`${jest}/bin/jest.js`), args);
  const { numPassedTests, numTotalTests, testResults } = JSON.parse(readFileSync(results, 'utf8')) as Report;
  expect(testResults.map(({ message }) => message).join('')).toBe('');
  expect({ status, numPassedTests, numTotalTests }).toEqual({ status: 0, numPassedTests: 11, numTotalTests: 11 });
  expect(stderr).not.toMatch(/did not exit|open handle|failed to exit/i);
});

it('runs in Vitest as it comes', () => {
  const results = join(project.folder, 'vitest.json');
  project.write('vitest/vitest.config.mjs', 'export default { test: { globals: true, include: ["*.cases.mjs"] } };');
  project.write(
    'vitest/shop.cases.mjs',
    `import { createRequire } from 'node:module';
     import { Tracer } from '@throughline/sdk';
     import { instrumentHttp } from '@throughline/sdk/http';
     import { createTestTracer } from '@throughline/sdk/testing';
     import { zipkin } from '@throughline/sdk/zipkin';

     it('is the copy that is required', () => {
       expect(createRequire(import.meta.url)('@throughline/sdk').Tracer).toBe(Tracer);
       expect([typeof instrumentHttp, typeof zipkin]).toEqual(['function', 'function']);
     });
     it('sees spans under what is active', async () => {
       const { tracer, spans } = createTestTracer();
       await tracer.span('outer', async () => { await null; tracer.startSpan('inner').end(); });
       const [inner, outer] = spans();
       expect(inner.parentSpanId).toBe(outer.spanId);
     });
     it('keeps what is active over modules that are loaded again', async () => {
       const { tracer, spans } = createTestTracer();
       await tracer.span('outer', async () => {
         vi.resetModules();
         const again = (await import('@throughline/sdk/testing')).createTestTracer();
         again.tracer.span('inner', () => undefined);
         expect(again.spans()[0].parentSpanId).toBe(tracer.activeSpan().spanContext().spanId);
       });
     });
     it('lets all fake timers run', () => {
       vi.useFakeTimers();
       const { tracer, spans } = createTestTracer();
       tracer.span('timed', () => undefined);
       vi.runAllTimers();
       vi.useRealTimers();
       expect(spans()).toHaveLength(1);
     });`,
  );
  const args = ['run', '--root', 'vitest', '--reporter=json', `--outputFile=${results}`];
  const { stderr, status } = project.node(tool('vitest/vitest.mjs'), args);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(results, 'utf8')) as Report;
  expect({ numPassedTests, numTotalTests }).toEqual({ numPassedTests: 4, numTotalTests: 4 });
});

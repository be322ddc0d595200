import { afterAll, expect, it } from 'vitest';
import { parseSync } from 'rolldown/utils';
import { PackedProject } from '../test-support/packed.ts';

const project = new PackedProject();
afterAll(() => project.remove());

const OTHER_CONTEXT_MANAGER = `
  const { AsyncLocalStorage } = require('node:async_hooks');
  const http = require('node:http');
  const { context, propagation, ROOT_CONTEXT, trace } = require('@opentelemetry/api');
  const storage = new AsyncLocalStorage();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (given, fn, thisArg, ...args) => storage.run(given, () => fn.apply(thisArg, args)),
    bind: (_, target) => target,
    enable() { return this; },
    disable() { return this; },
  });
  const { instrumentHttp } = require('@throughline/sdk/http');
  const { createTestTracer } = require('@throughline/sdk/testing');
  const { tracer, spans } = createTestTracer({ register: true, log: () => undefined });
  const parents = () => {
    const all = spans();
    const nameOf = (id) => all.find(({ spanId }) => spanId === id)?.name ?? 'none';
    return Object.fromEntries(all.map(({ name, kind, parentSpanId }) => [name + ' ' + kind, nameOf(parentSpanId)]));
  };
  const requested = (handle) => new Promise((resolve) => {
    const server = http.createServer(handle).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      http.get({ host: '127.0.0.1', port, path: '/health' }, (response) => response.resume().on('end', () => {
        server.close();
        server.closeAllConnections();
        setTimeout(resolve, 50);
      }));
    });
  });
`;

const printed = (name: string, source: string): unknown => {
  const { stdout, stderr } = project.node(project.write(name, OTHER_CONTEXT_MANAGER + source));
  expect(stderr).toBe('');
  return JSON.parse(stdout) as unknown;
};

it('takes parents and baggage of HTTP requests from another context manager', () => {
  const seen = printed(
    'parents.cjs',
    `instrumentHttp(tracer);
     let inHandler;
     const baggage = propagation.createBaggage({ key: { value: 'v' } });
     context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
       tracer.span('root', () =>
         requested((request, response) => {
           tracer.span('in handler', () => undefined);
           const active = trace.getActiveSpan() !== undefined;
           inHandler = { active, baggage: propagation.getActiveBaggage()?.getEntry('key')?.value };
           response.end();
         }),
       ),
     ).then(() => console.log(JSON.stringify({ inHandler, parents: parents() })));`,
  );
  expect(seen).toEqual({
    inHandler: { active: true, baggage: 'v' },
    parents: { 'root internal': 'none', 'GET client': 'root', 'GET server': 'GET', 'in handler internal': 'GET' },
  });
});

it('traces nothing in a request that is ignored, under another context manager', () => {
  const seen = printed(
    'ignored.cjs',
    `instrumentHttp(tracer, { ignoreIncoming: () => true, ignoreOutgoing: () => true });
     requested((request, response) => {
       tracer.span('ping', () => undefined);
       response.end();
     }).then(() => console.log(JSON.stringify(parents())));`,
  );
  expect(seen).toEqual({});
});

it('is not published with an export that is assigned again', async () => {
  const script = String(new URL('../../scripts/reassigned-exports.mjs', import.meta.url));
  const { reassignedExports } = (await import(script)) as { reassignedExports: (program: unknown) => string[] };
  const reassigned = (code: string): string[] => reassignedExports(parseSync('shared.cjs', code).program);
  expect(reassigned('let a = 1; function set() { a = 2; } const b = 1; exports.a = a; exports.b = b;')).toEqual(['a']);
  expect(reassigned('let a = 1, b = 2; [a, { b = 1, ...c }] = []; let c; exports.x = c; exports.y = b;')).toEqual([
    'x',
    'y',
  ]);
  expect(reassigned('let n = 0; n++; let m; for (m of []) ; exports.n = n; exports.m = m;')).toEqual(['n', 'm']);
  expect(reassigned('const a = {}; a.b = 1; let inner = 1; inner = 2; exports.a = a;')).toEqual([]);
  expect(reassigned('const a = 1; function f(b) { let a; { a = b; b = 2; } } exports.a = a; exports.b = b;')).toEqual(
    [],
  );
});

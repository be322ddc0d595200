import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { PackedProject } from '../test-support/packed.ts';

const project = new PackedProject();
afterAll(() => project.remove());

// A second installation, as a dependency brings one along that asks for another version.
cpSync(project.home, join(project.folder, 'other/node_modules/@throughline/sdk'), { recursive: true });
const TWO_COPIES = `
  import { createRequire } from 'node:module';
  import { instrumentHttp } from '@throughline/sdk/http';
  import { createTestTracer } from '@throughline/sdk/testing';
  import { Tracer } from '@throughline/sdk';
  const require = createRequire(new URL('other/', import.meta.url));
  const other = { ...require('@throughline/sdk'), ...require('@throughline/sdk/http'), ...require('@throughline/sdk/testing') };
  if (other.Tracer === Tracer) throw new Error('it is one copy');
`;

const runs = (name: string, source: string): string => {
  const { stdout, stderr } = project.node(project.write(name, source));
  expect(stderr).toBe('');
  return stdout;
};

it('is one copy for import and require, by every entry', () => {
  const same = runs(
    'same.cjs',
    `(async () => {
       const differing = [];
       let names = 0;
       for (const entry of ['', '/http', '/testing', '/zipkin']) {
         const [required, imported] = [require('@throughline/sdk' + entry), await import('@throughline/sdk' + entry)];
         const keys = new Set([...Object.keys(required), ...Object.keys(imported)]);
         keys.delete('__esModule');
         keys.delete('default');
         keys.delete('module.exports');
         for (const key of keys) {
           names++;
           if (required[key] === undefined || required[key] !== imported[key]) differing.push(key);
         }
       }
       console.log(JSON.stringify({ differing, names }));
     })();`,
  );
  expect(JSON.parse(same)).toEqual({ differing: [], names: 20 });
});

it.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])('takes a span that another copy made active as a parent (registered: %s, %s)', (register, registerOther) => {
  const stdout = runs(
    'parents.mjs',
    `${TWO_COPIES}
     const log = () => undefined;
     const ours = createTestTracer({ register: ${register}, log });
     const theirs = other.createTestTracer({ register: ${registerOther}, log });
     await ours.tracer.span('outer', async () => {
       await null;
       await theirs.tracer.span('inner', async () => {
         await null;
         ours.tracer.span('innermost', () => undefined);
       });
       theirs.tracer.startSpan('beside').end();
     });
     ours.tracer.with(theirs.tracer.startSpan('given'), () => ours.tracer.startSpan('under given').end());
     const all = [...ours.spans(), ...theirs.spans()];
     const nameOf = (id) => all.find(({ spanId }) => spanId === id)?.name ?? (id === '' || id === undefined ? 'none' : 'unknown');
     console.log(JSON.stringify(Object.fromEntries(all.map(({ name, parentSpanId }) => [name, nameOf(parentSpanId)]))));`,
  );
  expect(JSON.parse(stdout)).toEqual({
    outer: 'none',
    inner: 'outer',
    innermost: 'inner',
    beside: 'outer',
    'under given': 'unknown',
  });
});

it('leaves one client span and one server span of a request that two copies trace', () => {
  const stdout = runs(
    'http.mjs',
    `${TWO_COPIES}
     import http from 'node:http';
     const ours = createTestTracer({ register: false });
     const theirs = other.createTestTracer({ register: false });
     instrumentHttp(ours.tracer);
     other.instrumentHttp(theirs.tracer);
     const server = http.createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1');
     await new Promise((resolve) => server.on('listening', resolve));
     const url = 'http://127.0.0.1:' + server.address().port;
     await new Promise((resolve) => http.get(url, (response) => response.resume().on('close', resolve)));
     await (await fetch(url)).text();
     server.close();
     server.closeAllConnections();
     const spans = () => [...ours.spans(), ...theirs.spans()];
     while (spans().length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
     const all = spans();
     const count = (kind) => all.filter((span) => span.kind === kind).length;
     console.log(JSON.stringify({ client: count('client'), server: count('server'), traces: new Set(all.map(({ traceId }) => traceId)).size }));`,
  );
  expect(JSON.parse(stdout)).toEqual({ client: 2, server: 2, traces: 2 });
});

it('ends the process once on SIGTERM, and sends what two copies hold', () => {
  const stdout = runs(
    'signal.mjs',
    `${TWO_COPIES}
     import http from 'node:http';
     import { spawn } from 'node:child_process';
     if (process.argv[2] !== undefined) {
       const options = { endpoint: process.argv[2], register: false, log: console.log };
       new Tracer({ ...options, service: 'ours' }).span('a', () => undefined);
       new other.Tracer({ ...options, service: 'theirs' }).span('b', () => undefined);
       setInterval(() => undefined, 1000);
       process.kill(process.pid, 'SIGTERM');
     } else {
       let requests = 0;
       const server = http.createServer((request, response) => { requests++; request.resume().on('end', () => response.end()); });
       await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
       const child = spawn(process.execPath, [process.argv[1], 'http://127.0.0.1:' + server.address().port], { stdio: ['ignore', 'inherit', 'inherit'] });
       const signal = await new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal)));
       server.close();
       server.closeAllConnections();
       console.log(JSON.stringify({ signal, requests }));
     }`,
  );
  expect(JSON.parse(stdout)).toEqual({ signal: 'SIGTERM', requests: 2 });
});

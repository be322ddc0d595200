import { spawn } from 'node:child_process';
import { afterAll, expect, it } from 'vitest';
import { findRuntime } from '../../../../scripts/workspace.mjs';
import { PackedProject } from '../test-support/packed.ts';
import { startSink } from '../test-support/sink.ts';

const project = new PackedProject();
afterAll(() => project.remove());
project.write(
  'package.json',
  JSON.stringify({ private: true, dependencies: { '@throughline/sdk': '*', '@opentelemetry/api': '*' } }),
);
project.write(
  'app.mjs',
  `import http from 'node:http';
   import { Tracer } from '@throughline/sdk';
   import { instrumentHttp } from '@throughline/sdk/http';
   import { trace } from '@opentelemetry/api';
   const [, , endpoint, end] = process.argv;
   const tracer = new Tracer({ service: 'app', endpoint });
   instrumentHttp(tracer);
   const server = http.createServer(async (request, response) => {
     await null;
     trace.getTracer('library').startSpan('work').end();
     response.end('ok');
   });
   await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
   const url = 'http://127.0.0.1:' + server.address().port;
   await tracer.span('root', async () => {
     await new Promise((resolve) => http.get(url, (response) => response.resume().on('close', resolve)));
     await (await fetch(url)).text();
   });
   server.closeAllConnections();
   server.close();
   if (end === 'exit') process.exit(3);
   if (end !== 'empty') {
     setInterval(() => undefined, 1000);
     setTimeout(() => process.kill(process.pid, end), 50);
   }`,
);

const ends = [
  ['empty', { code: 0, signal: null }],
  ['SIGTERM', { code: null, signal: 'SIGTERM' }],
  ['exit', { code: 3, signal: null }],
] as const;
const runtimes = [
  ['Node', process.execPath, []],
  ['Bun', findRuntime('bun'), ['run']],
  ['Deno', findRuntime('deno'), ['run', '--allow-all']],
] as const;
const cases = runtimes.flatMap(([name, path, args]) =>
  ends.map(([end, ended]) => [name, end, path, args, ended] as const),
);

for (const [name, end, path, args, ended] of cases) {
  it.skipIf(path === undefined)(`sends one trace of all requests by ${name} (${end})`, async () => {
    const sink = await startSink();
    const child = spawn(path ?? '', [...args, 'app.mjs', sink.url, end], { cwd: project.folder });
    let output = '';
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    const exit = await new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    await sink.close();
    expect(output).toBe('');
    expect(exit).toEqual(ended);
    const idOf = new Map(sink.spans.map((span) => [span.spanId, span]));
    const shown = sink.spans.map(({ name: own, kind, parentSpanId }) => {
      const parent = idOf.get(parentSpanId ?? '');
      return [own, kind, parent === undefined ? '' : `${parent.name} ${parent.kind}`].join(' < ');
    });
    expect(shown.toSorted()).toEqual([
      'GET < 2 < GET 3',
      'GET < 2 < GET 3',
      'GET < 3 < root 1',
      'GET < 3 < root 1',
      'root < 1 < ',
      'work < 1 < GET 2',
      'work < 1 < GET 2',
    ]);
    const schemes = sink.spans
      .map(({ attributes }) => attributes['url.scheme'])
      .filter((scheme) => scheme !== undefined);
    expect(schemes).toEqual(['http', 'http']);
    expect(new Set(sink.spans.map(({ traceId }) => traceId)).size).toBe(1);
  });
}

/** What the engine alone costs: the collector's own Native bytes by INFILE into the collector's own schema. */
import { statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { decodeOtlp } from '../../packages/server/dist/receivers/otlp-decoder.js';
import { ByteBuffer } from '../../packages/server/dist/ingest/growable.js';
import { Refusals } from '../../packages/server/dist/ingest/ingest.js';
import { writeNativeBlock } from '../../packages/server/dist/ingest/native-block.js';
import { SpanBlock } from '../../packages/server/dist/ingest/span-block.js';
import { EmbeddedEngine } from '../../packages/server/dist/storage/embedded.js';
import { cpuUs, mergesEnded } from './collector.mjs';
import { RequestTemplate, SPANS_A_REQUEST } from './payload.mjs';

const silent = { debug() {}, error: console.error };
const { Registry } = createRequire(new URL('../../packages/server/package.json', import.meta.url))('prom-client');

/** Opens the engine on a store; answers it with the process id of its process. */
export async function openEngine(directory) {
  let pid = 0;
  const engine = new EmbeddedEngine({
    directory,
    log: silent,
    registry: new Registry(),
    onProcess: (started) => (pid = started),
  });
  await engine.start();
  return { engine, pid };
}

/** Inserts files of `rowsAFile` spans until there are `rows`. Answers the engine process's CPU µs a span. */
export async function measureFloor(directory, rowsAFile, rows) {
  const { engine, pid } = await openEngine(join(directory, 'floor'));
  try {
    const begin = cpuUs(pid);
    const file = join(directory, 'floor.native');
    const templates = Array.from({ length: 30 }, (_, number) => new RequestTemplate(number));
    let inserted = 0;
    for (let number = 0; inserted < rows;) {
      const native = new ByteBuffer();
      const block = new SpanBlock(1);
      const stop = inserted + rowsAFile;
      for (; inserted < stop; inserted += SPANS_A_REQUEST) {
        const template = templates[number % templates.length];
        template.stamp(1, number++, Date.now());
        block.mark();
        decodeOtlp(template.bytes, block, new Refusals());
        if (number % 8 === 0) flush(block, native);
      }
      flush(block, native);
      writeFileSync(file, native.content());
      await engine.insertNativeFile('spans', file, `floor-${number}`);
    }
    // Merges that the inserts have caused belong to them.
    await mergesEnded(pid);
    return { cpuUsASpan: (cpuUs(pid) - begin) / inserted, spans: inserted, fileBytes: statSync(file).size };
  } finally {
    await engine.close();
  }
}

function flush(block, native) {
  writeNativeBlock(block, native);
  block.clear();
}

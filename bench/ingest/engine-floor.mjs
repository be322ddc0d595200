/**
 * What the engine alone costs: the collector's own Native bytes by INFILE into the collector's own table of spans, and the derived tables
 * filled by the collector's own job. Nothing is made findable before it is stored.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { cpuUs, mergesEnded } from './collector.mjs';
import { openEngine } from './engine.mjs';
import { NativeFiles } from './native-file.mjs';
import { RequestTemplate, SERVICES, SPANS_PER_REQUEST } from './payload.mjs';
import { Counting } from './rollups.mjs';

/** Inserts files of `rowsAFile` spans until there are `rows`. Returns the engine process's CPU µs a span. */
export async function measureFloor(directory, rowsAFile, rows) {
  const { engine, pid } = await openEngine(join(directory, 'floor'));
  try {
    const begin = cpuUs(pid);
    const path = join(directory, 'floor.native');
    const templates = Array.from({ length: SERVICES }, (_, number) => new RequestTemplate(number));
    const files = new NativeFiles();
    const counting = new Counting(engine);
    let inserted = 0;
    for (let number = 0; inserted < rows;) {
      const before = inserted;
      for (; inserted < before + rowsAFile; inserted += SPANS_PER_REQUEST) {
        const template = templates[number % templates.length];
        template.stamp(1, number++, Date.now());
        files.add(template.bytes);
      }
      files.write(path);
      await engine.insertNativeFile('spans', path, `floor-${number}`);
      await counting.inserted(inserted - before, files.lastArrival);
    }
    await counting.end();
    const countedUs = cpuUs(pid) - begin;
    // Merges that the inserts have caused belong to them.
    await mergesEnded([pid]);
    return {
      cpuUsASpan: (cpuUs(pid) - begin) / inserted,
      beforeMergesUs: countedUs / inserted,
      spans: inserted,
      fileBytes: statSync(path).size,
    };
  } finally {
    await engine.close();
  }
}

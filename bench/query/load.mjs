/** Fills a store with traces as the collector does: the decoder, the columns, Native files, INSERT … FROM INFILE, and the job for derived tables. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuUs } from '../ingest/collector.mjs';
import { openEngine } from '../ingest/engine.mjs';
import { NativeFiles } from '../ingest/native-file.mjs';
import { SERVICES, SPANS_PER_REQUEST } from '../ingest/payload.mjs';
import { Counting } from '../ingest/rollups.mjs';
import { TraceTemplate } from './traces.mjs';

const REQUESTS_PER_FILE = 192;
const MERGE_TIMEOUT_MS = 300_000;
/** Of so many requests one has a span that is asked for. */
const REQUESTS_A_KNOWN_SPAN = 211;

/**
 * Loads each of `ranges`: `spans` spans that start evenly over `seconds` from `startMs` on. Returns what it cost, the bytes on disk by
 * table, and some spans of the range that `isAsked`, to ask for.
 */
export async function loadTraces(directory, { ranges, traceState }) {
  const { engine, pid, ask } = await openEngine(join(directory, 'store'));
  try {
    const templates = Array.from({ length: SERVICES }, (_, number) => new TraceTemplate(number, traceState));
    const files = new NativeFiles();
    const counting = new Counting(engine);
    const known = [];
    const cpuBefore = cpuUs(pid);
    const begin = performance.now();
    let number = 0;
    let inserting = Promise.resolve();
    for (const { startMs, seconds, spans, isAsked } of ranges) {
      const requests = Math.ceil(spans / SPANS_PER_REQUEST);
      for (let done = 0; done < requests;) {
        const path = join(directory, `load-${number}.native`);
        const before = done;
        for (const stop = Math.min(requests, done + REQUESTS_PER_FILE); done < stop; done++, number++) {
          const template = templates[number % templates.length];
          template.stamp(number, startMs + (done / requests) * seconds * 1000);
          files.add(template.bytes);
          if (isAsked && done % REQUESTS_A_KNOWN_SPAN === 0) known.push(template.span(number % SPANS_PER_REQUEST));
        }
        // The next file is made while this one is inserted.
        await inserting;
        files.write(path);
        const rows = (done - before) * SPANS_PER_REQUEST;
        const { lastArrival } = files;
        inserting = insert(engine, path, () => counting.inserted(rows, lastArrival));
      }
    }
    await inserting;
    await counting.end();
    const loadMs = performance.now() - begin;
    const rows = number * SPANS_PER_REQUEST;
    const insertCpuUs = (cpuUs(pid) - cpuBefore) / rows;
    await merged(ask);
    const tables = await ask(`SELECT table, toFloat64(sum(bytes_on_disk)), toFloat64(sum(rows)), count()
FROM system.parts WHERE database = 'throughline' AND active GROUP BY table ORDER BY table`);
    const [[stored]] = await ask('SELECT toFloat64(count()) FROM throughline.spans');
    const [[counted]] = await ask('SELECT toFloat64(sum(spans)) FROM throughline.operation_15m');
    if (stored !== rows || counted !== rows) {
      throw new Error(`${rows} spans were loaded, ${stored} are stored, ${counted} are counted in operation_15m`);
    }
    return {
      spans: rows,
      known,
      spansASecond: (rows / loadMs) * 1000,
      insertCpuUs,
      engineCpuUs: (cpuUs(pid) - cpuBefore) / rows,
      bytesASpan: tables.reduce((sum, [, bytes]) => sum + bytes, 0) / rows,
      tables: tables.map(([table, bytes, tableRows, parts]) => ({
        table,
        bytes,
        rows: tableRows,
        parts: Number(parts),
      })),
    };
  } finally {
    await engine.close();
  }
}

async function insert(engine, path, whenInserted) {
  await engine.insertNativeFile('spans', path, path);
  rmSync(path);
  await whenInserted();
}

/** Waits until nothing has been merged for a while. */
async function merged(ask) {
  const deadline = performance.now() + MERGE_TIMEOUT_MS;
  for (let quiet = 0; quiet < 6;) {
    const [[merges]] = await ask('SELECT count() FROM system.merges');
    quiet = Number(merges) === 0 ? quiet + 1 : 0;
    if (performance.now() > deadline) throw new Error('merges do not come to an end');
    await delay(500);
  }
}

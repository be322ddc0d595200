/** Fills a store with traces as the collector does: the decoder, the columns, Native files, INSERT … FROM INFILE. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeOtlp } from '../../packages/server/dist/receivers/otlp-decoder.js';
import { ByteBuffer } from '../../packages/server/dist/ingest/growable.js';
import { Refusals } from '../../packages/server/dist/ingest/ingest.js';
import { writeNativeBlock } from '../../packages/server/dist/ingest/native-block.js';
import { SpanBlock } from '../../packages/server/dist/ingest/span-block.js';
import { cpuUs } from '../ingest/collector.mjs';
import { openEngine } from '../ingest/engine-floor.mjs';
import { SERVICES, SPANS_A_REQUEST } from '../ingest/payload.mjs';
import { TraceTemplate } from './traces.mjs';

const REQUESTS_A_FILE = 192;
const MERGE_TIMEOUT_MS = 300_000;

/**
 * Loads `spans` spans that start evenly over `seconds` from `startMs` on. Answers what it cost, the bytes on disk by
 * table, and some spans to ask for.
 */
export async function loadTraces(directory, { spans, startMs, seconds, traceState }) {
  const { engine, pid } = await openEngine(join(directory, 'store'));
  const ask = async (sql) => {
    const bytes = await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: 60_000 });
    const lines = Buffer.from(bytes).toString().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  };
  try {
    const requests = Math.ceil(spans / SPANS_A_REQUEST);
    const templates = Array.from({ length: SERVICES }, (_, number) => new TraceTemplate(number, traceState));
    const known = [];
    const cpuBefore = cpuUs(pid);
    const begin = performance.now();
    let inserting = Promise.resolve();
    for (let number = 0; number < requests;) {
      const native = new ByteBuffer();
      const block = new SpanBlock(1);
      const file = join(directory, `load-${number}.native`);
      for (const stop = Math.min(requests, number + REQUESTS_A_FILE); number < stop; number++) {
        const template = templates[number % templates.length];
        template.stamp(number, startMs + (number / requests) * seconds * 1000);
        block.mark();
        decodeOtlp(template.bytes, block, new Refusals());
        if (number % 211 === 0) known.push(template.span(number % SPANS_A_REQUEST));
        if (number % 8 === 7) flush(block, native);
      }
      flush(block, native);
      writeFileSync(file, native.content());
      await inserting;
      inserting = engine.insertNativeFile('spans', file, file).then(() => rmSync(file));
    }
    await inserting;
    const loadMs = performance.now() - begin;
    const insertCpuUs = (cpuUs(pid) - cpuBefore) / (requests * SPANS_A_REQUEST);
    await merged(ask);
    const tables = await ask(`SELECT table, toFloat64(sum(bytes_on_disk)), toFloat64(sum(rows)), count()
FROM system.parts WHERE database = 'throughline' AND active GROUP BY table ORDER BY table`);
    const rows = requests * SPANS_A_REQUEST;
    const [[stored]] = await ask('SELECT toFloat64(count()) FROM throughline.spans');
    if (stored !== rows) throw new Error(`${rows} spans were loaded, ${stored} are stored`);
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

function flush(block, native) {
  writeNativeBlock(block, native);
  block.clear();
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

import { writeFile } from 'node:fs/promises';
import { ByteBuffer } from '../columns/growable-buffers.ts';
import { COUNTED_COLUMNS } from '../storage/rollups/counted-columns.ts';
import { OTHERS_BYTES, type RollupName } from '../storage/rollups/rollup-names.ts';
import type { CountedRow } from './counted-minutes.ts';

type ColumnName = (typeof COUNTED_COLUMNS)[number][0];

/** Of a block: about 2 ms. */
const ROWS_MAX = 2_048;

/** Writes a file of blocks in ClickHouse's Native format, one at a time. */
export async function writeNativeRows(path: string, rows: Iterable<CountedRow>): Promise<void> {
  let blocks = 0;
  let block: CountedRow[] = [];
  const write = async (): Promise<void> => {
    await writeFile(path, nativeRows(block), { flag: blocks++ === 0 ? 'w' : 'a', mode: 0o600 });
    block = [];
  };
  for (const row of rows) {
    block.push(row);
    if (block.length === ROWS_MAX) await write();
  }
  if (block.length > 0) await write();
}

function nativeRows(rows: readonly CountedRow[]): Uint8Array {
  const out = new ByteBuffer();
  const text = (value: RollupName): void => {
    const bytes = value === null ? OTHERS_BYTES : Buffer.from(value, 'utf8');
    out.string(bytes, 0, bytes.length);
  };
  const writers: Record<ColumnName, (row: CountedRow) => void> = {
    time: ({ time }) => out.room(4).setUint32(0, time, true),
    service_name: ({ service }) => text(service),
    operation: ({ operation }) => text(operation),
    kind: ({ kind }) => out.byte(kind),
    status: ({ status }) => out.byte(status),
    bucket: ({ bucket }) => out.room(2).setUint16(0, bucket, true),
    requests: ({ requests }) => out.uint64(requests),
    duration_sum_ns: ({ durationSumNs }) => out.room(8).setFloat64(0, durationSumNs, true),
  };
  out.varint(COUNTED_COLUMNS.length);
  out.varint(rows.length);
  for (const [name, type] of COUNTED_COLUMNS) {
    text(name);
    text(type);
    for (const row of rows) writers[name](row);
  }
  return out.content();
}

import { ByteBuffer } from '../ingest/growable.ts';
import { COUNTED_COLUMNS } from '../storage/counted.ts';
import type { CountedMinute } from './counted-minutes.ts';

type ColumnName = (typeof COUNTED_COLUMNS)[number][0];

/** One block in ClickHouse's Native format, as a file holds it. */
export function nativeRows(rows: readonly CountedMinute[]): Uint8Array {
  const out = new ByteBuffer();
  const text = (value: string): void => {
    const bytes = Buffer.from(value, 'utf8');
    out.string(bytes, 0, bytes.length);
  };
  const writers: Record<ColumnName, (row: CountedMinute) => void> = {
    time: ({ minute }) => out.room(4).setUint32(0, minute, true),
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

import { columnType, NativeCursor } from '../storage/cluster/native-cursor.ts';

/** How many rows a file in ClickHouse's Native format has. Throws `SplitError` for bytes that are none. */
export function nativeRows(bytes: Buffer): number {
  const cursor = new NativeCursor(bytes);
  let rows = 0;
  while (cursor.offset < bytes.length) {
    const columns = cursor.varint();
    const ofBlock = cursor.varint();
    for (let column = 0; column < columns; column++) {
      cursor.text();
      const type = columnType(cursor.text());
      if (ofBlock > 0) cursor.skipColumn(type, ofBlock);
    }
    rows += ofBlock;
  }
  return rows;
}

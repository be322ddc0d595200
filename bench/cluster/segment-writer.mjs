/**
 * A process that writes segments, so that whoever inserts them does nothing else: each whole, and as the collector parts it for two shards, of
 * a current version and of 18.16. Ends when its parent lets go of it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { shardHashOfTrace } from '../../packages/server/dist/storage/cluster/cluster-tables.js';
import { columnType, NativeCursor } from '../../packages/server/dist/storage/cluster/native-cursor.js';
import { splitNative } from '../../packages/server/dist/storage/cluster/split-native.js';
import { NativeFiles } from '../ingest/native-file.mjs';
import { RequestTemplate, SERVICES } from '../ingest/payload.mjs';

const SHARDS = 2;

const templates = Array.from({ length: SERVICES }, (_, number) => new RequestTemplate(number));
const files = new NativeFiles();
let number = 0;

process.on('message', ({ path, requests }) => {
  for (let count = 0; count < requests; count++) {
    const template = templates[number % templates.length];
    template.stamp(1, number++, Date.now());
    files.add(template.bytes);
  }
  files.write(path);
  const bytes = readFileSync(path);
  const write = (isPlain) =>
    partsOf(bytes, isPlain).map((part, index) => {
      const partPath = `${path}.${isPlain ? 'plain' : 'part'}${index}`;
      writeFileSync(partPath, part);
      return { path: partPath, columns: columnsOf(part) };
    });
  process.send({ whole: { path, columns: columnsOf(bytes) }, parts: write(false), plainParts: write(true) });
});

function partsOf(bytes, isPlain) {
  const parts = Array.from({ length: SHARDS }, () => []);
  const shardOf = (source, offset) => shardHashOfTrace(source, offset) % SHARDS;
  for (const block of splitNative(bytes, { shards: SHARDS, by: 'trace_id', shardOf, isPlain })) {
    block.forEach((part, index) => part !== null && parts[index].push(part));
  }
  return parts.map((part) => Buffer.concat(part));
}

/** Names and types of the first block's columns. */
function columnsOf(bytes) {
  const cursor = new NativeCursor(bytes);
  const [count, rows] = [cursor.varint(), cursor.varint()];
  return Array.from({ length: count }, () => {
    const column = [cursor.text(), cursor.text()];
    cursor.skipColumn(columnType(column[1]), rows);
    return column;
  });
}

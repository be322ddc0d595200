import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATA_SUFFIX, INDEX_SUFFIX } from '../spool/segment-files.ts';
import { decodeRecords } from '../spool/segment-index.ts';
import type { FileList } from './file-list.ts';

/** The folders whose segments grow while they are copied. */
const SPOOLS = ['spool', 'counts/spool'];

/**
 * In which order the files of a folder are copied while segments grow, so that what was appended last is missing and
 * nothing before it: the indexes before the data, and the newest first. A segment is full before anything is in the
 * next one.
 */
export function copyOrder(names: readonly string[]): string[] {
  const [indexes, others] = [true, false].map((isIndex) =>
    names.filter((name) => name.endsWith(INDEX_SUFFIX) === isIndex),
  );
  return [...(indexes ?? []).toSorted().toReversed(), ...(others ?? [])];
}

/**
 * The list with segments as long as their indexes say: what was appended behind the copy of an index has no record, and
 * would be taken for damage in all but the newest segment.
 */
export async function cutSegments(snapshot: string, list: FileList): Promise<FileList> {
  const files = await Promise.all(
    list.files.map(async (file) => {
      const [, folder = '', segment = ''] = SEGMENT.exec(file.path) ?? [];
      if (!SPOOLS.includes(folder)) return file;
      const index = await readFile(join(snapshot, folder, segment + INDEX_SUFFIX)).catch(() => null);
      const end = index === null ? null : endOf(index);
      return end === null || end >= file.bytes ? file : { ...file, bytes: end };
    }),
  );
  return { ...list, files };
}

const SEGMENT = new RegExp(`^(.+)/([^/]+)\\${DATA_SUFFIX}$`);

/** Null where a record is damaged: then the segment is kept as it is. */
function endOf(index: Buffer): number | null {
  let end = 0;
  for (const record of decodeRecords(index)) {
    if (record === null) return null;
    end = Math.max(end, record.offset + record.length);
  }
  return end;
}

import type { Migration } from './migration.ts';

/** Of a part before it is compressed: below this it is one file for all columns. */
const WIDE_PART_BYTES = 32 * 1024 * 1024;

/**
 * A part of some ten thousand spans is 18 files instead of 216, each of which an insert waits for to be on the disk. Those of a
 * busy minute stay as they are: more columns to a file cost less to write and more to merge.
 */
export const shrinkSmallParts: Migration = {
  name: 'small-parts',
  statements: ({ partTuning }) =>
    partTuning ? [`ALTER TABLE throughline.spans MODIFY SETTING min_bytes_for_wide_part = ${WIDE_PART_BYTES}`] : [],
};

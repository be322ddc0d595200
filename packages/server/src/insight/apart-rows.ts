import { attributesApart, sayApart, type ApartAttribute } from '@throughline/trace/insight';
import type { NativeBlock } from '../query/native-columns.ts';
import { readNative } from '../query/native-reader.ts';
import type { SelectionShares } from './apart-sql.ts';

/** What the engine answered of a selection and of what it is held against. */
export interface ApartJob {
  readonly question: 'apart';
  /** Their spans, in ClickHouse's Native format. */
  readonly answers: readonly Uint8Array[];
  /** The roots of their traces; the same. */
  readonly roots: readonly Uint8Array[];
  readonly shares: SelectionShares;
  readonly limit: number;
}

export interface Apart {
  readonly attributes: readonly ApartAttribute[];
  readonly text: string;
  /** Requests that were looked at. */
  readonly selectedCount: number;
  readonly otherCount: number;
}

/** A trace is one request, however many spans of it were read; one of which any span is selected is selected. */
export function apartOf({ answers, roots, shares, limit }: ApartJob): Apart {
  const requests = new Map<string, { isSelected: boolean; attributes: Map<string, string> }>();
  for (const block of blocksOf(answers)) {
    const traceId = block.strings('trace_id');
    const isSelected = block.ints('is_selected');
    const read = attributesIn(block);
    for (let row = 0; row < block.rowCount; row++) {
      const id = traceId.hex(row);
      const known = requests.get(id);
      const selected = isSelected.at(row) === 1;
      if (known?.isSelected === true || (known !== undefined && !selected)) continue;
      const attributes = new Map<string, string>();
      read(row, attributes);
      requests.set(id, { isSelected: selected, attributes });
    }
  }
  for (const block of blocksOf(roots)) {
    const traceId = block.strings('trace_id');
    const read = attributesIn(block);
    for (let row = 0; row < block.rowCount; row++) {
      const request = requests.get(traceId.hex(row));
      if (request !== undefined) read(row, request.attributes);
    }
  }
  const all = [...requests.values()];
  const of = (wanted: boolean) =>
    all.filter(({ isSelected }) => isSelected === wanted).map(({ attributes }) => attributes);
  const [selected, others] = [of(true), of(false)];
  const options = { foundMax: limit, selectedWeight: 1 / shares.selected, otherWeight: 1 / shares.others };
  const attributes = attributesApart(selected, others, options);
  const [selectedCount, otherCount] = [selected.length, others.length];
  return { attributes, text: sayApart(attributes, selectedCount, otherCount), selectedCount, otherCount };
}

function blocksOf(answers: readonly Uint8Array[]): NativeBlock[] {
  return answers.flatMap((bytes) => readNative(bytes));
}

/** Adds the attributes of a row: those that are there already stay. */
function attributesIn(block: NativeBlock): (row: number, into: Map<string, string>) => void {
  const lists = (['attrs', 'res'] as const).map(
    (of) => [block.stringArrays(`${of}_keys`), block.stringArrays(`${of}_values`)] as const,
  );
  return (row, into) => {
    for (const [keys, values] of lists) {
      const [from, valuesFrom] = [keys.from(row), values.from(row)];
      for (let at = from; at < keys.to(row); at++) {
        const key = keys.values.text(at);
        if (!into.has(key)) into.set(key, values.values.text(valuesFrom + at - from));
      }
    }
  };
}

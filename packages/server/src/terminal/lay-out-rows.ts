import { criticalNs, likeCalls, StatusCode, type Trace } from '@throughline/trace';

/** Which spans are shown, and how many rows. */
export interface RowOptions {
  /** Only the critical path. */
  readonly critical: boolean;
  /** Only spans that failed, with those above them. */
  readonly errors: boolean;
  /** Levels below the top, from 0; Infinity for all. */
  readonly depthMax: number;
  /** 1 or more. */
  readonly rowsMax: number;
  /** Whether like siblings have a row each. */
  readonly isExpanded: boolean;
}

/** A span, or siblings that are alike. */
export interface Row {
  /** In display order; more than one where they are alike. */
  readonly spans: readonly number[];
  /** 0 at the top. */
  readonly depth: number;
  /** Its place in the list; -1 at the top. */
  readonly parentRow: number;
  /** Whether no sibling follows. */
  readonly isLast: boolean;
  /** Spans below it that have no row. */
  readonly hiddenSpans: number;
}

export interface RowLayout {
  readonly rows: readonly Row[];
  /** Spans that the options select, with those above them. */
  readonly selectedSpans: number;
  /** Those of them that stand in no row. */
  readonly hiddenSpans: number;
}

/** As many like siblings are one row. */
const LIKE_MIN = 4;
/** What failed is shown rather than what took as much of the time. */
const FAILED_SHARE = 0.1;
const EXTENT_WEIGHT = 0.01;

interface Group {
  readonly spans: readonly number[];
  readonly parent: Group | null;
  readonly depth: number;
  /** Where it is in the order of the display, among all groups. */
  readonly place: number;
  children: readonly Group[];
}

/**
 * The rows of a waterfall: like siblings together, and of too many rows those that took the critical path, failed, or
 * took long. Takes n log n time at any depth or width, and no call stack.
 */
export function layOutRows(trace: Trace, causes: ReadonlySet<number>, options: RowOptions): RowLayout {
  const onPathNs = criticalNs(trace);
  const isSelected = selectSpans(trace, onPathNs, options);
  const { tops, groups } = groupSpans(trace, isSelected, options);
  const isShown = chooseGroups(trace, groups, onPathNs, causes, options.rowsMax);
  const rows = rowsOf(trace, tops, isSelected, isShown);
  const selectedSpans = isSelected.reduce((sum, one) => sum + one, 0);
  const shown = rows.reduce((sum, { spans }) => sum + spans.length, 0);
  return { rows, selectedSpans, hiddenSpans: selectedSpans - shown };
}

/** 1 for spans that the options are about, and for all above them. */
function selectSpans(trace: Trace, onPathNs: Float64Array, { critical, errors }: RowOptions): Uint8Array {
  const isSelected = new Uint8Array(trace.spanCount);
  if (!critical && !errors) return isSelected.fill(1);
  // A parent is before its children: backwards, each has been decided before its parent asks.
  for (let span = trace.spanCount - 1; span >= 0; span--) {
    const isOnPath = onPathNs[span]! > 0 || span === trace.rootIndex;
    const hasFailed = trace.statusCode[span] === StatusCode.error;
    if ((!critical || isOnPath) && (!errors || hasFailed)) isSelected[span] = 1;
    const parent = trace.parentIndex[span]!;
    if (isSelected[span] === 1 && parent >= 0) isSelected[parent] = 1;
  }
  return isSelected;
}

function groupSpans(
  trace: Trace,
  isSelected: Uint8Array,
  { depthMax, isExpanded }: RowOptions,
): { readonly tops: readonly Group[]; readonly groups: readonly Group[] } {
  const like = likeCalls(trace);
  const groups: Group[] = [];
  const make = (spans: readonly number[], parent: Group | null, likeMin: number): Group[] => {
    const bySort = new Map<number, number[]>();
    for (const span of spans) {
      const sort = like(span);
      const others = bySort.get(sort);
      if (others === undefined) bySort.set(sort, [span]);
      else others.push(span);
    }
    return [...bySort.values()]
      .flatMap((alike) => (alike.length < likeMin ? alike.map((span) => [span]) : [alike]))
      .toSorted((a, b) => trace.startNs[a[0]!]! - trace.startNs[b[0]!]! || a[0]! - b[0]!)
      .map((members) => {
        const depth = parent === null ? 0 : parent.depth + 1;
        const group: Group = { spans: members, parent, depth, place: groups.length, children: [] };
        groups.push(group);
        return group;
      });
  };
  const selected = (first: number, end: number): number[] => {
    const spans: number[] = [];
    for (let span = first; span < end; span += trace.subtreeSize[span]!) if (isSelected[span] === 1) spans.push(span);
    return spans;
  };
  const least = isExpanded ? Infinity : LIKE_MIN;
  const tops = make(selected(0, trace.spanCount), null, least);
  for (let at = 0; at < groups.length; at++) {
    const group = groups[at]!;
    if (group.depth >= depthMax) continue;
    const below = group.spans.flatMap((span) => selected(span + 1, span + trace.subtreeSize[span]!));
    // Below siblings that share a row nobody can tell whose children are whose.
    group.children = make(below, group, group.spans.length > 1 ? 1 : least);
  }
  return { tops, groups };
}

/** 1 for the groups that have a row, by their places. A group never has one without all that are above it. */
function chooseGroups(
  trace: Trace,
  groups: readonly Group[],
  onPathNs: Float64Array,
  causes: ReadonlySet<number>,
  rowsMax: number,
): Uint8Array {
  const isShown = new Uint8Array(groups.length);
  if (groups.length <= rowsMax) return isShown.fill(1);
  const failedNs = trace.extentNs * FAILED_SHARE;
  const weights = Float64Array.from(groups, ({ spans }) => {
    let weight = 0;
    let longestNs = 0;
    let hasFailed = false;
    for (const span of spans) {
      if (causes.has(span)) return Infinity;
      weight += onPathNs[span]!;
      longestNs = Math.max(longestNs, trace.durationNs[span]!);
      hasFailed ||= trace.statusCode[span] === StatusCode.error;
    }
    return weight + longestNs * EXTENT_WEIGHT + (hasFailed ? failedNs : 0);
  });
  const ranked = groups.toSorted((a, b) => {
    const [one, other] = [weights[a.place]!, weights[b.place]!];
    return one === other ? a.place - b.place : other - one;
  });
  let free = rowsMax;
  for (const group of ranked) {
    const missing: Group[] = [];
    let above: Group | null = group;
    while (above !== null && isShown[above.place] === 0 && missing.length <= free) {
      missing.push(above);
      above = above.parent;
    }
    if (missing.length > free) continue;
    for (const { place } of missing) isShown[place] = 1;
    free -= missing.length;
    if (free === 0) break;
  }
  return isShown;
}

function rowsOf(trace: Trace, tops: readonly Group[], isSelected: Uint8Array, isShown: Uint8Array): Row[] {
  const selectedBefore = new Float64Array(trace.spanCount + 1);
  for (let span = 0; span < trace.spanCount; span++)
    selectedBefore[span + 1] = selectedBefore[span]! + isSelected[span]!;
  /** Selected spans of a group, with those below it. */
  const sizeOf = ({ spans }: Group): number =>
    spans.reduce((sum, span) => sum + selectedBefore[span + trace.subtreeSize[span]!]! - selectedBefore[span]!, 0);
  const rows: Row[] = [];
  const waiting: { group: Group; parentRow: number; isLast: boolean }[] = [];
  const push = (shown: readonly Group[], parentRow: number): void => {
    for (const [at, group] of shown.toReversed().entries()) waiting.push({ group, parentRow, isLast: at === 0 });
  };
  const shownOf = (siblings: readonly Group[]): Group[] => siblings.filter(({ place }) => isShown[place] === 1);
  push(shownOf(tops), -1);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { group, parentRow, isLast } = next;
    const { spans, depth } = group;
    const children = shownOf(group.children);
    const below = children.reduce((sum, child) => sum + sizeOf(child), 0);
    rows.push({ spans, depth, parentRow, isLast, hiddenSpans: sizeOf(group) - spans.length - below });
    push(children, rows.length - 1);
  }
  return rows;
}
